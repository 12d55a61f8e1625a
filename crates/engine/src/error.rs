//! Why the engine refuses or fails.

use model::{AggregateId, Rejection};
use ports::{CommitError, StoreError};

/// Why an asked input had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// The decider refused the input; nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The idempotency token was used before, with the same request: this aggregate is its result.
    #[error("the request was made before, its result is {holder}")]
    Replayed {
        /// What the first request created.
        holder: AggregateId,
    },
    /// The idempotency token was used before with other parameters.
    #[error("the idempotency token was used before with other parameters")]
    TokenMismatch,
    /// Queues are full: nothing was accepted, the caller may try again later.
    #[error("the server is busy, try again later")]
    Busy,
    /// The engine is stopping: nothing was accepted.
    #[error("the server is stopping")]
    Stopping,
    /// The store failed; the process is about to end.
    #[error("the store failed: {0}")]
    Broken(String),
}

/// Why a resource was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// It is not as the writer expected: it exists already, was changed meanwhile, or is gone.
    #[error("resource `{kind}/{name}` is not as expected")]
    Conflict {
        /// Family.
        kind: String,
        /// Name.
        name: String,
        /// Revision found, if it exists.
        found: Option<u64>,
    },
    /// Queues are full: nothing was accepted.
    #[error("the server is busy, try again later")]
    Busy,
    /// The store failed; the process is about to end.
    #[error("the store failed: {0}")]
    Broken(String),
}

/// A view could not be read.
pub type ReadError = StoreError;

impl From<CommitError> for ChangeError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::ResourceConflict { kind, name, found } => {
                Self::Conflict { kind, name, found }
            }
            CommitError::Full => Self::Busy,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<CommitError> for AskError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Full => Self::Busy,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<StoreError> for AskError {
    fn from(error: StoreError) -> Self {
        Self::Broken(error.0)
    }
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Broken(error.0)
    }
}
