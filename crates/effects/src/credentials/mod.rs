//! As whom AWS is called: the server's own identity and the roles it assumes, cached until shortly before they end.
//!
//! Secrets pass through here and into signatures, nowhere else: no error or log names one.

mod bearer;
mod chain;
mod files;
mod metadata;
mod process;
mod roles;
mod services;
mod sso;

pub(crate) use files::profiles;
pub(crate) use roles::{Identities, assumed_role};
use services::Services;

/// Why there are no keys.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CredentialsError {
    /// The operator switched AWS off.
    #[error("this server has no aws credentials: configure them, or a role, to call aws")]
    Disabled,
    /// No source had any.
    #[error(
        "no aws credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or run with a role ({tried})"
    )]
    Nowhere {
        /// What each source said.
        tried: String,
    },
    /// A service that takes a token in place of a signature, and no token.
    #[error(
        "`{service}` takes a bearer token: set {variable}, or a profile with `sso_session` and log in by `aws sso login`"
    )]
    NoToken {
        /// Client name.
        service: String,
        /// The variable of its token.
        variable: String,
    },
    /// A source that is configured does not work.
    #[error("aws credentials from {place}: {reason}")]
    Source {
        /// Which source.
        place: String,
        /// What failed.
        reason: String,
        /// Whether it may work later.
        transient: bool,
    },
    /// A role could not be assumed.
    #[error("cannot assume role `{role}`: {code}: {reason}")]
    Role {
        /// Its ARN.
        role: String,
        /// Error code of the service.
        code: String,
        /// Its message.
        reason: String,
        /// Whether it may work later.
        transient: bool,
    },
}

impl CredentialsError {
    /// Whether a later attempt may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Disabled | Self::Nowhere { .. } | Self::NoToken { .. } => false,
            Self::Source { transient, .. } | Self::Role { transient, .. } => *transient,
        }
    }
}
