//! The sessions that scripts hold now.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws::credentials::Credentials;
use model::effect::AssumeRole;
use ports::{Session, Sessions};

/// Sessions by access key id, each with the number of scripts that hold it.
type Held = HashMap<String, (usize, Arc<Session>)>;

/// Knows a session from the start of the script that is given it to its end. Memory only.
#[derive(Default)]
pub struct SessionRegistry {
    held: Mutex<Held>,
}

impl SessionRegistry {
    /// Knows a session until the answer is dropped. Scripts of one run may hold the same.
    pub(crate) fn lend(self: &Arc<Self>, keys: &Credentials, role: &AssumeRole) -> Lent {
        let session = Session {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: keys.secret_access_key.clone(),
            session_token: keys.session_token.clone().unwrap_or_default(),
            role: role.clone(),
        };
        self.change(|held| {
            let entry = held
                .entry(keys.access_key_id.clone())
                .or_insert_with(|| (0, Arc::new(session)));
            entry.0 += 1;
        });
        Lent {
            registry: Arc::clone(self),
            access_key_id: keys.access_key_id.clone(),
        }
    }

    fn change<R>(&self, change: impl FnOnce(&mut Held) -> R) -> R {
        change(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Sessions for SessionRegistry {
    fn find(&self, access_key_id: &str) -> Option<Arc<Session>> {
        self.change(|held| {
            held.get(access_key_id)
                .map(|(_, session)| Arc::clone(session))
        })
    }
}

/// A session in a script's hands.
pub(crate) struct Lent {
    registry: Arc<SessionRegistry>,
    access_key_id: String,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.registry.change(|held| {
            let Some(entry) = held.get_mut(&self.access_key_id) else {
                return;
            };
            entry.0 -= 1;
            if entry.0 == 0 {
                held.remove(&self.access_key_id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_while_a_script_holds_it() {
        let registry = Arc::new(SessionRegistry::default());
        let keys = Credentials::new("ASIAEXAMPLE", "secret");
        let role = AssumeRole::default();
        assert!(registry.find("ASIAEXAMPLE").is_none());
        let first = registry.lend(&keys, &role);
        let second = registry.lend(&keys, &role);
        drop(first);
        let found = registry.find("ASIAEXAMPLE").expect("still held");
        assert_eq!(found.secret_access_key, "secret");
        assert!(registry.find("ASIAOTHER").is_none());
        drop(second);
        assert!(registry.find("ASIAEXAMPLE").is_none());
    }
}
