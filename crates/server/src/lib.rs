//! HTTP: the AWS wire APIs and the operator's own.
//!
//! One port. A request is canonical or refused, then its signature says who calls which service in which region,
//! then one handler per operation decodes, asks the engine and encodes. Nothing is decided here: rules, plans and
//! runbooks are the engine's, and this crate must not know how they work or where they are stored.

mod api;
mod auth;
mod aws;
mod call;
mod catalog;
mod decode;
mod dialect;
mod error;
mod gate;
mod json_body;
mod listen;
mod page;
mod query;
mod state;
mod tags;

pub use listen::{ListenError, ListenOptions, TlsConfig, serve};
pub use state::{AccessKey, AppState, Readiness, ServerConfig};

/// Everything that Quell answers, also usable in-process (`tower::ServiceExt::oneshot`) for calls from runbooks to Quell itself.
pub fn router(state: AppState) -> axum::Router {
    gate::router(state)
}

/// Whether Quell itself serves this operation: such calls of a runbook stay inside, all others go to AWS.
///
/// `service` is the SigV4 signing name, `operation` the name in the service model (`PutEvents`).
#[must_use]
pub fn serves(service: &str, operation: &str) -> bool {
    aws::find_service(service).is_some_and(|service| service.operations.serves(operation))
}
