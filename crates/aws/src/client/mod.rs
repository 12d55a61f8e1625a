//! A client for any operation of any service: what AWS's own SDKs do around a call, without a socket or a clock.
//!
//! The caller brings the doors: a [`Transport`], a [`Clock`], a [`TokenSource`] and a [`CredentialSource`]. The client
//! knows nothing of who calls nor why.

mod doors;
mod error;
mod request;

pub use doors::{
    BoxFuture, Clock, CredentialError, CredentialSource, NoCredentials, SendLimits, TokenSource,
    Transport, TransportError,
};
pub use error::{CallError, CallFailure};
pub use request::{AssumedRole, Identity, Policy, Request};
