//! `GET /api/v1/events/counts`: how many events came since the start, and how many of them no rule wanted,
//! and how many of these named a bus that does not exist.

use serde_json::json;

use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let counts = call.handle().event_counts();
    Ok(Reply::ok(
        json!({ "seen": counts.seen, "unmatched": counts.unmatched, "unknownBus": counts.unknown_bus }),
    ))
}
