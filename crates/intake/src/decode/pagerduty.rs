//! Events as tools send them to PagerDuty's Events API v2, and what they expect as the answer.

use serde_json::{Value, json};

use super::error::Problem;
use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::uniform::{Severity, Status, Uniform};
use super::walk::{Draft, Drafts, Outer};
use super::{DecodeError, Signal};

/// The status of an event that was taken.
pub const ACCEPTED: u16 = 202;
/// The status of one that was not.
pub const REFUSED: u16 = 400;
/// Longest `dedup_key`.
const KEY_CHARS: usize = 255;
/// The integration's key is the sender's password: it is not kept.
const SECRETS: [&str; 1] = ["routing_key"];

pub(super) fn is(members: &Members<'_>) -> bool {
    let action = members.text("event_action");
    action.is_some_and(|action| status(&action).is_some())
        && (members.has("routing_key") || members.has("payload") || members.has("dedup_key"))
}

fn status(action: &str) -> Option<Status> {
    match action {
        "trigger" => Some(Status::Open),
        "acknowledge" => Some(Status::Acknowledged),
        "resolve" => Some(Status::Closed),
        _ => None,
    }
}

pub(super) fn drafts(members: &Members<'_>, text: &str, outer: &Outer) -> Drafts {
    let format = Kind::PagerDuty.word();
    let wrong = |field: &str, wanted| {
        Problem::Wrong {
            field: field.to_owned(),
            wanted,
        }
        .at(&outer.place)
    };
    let action = members.need("event_action", format, &outer.place)?;
    let Some(status) = status(&action) else {
        return Err(wrong(
            "event_action",
            "`trigger`, `acknowledge` or `resolve`",
        ));
    };
    let given = members.word("dedup_key");
    if given
        .as_ref()
        .is_some_and(|key| key.chars().count() > KEY_CHARS)
    {
        return Err(wrong("dedup_key", "at most 255 characters"));
    }
    let payload = members.object("payload").unwrap_or_default();
    payload.unambiguous(&outer.step(".payload").place)?;
    let mut title = payload.word("summary");
    let key = match (given, status) {
        (Some(key), _) => key,
        // PagerDuty makes a key for a trigger without one; here the same event is given the same.
        (None, Status::Open) => model::ids::named(&["dedup key", text]).simple().to_string(),
        (None, _) => {
            let field = "dedup_key".to_owned();
            return Err(Problem::Missing { field, format }.at(&outer.place));
        }
    };
    if status == Status::Open {
        let place = outer.step(".payload").place;
        title = Some(payload.need("summary", format, &place)?);
        payload.need("source", format, &place)?;
        payload.need("severity", format, &place)?;
    }
    let uniform = Uniform {
        title,
        severity: payload
            .word("severity")
            .and_then(|word| Severity::of_word(&word)),
        status: Some(status),
        key: Some(key),
        truncated: None,
    };
    let detail = uniform.detail(members, &SECRETS).finish();
    let mut draft = Draft::new(Kind::PagerDuty, "pagerduty", "PagerDuty Event", detail);
    draft.time = payload.word("timestamp").and_then(|text| instant(&text));
    Ok(vec![draft])
}

/// The body of the answer, status [`ACCEPTED`], once the signals are committed: senders remember `dedup_key`.
#[must_use]
pub fn accepted(signals: &[Signal]) -> Value {
    let key = signals.first().and_then(|signal| {
        let detail: Value = serde_json::from_str(&signal.detail).ok()?;
        detail.get("signal")?.get("key").cloned()
    });
    json!({
        "status": "success",
        "message": "Event processed",
        "dedup_key": key.unwrap_or_default(),
    })
}

/// The body of the answer, status [`REFUSED`], to an event that is none.
#[must_use]
pub fn refused(error: &DecodeError) -> Value {
    json!({
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": [error.to_string()],
    })
}
