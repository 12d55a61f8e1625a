//! Sessions of roles that code run by this server was given, so that the server knows them when that code calls back.

use std::fmt;
use std::sync::Arc;

use model::effect::AssumeRole;

/// Which sessions are out.
pub trait Sessions: Send + Sync + 'static {
    /// The session with this access key id, for as long as code that was given it runs.
    fn find(&self, access_key_id: &str) -> Option<Arc<Session>>;
}

/// A role's session in the hands of a script. Held in memory only; `Debug` shows neither secret nor token.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Access key id; public.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token; empty for a session without one.
    pub session_token: String,
    /// The role that it is a session of; its session name leads to the run.
    pub role: AssumeRole,
}

impl Session {
    /// ARN of the caller as AWS has it: `arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    #[must_use]
    pub fn arn(&self) -> String {
        let mut parts = self.role.role_arn.splitn(6, ':');
        let partition = parts.nth(1).unwrap_or("aws");
        let account = parts.nth(2).unwrap_or_default();
        let path = parts.next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        let session = &self.role.session_name;
        format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}")
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("access_key_id", &self.access_key_id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_aws_names_it() {
        for (role, want) in [
            (
                "arn:aws:iam::123456789012:role/Responder",
                "arn:aws:sts::123456789012:assumed-role/Responder/quell-1",
            ),
            (
                "arn:aws-cn:iam::123456789012:role/path/of/Responder",
                "arn:aws-cn:sts::123456789012:assumed-role/Responder/quell-1",
            ),
        ] {
            let session = Session {
                access_key_id: "ASIAEXAMPLE".to_owned(),
                secret_access_key: "very secret".to_owned(),
                session_token: "secret too".to_owned(),
                role: AssumeRole {
                    role_arn: role.to_owned(),
                    session_name: "quell-1".to_owned(),
                    ..AssumeRole::default()
                },
            };
            assert_eq!(session.arn(), want);
            let shown = format!("{session:?}");
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
