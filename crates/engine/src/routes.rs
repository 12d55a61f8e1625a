//! Which incident a trigger goes to. Only a hint: the claim on the dedupe key, taken in the incident's own turn, decides.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use model::incident::Trigger;
use model::{AggregateId, Scope, ids};
use ports::StoreError;
use ports::store::ClaimKey;

use crate::engine::Shared;
use crate::input::Input;

/// The input that a trigger is for its incident.
pub(crate) fn incident_input(trigger: Trigger) -> Input {
    Input::Incident(Box::new(response::incident::Input::Trigger(Box::new(
        trigger,
    ))))
}

/// Which new incident a dedupe key was last sent to, until its claim is committed: triggers that follow each other
/// closely then meet in one incident, in their order, instead of racing for the claim. Only a hint: the claim decides.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<HashMap<ClaimKey, AggregateId>>);

/// Routes kept; when there are more, all are forgotten, which costs a race and nothing else.
const ROUTES: usize = 4_096;

impl Routes {
    fn route(&self, key: ClaimKey, fresh: AggregateId) -> AggregateId {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if routes.len() >= ROUTES {
            routes.clear();
        }
        *routes.entry(key).or_insert(fresh)
    }

    /// The claim is committed, and says what the route only guessed.
    pub(crate) fn forget(&self, key: &ClaimKey) {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.remove(key);
    }
}

/// The open incident with the trigger's dedupe key, or a new one.
pub(crate) async fn incident_for(
    shared: &Shared,
    scope: &Scope,
    trigger: &Trigger,
) -> Result<AggregateId, StoreError> {
    let fresh = AggregateId::incident(ids::random(&shared.ports.entropy.draw(), "incident"));
    let Some(wish) = trigger.dedupe_claim() else {
        return Ok(fresh);
    };
    let key = ClaimKey {
        scope: scope.clone(),
        family: wish.scope,
        key: wish.key,
    };
    let now = shared.ports.clock.now();
    match shared.ports.store.claim(key.clone(), now).await? {
        Some(holder) => Ok(holder),
        None => Ok(shared.routes.route(key, fresh)),
    }
}
