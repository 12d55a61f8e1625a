//! `GET /api/v1/events/rules/{bus}/{rule}/near-misses?limit=`: which of the bus's last events nearly matched a rule.

use engine::NearMiss;
use serde_json::{Value, json};

use super::explain_event::shown;
use super::runs::number;
use crate::aws::events::patterns;
use crate::call::{Answer, Call, Reply};

/// Longest event text that is repeated, in bytes: more of it says little, and a page of them should stay readable.
const MAX_EVENT: usize = 16 * 1024;

pub(super) async fn handle(call: Call) -> Answer {
    let limit = number(&call, "limit", 1, 100)?
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(10);
    let (bus, pattern) = patterns::stored(&call, Some(call.segment(0)), call.segment(1)).await?;
    let found = call
        .handle()
        .near_misses(&call.scope, &bus, &pattern, limit)
        .await;
    let list: Vec<Value> = found.misses.iter().map(view).collect();
    Ok(Reply::ok(json!({
        "lookedAt": found.looked_at,
        "matching": found.matching,
        "since": found.since.map(|since| since.to_string()),
        "nearMisses": list,
    })))
}

fn view(miss: &NearMiss) -> Value {
    let cut = miss.text.len() > MAX_EVENT;
    let text = miss.text.chars();
    let event: String = if cut {
        text.take(MAX_EVENT).collect()
    } else {
        text.collect()
    };
    json!({
        "eventId": miss.id,
        "at": miss.at.to_string(),
        "event": event,
        "eventCut": cut,
        "explanation": shown(&miss.explanation),
    })
}
