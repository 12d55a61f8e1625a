//! `TestEventPattern`.

use engine::checks::Event;
use serde_json::json;

use super::put_rule::check_pattern;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

/// What an event must have to be tested.
const REQUIRED: [&str; 7] = [
    "id",
    "account",
    "source",
    "time",
    "region",
    "resources",
    "detail-type",
];

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let pattern = fields.required_text("EventPattern", Text::length(0, 4096))?;
    let event = fields.required_text("Event", Text::length(0, usize::MAX))?;
    let pattern = check_pattern(pattern)?;
    require_envelope(event)?;
    let event = Event::parse(event).map_err(|error| bad_event(&error.to_string()))?;
    Ok(Reply::ok(json!({ "Result": pattern.matches(&event) })))
}

fn require_envelope(text: &str) -> Result<(), ApiError> {
    let Ok(serde_json::Value::Object(event)) = serde_json::from_str(text) else {
        return Err(bad_event("it must be one JSON object"));
    };
    match REQUIRED.iter().find(|name| !event.contains_key(**name)) {
        Some(name) => Err(bad_event(&format!("it has no `{name}`"))),
        None => Ok(()),
    }
}

fn bad_event(reason: &str) -> ApiError {
    ApiError::validation(format!("Parameter Event is not valid. Reason: {reason}"))
}
