//! `ListTimelineEvents`: newest first unless asked otherwise. An incident that is not there has no events.

use std::cmp::Ordering;

use engine::views::filters::{self, EventFilters};
use engine::views::incident::{EVENT_FRAMES, read_event};
use engine::views::view;
use model::AggregateId;
use model::incident::TimelineEvent;
use ports::store::Frames;
use serde_json::{Value, json};

use super::names::{self, ARN};
use super::parts::without_nulls;
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    let sort_by = fields.one_of("sortBy", &["EVENT_TIME"])?;
    let order = fields.one_of("sortOrder", &["ASCENDING", "DESCENDING"])?;
    let given = fields.raw("filters").map(without_nulls).unwrap_or_default();
    let question = format!("{arn}\n{order:?}\n{given}");
    let page = names::usual_page(&call, "ListTimelineEvents", &question)?;
    let wanted = EventFilters::parse(&given).map_err(names::refused)?;
    let mut events = events(&call, arn).await?;
    events.retain(|event| wanted.matches(event));
    filters::sort_events(&mut events, sort_by, order).map_err(names::refused)?;
    if let Some(after) = page.after.as_deref().and_then(position) {
        let passed = if order == Some("ASCENDING") {
            Ordering::Greater
        } else {
            Ordering::Less
        };
        events.retain(|event| place(event).cmp(&after) == passed);
    }
    let shown: Vec<Value> = events
        .iter()
        .take(page.size)
        .map(view::event_summary)
        .collect();
    let mut body = json!({ "eventSummaries": shown });
    if let (true, Some(last)) = (events.len() > page.size, events.get(page.size - 1)) {
        let (at, sequence) = place(last);
        body["nextToken"] = page.token(&format!("{at}/{sequence}")).into();
    }
    Ok(Reply::ok(body))
}

async fn events(call: &Call, arn: &str) -> Result<Vec<TimelineEvent>, ApiError> {
    let Some(incident) = record::find(call, arn).await? else {
        return Ok(Vec::new());
    };
    let stored = call
        .handle()
        .load(
            AggregateId::incident(incident.id),
            Frames::Prefix(EVENT_FRAMES.to_owned()),
        )
        .await?;
    let frames = stored.map(|stored| stored.frames).unwrap_or_default();
    let events = frames.into_iter().map(|(key, body)| read_event(&key, body));
    events
        .collect::<Result<_, _>>()
        .map_err(|error| ApiError::internal(error.to_string()))
}

/// Where an event stands in the order of time: its instant in milliseconds, then the order of writing.
fn place(event: &TimelineEvent) -> (i64, u64) {
    (event.event_time.as_millisecond(), event.sequence)
}

fn position(text: &str) -> Option<(i64, u64)> {
    let (at, sequence) = text.split_once('/')?;
    Some((at.parse().ok()?, sequence.parse().ok()?))
}
