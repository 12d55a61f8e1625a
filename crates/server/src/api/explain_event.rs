//! `POST /api/v1/events/explain`: why an event matches a pattern, or why not.
//!
//! Body: `{"pattern": {...} | "text", "event": {...} | "text"}`, or instead of `pattern` a stored rule:
//! `{"rule": "name", "bus": "name"?, "event": ...}`. An event given as text is read to the letter: repeated keys and
//! numbers of any length. Unlike `TestEventPattern` it wants no whole envelope of the event.

use engine::checks::{Event, Explanation, explain};
use serde_json::{Value, json};

use crate::aws::events::patterns;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let any = Text::length(1, 1600);
    let (rule, bus) = (fields.text("rule", any)?, fields.text("bus", any)?);
    let pattern = match (text_of(&fields, "pattern")?, rule) {
        (Some(text), None) if bus.is_none() => patterns::given(&text)?,
        (Some(_), None) => {
            return Err(ApiError::validation(
                "`bus` belongs to `rule`: leave it out",
            ));
        }
        (None, Some(rule)) => patterns::stored(&call, bus, rule).await?.1,
        _ => {
            return Err(ApiError::validation(
                "give either `pattern` or `rule`: what is the event to be held against?",
            ));
        }
    };
    let event = text_of(&fields, "event")?.ok_or_else(|| {
        ApiError::validation("`event` is missing: give it as an object, or as JSON text")
    })?;
    let event =
        Event::parse(&event).map_err(|error| ApiError::validation(format!("`event`: {error}")))?;
    Ok(Reply::ok(shown(&explain(&pattern, &event))))
}

/// An explanation with its text for people.
pub(super) fn shown(explanation: &Explanation) -> Value {
    let mut shown = json!(explanation);
    shown["text"] = explanation.to_string().into();
    shown
}

/// JSON text, or an object as text.
fn text_of(fields: &Fields<'_>, name: &str) -> Result<Option<String>, ApiError> {
    match fields.raw(name) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(Value::Object(object.clone()).to_string())),
        Some(_) => {
            let text = fields.text(name, Text::length(1, usize::MAX))?;
            Ok(text.map(str::to_owned))
        }
    }
}
