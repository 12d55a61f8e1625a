//! The doors of the client to the outside: who carries bytes, who knows the time, who makes tokens, who has keys.
//!
//! Traits only, object-safe, with boxed futures; whoever has sockets, a clock and files implements them.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;

use super::Identity;
use crate::{Credentials, HttpRequest, HttpResponse};

/// A boxed future that a door returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Limits of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendLimits {
    /// From the first byte sent to the last byte read.
    pub time: Duration,
    /// Most bytes of the answer's body.
    pub answer_bytes: usize,
    /// The request must not go out on a connection that served before: an idle connection that the other side just
    /// closed leaves open whether the request arrived, which a request that cannot be repeated should not be exposed to.
    pub fresh_connection: bool,
}

/// Sends one request and reads one answer.
///
/// It follows no redirect and repeats nothing: both are the client's. Dropping the future may abort the exchange.
pub trait Transport: Send + Sync {
    /// Sends `request` within `limits`.
    fn send(
        &self,
        request: HttpRequest,
        limits: SendLimits,
    ) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;
}

/// Why there is no answer, and so whether the request may have arrived.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum TransportError {
    /// No name, no connection, no TLS: the request surely did not arrive.
    #[error("cannot connect to `{host}`: {reason}")]
    NotSent {
        /// Host and port.
        host: String,
        /// What failed.
        reason: String,
    },
    /// The connection broke after the request may have arrived.
    #[error("the connection to `{host}` broke before the answer was complete: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// What failed.
        reason: String,
    },
    /// No complete answer in time; the request may have arrived.
    #[error("`{host}` did not answer within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The limit, in whole seconds.
        seconds: u64,
    },
    /// The answer is too large; the request did arrive.
    #[error("the answer of `{host}` is larger than {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The address may not be called: nothing was sent, and nothing will be.
    #[error("{reason}")]
    Forbidden {
        /// Why, in words for the person who wrote the address.
        reason: String,
    },
    /// The request has parts that HTTP cannot carry: nothing was sent.
    #[error("{reason}")]
    Unsendable {
        /// Which part.
        reason: String,
    },
}

impl TransportError {
    /// Whether the request may have arrived.
    #[must_use]
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Broken { .. } | Self::Timeout { .. } | Self::TooLarge { .. } => true,
            Self::NotSent { .. } | Self::Forbidden { .. } | Self::Unsendable { .. } => false,
        }
    }

    /// Whether another attempt may go better.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NotSent { .. } | Self::Broken { .. } | Self::Timeout { .. }
        )
    }
}

/// Time, and waiting. Waiting belongs to the clock, so that a test can let it pass at once.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// A reading that only grows; its zero is arbitrary.
    fn monotonic(&self) -> Duration;
    /// Ends after `duration`, by the monotonic reading.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Where tokens and chance come from.
pub trait TokenSource: Send + Sync {
    /// A text of at most 64 letters, digits and `-` that was never given before, e.g. a random UUID.
    fn token(&self) -> String;
    /// A number from 0 to 1, by which pauses are spread.
    fn jitter(&self) -> f64;
}

/// Who has the keys for an identity. It may keep them; it fetches new ones before they end.
pub trait CredentialSource: Send + Sync {
    /// Keys for `identity`. Never asked for [`Identity::Keys`] and [`Identity::Anonymous`].
    fn credentials<'a>(
        &'a self,
        identity: &'a Identity,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>>;
    /// A service refused the keys as ended: the next question for this identity fetches anew.
    fn forget<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, ()>;
    /// The token for a service that wants one in place of a signature, by client name (`AWS_BEARER_TOKEN_BEDROCK`).
    fn bearer_token<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<String, CredentialError>> {
        Box::pin(async move {
            Err(CredentialError {
                message: format!(
                    "`{service}` wants a bearer token, and this client has none: call an operation that is signed"
                ),
                transient: false,
            })
        })
    }
}

/// Why there are no keys. The message names no secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct CredentialError {
    /// What failed and what to do.
    pub message: String,
    /// Whether a later attempt may succeed.
    pub transient: bool,
}

/// A source without keys, for clients that only make anonymous calls or bring [`Identity::Keys`].
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials<'a>(
        &'a self,
        _: &'a Identity,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(async {
            Err(CredentialError {
                message: "this client has no credentials: give the call keys of its own".to_owned(),
                transient: false,
            })
        })
    }

    fn forget<'a>(&'a self, _: &'a Identity) -> BoxFuture<'a, ()> {
        Box::pin(async {})
    }
}
