//! Deliveries, told to their machine with time in the tester's hand.

#![expect(
    clippy::too_many_lines,
    reason = "a scenario or a table of cases reads best in one piece"
)]

mod delivery;
mod invocation;
mod parked;

use jiff::Timestamp;
use model::effect::Failure;
use model::{Context, Outcome, Scope};
use uuid::Uuid;

fn start_of_time() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().expect("a time")
}

/// A context whose entropy depends on `number`.
fn context(id: Uuid, at: Timestamp, number: u64) -> Context {
    let mut entropy = [0; 32];
    entropy[..8].copy_from_slice(&number.to_be_bytes());
    Context {
        id,
        scope: Scope::new("123456789012", "us-east-1"),
        at,
        entropy,
    }
}

fn failure(transient: bool) -> Outcome {
    Outcome::Failed(Failure {
        code: "Smtp".to_owned(),
        message: "450 try again".to_owned(),
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    })
}
