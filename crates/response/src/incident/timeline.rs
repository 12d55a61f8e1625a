//! Timeline events that people write.

use model::incident::{TimelineEvent, check_references, epoch};
use model::plan::at_most;
use model::{Decision, FrameWrite, Rejection};
use serde_json::json;
use uuid::Uuid;

use super::state::Incident;
use super::turn::{EVENT_DATA_CHARS, Turn};
use super::{Command, NewTimelineEvent, TimelineEventPatch};
use crate::recall::Request;
use model::Context;

/// Most events of one timeline.
const EVENTS: u64 = 100_000;
/// Prefix of the engine's own event types.
const OWN: &str = "SSM ";

fn check_type(event_type: &str) -> Result<(), Rejection> {
    if event_type.is_empty() {
        return Err(Rejection::invalid(
            "eventType",
            "must be given: `Custom Event` or `Note`",
        ));
    }
    at_most("eventType", Some(event_type), 100)?;
    if event_type.starts_with(OWN) {
        let message = "event types that start with `SSM ` are written by the engine: use `Custom Event` or `Note`";
        return Err(Rejection::invalid("eventType", message));
    }
    Ok(())
}

/// `CreateTimelineEvent`.
pub(super) fn create(
    state: &Incident,
    event: NewTimelineEvent,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let sent = json!([
        event.event_type,
        event.event_data,
        epoch::seconds(event.event_time),
        event.event_references
    ]);
    let request = Request::new("CreateTimelineEvent", event.client_token.as_deref(), &sent);
    if let Some(reply) = state.recall.answer(&request)? {
        let mut decision = Decision::unchanged(state.clone());
        decision.reply = reply;
        return Ok(decision);
    }
    check_type(&event.event_type)?;
    at_most("eventData", Some(&event.event_data), EVENT_DATA_CHARS)?;
    check_references(&event.event_references)?;
    if state.sequence >= EVENTS {
        return Err(Rejection::Quota {
            message: format!("a timeline has at most {EVENTS} events"),
        });
    }
    let mut turn = Turn::new(state.clone(), cx);
    let event_id = turn.next_event_id();
    let written = TimelineEvent {
        event_data: event.event_data,
        event_id,
        event_references: event.event_references,
        event_time: epoch::to_millis(event.event_time),
        event_type: event.event_type,
        event_updated_time: turn.at,
        incident_record_arn: state.record.arn.clone(),
        sequence: turn.state.sequence,
    };
    turn.put_event(&written);
    let reply = json!({ "eventId": event_id, "incidentRecordArn": state.record.arn });
    turn.answer(&request, reply);
    turn.fact(
        "incident.event",
        json!({ "event": event_id, "type": written.event_type }),
    );
    Ok(turn.decide())
}

/// `UpdateTimelineEvent`.
pub(super) fn update(
    state: &Incident,
    patch: TimelineEventPatch,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let mut event = editable(state, patch.event_id, patch.existing)?
        .ok_or_else(|| Rejection::not_found("TIMELINE_EVENT", patch.event_id.to_string()))?;
    let mut turn = Turn::new(state.clone(), cx);
    if let Some(data) = patch.event_data {
        at_most("eventData", Some(&data), EVENT_DATA_CHARS)?;
        event.event_data = data;
    }
    if let Some(event_type) = patch.event_type {
        check_type(&event_type)?;
        event.event_type = event_type;
    }
    if let Some(at) = patch.event_time {
        event.event_time = epoch::to_millis(at);
    }
    if let Some(references) = patch.event_references {
        check_references(&references)?;
        event.event_references = references;
    }
    // An update within the same millisecond must still be told apart.
    let least = event
        .event_updated_time
        .checked_add(jiff::SignedDuration::from_millis(1))
        .unwrap_or(turn.at);
    event.event_updated_time = turn.at.max(least);
    turn.put_event(&event);
    turn.reply = json!({});
    Ok(turn.decide())
}

/// `DeleteTimelineEvent`; a missing event is no error.
pub(super) fn delete(
    state: &Incident,
    event_id: Uuid,
    existing: Option<TimelineEvent>,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let mut turn = Turn::new(state.clone(), cx);
    turn.reply = json!({});
    if editable(state, event_id, existing)?.is_some() {
        turn.frames
            .push(FrameWrite::delete(format!("event/{event_id}")));
        turn.fact("incident.event_deleted", json!({ "event": event_id }));
    }
    Ok(turn.decide())
}

/// The event, if it exists and is not the engine's own.
fn editable(
    state: &Incident,
    event_id: Uuid,
    existing: Option<TimelineEvent>,
) -> Result<Option<TimelineEvent>, Rejection> {
    let found = existing.filter(|event| {
        event.event_id == event_id && event.incident_record_arn == state.record.arn
    });
    match found {
        Some(event) if event.event_type.starts_with(OWN) => {
            let message = "only `Custom Event` and `Note` events can be changed or deleted";
            Err(Rejection::invalid("eventId", message))
        }
        found => Ok(found),
    }
}
