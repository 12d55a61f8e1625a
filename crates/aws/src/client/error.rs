//! Why a call has no result: what went wrong, after how many attempts, and whether it may have happened.

use crate::client::{CredentialError, TransportError};
use crate::{Error, ServiceError, retry};

/// A call without a result.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
#[error("{}", self.words())]
pub struct CallError {
    /// What went wrong in the last attempt, or before the first.
    pub cause: CallFailure,
    /// Requests that were sent or tried to be sent.
    pub attempts: u32,
    /// Whether an attempt may have taken effect without saying so. For a call that may be repeated this is known and
    /// harmless; for another one the outcome is unknown.
    pub may_have_happened: bool,
    /// Whether the call was one that may be repeated.
    pub repeatable: bool,
}

/// What went wrong.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum CallFailure {
    /// The call does not fit its model, or no endpoint fits it. Nothing was sent.
    #[error(transparent)]
    Invalid(#[from] Error),
    /// There are no keys to sign with. Nothing was sent.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The service's own error, or an answer that cannot be read.
    #[error(transparent)]
    Service(Box<ServiceError>),
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The time was up before the (next) attempt could be made.
    #[error("the call's time was up before it could be sent")]
    OutOfTime,
}

impl CallError {
    /// A failure before anything was sent.
    pub(crate) fn unsent(cause: impl Into<CallFailure>, repeatable: bool) -> Self {
        Self {
            cause: cause.into(),
            attempts: 0,
            may_have_happened: false,
            repeatable,
        }
    }

    /// Whether nobody knows the outcome: it may have happened, and it may not be repeated.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.may_have_happened && !self.repeatable
    }

    /// The service's error, if it answered with one.
    #[must_use]
    pub fn service_error(&self) -> Option<&ServiceError> {
        match &self.cause {
            CallFailure::Service(error) => Some(error),
            _ => None,
        }
    }

    /// The service's code (`InvalidInstanceID.NotFound`), or `ParamValidation`, `Credentials`, `Network`, `Timeout`,
    /// `Http` for failures that no service named.
    #[must_use]
    pub fn code(&self) -> &str {
        match &self.cause {
            CallFailure::Service(error) => &error.code,
            CallFailure::Invalid(_) => "ParamValidation",
            CallFailure::Credentials(_) => "Credentials",
            CallFailure::OutOfTime => "Timeout",
            CallFailure::Transport(error) => match error {
                TransportError::Timeout { .. } => "Timeout",
                TransportError::TooLarge { .. } => "Http",
                TransportError::Forbidden { .. } | TransportError::Unsendable { .. } => {
                    "ParamValidation"
                }
                TransportError::NotSent { .. } | TransportError::Broken { .. } => "Network",
            },
        }
    }

    /// The service's message, or words for people.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.cause {
            CallFailure::Service(error) => error.message.clone(),
            other => other.to_string(),
        }
    }

    /// HTTP status, if there was an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.service_error().map(|error| error.status)
    }

    /// AWS's request id, if there was one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.service_error()
            .and_then(|error| error.request_id.as_deref())
    }

    /// Whether a later call may succeed (throttling, passing trouble, network).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match &self.cause {
            CallFailure::Invalid(_) => false,
            CallFailure::Credentials(error) => error.transient,
            CallFailure::Service(error) => retry::is_retryable(error),
            CallFailure::Transport(error) => error.is_transient(),
            CallFailure::OutOfTime => true,
        }
    }

    fn words(&self) -> String {
        if self.is_unknown() {
            format!("{}; the call may have been carried out", self.cause)
        } else {
            self.cause.to_string()
        }
    }
}
