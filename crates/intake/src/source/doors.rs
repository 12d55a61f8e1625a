//! The doors of sources to the outside. Whoever has sockets and keys implements them (`app`).

use std::sync::Arc;

use aws::client::{Answer, CallError, Policy, Request};
use ports::{BoxFuture, Clock, EntropySource};

/// Calls AWS, never Quell itself: the queues and topics of sources are AWS's.
pub trait AwsDoor: Send + Sync + 'static {
    /// Makes a call and repeats it as far as `policy` allows.
    fn call(&self, request: Request, policy: Policy) -> BoxFuture<'_, Result<Answer, CallError>>;
}

/// Fetches certificates.
pub trait FetchDoor: Send + Sync + 'static {
    /// Reads the document at an `https` address: no redirect is followed, a larger answer is an error.
    ///
    /// # Errors
    /// Why there is none, in words.
    fn fetch(&self, fetching: Fetching) -> BoxFuture<'_, Result<Vec<u8>, String>>;
}

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetching {
    /// The address, checked by the asker.
    pub url: String,
    /// Most bytes of the answer.
    pub limit: usize,
}

/// All doors.
#[derive(Clone)]
pub struct Doors {
    /// Calls AWS.
    pub aws: Arc<dyn AwsDoor>,
    /// Fetches certificates.
    pub fetch: Arc<dyn FetchDoor>,
    /// Tells the time and waits.
    pub clock: Arc<dyn Clock>,
    /// Has chance.
    pub entropy: Arc<dyn EntropySource>,
}
