//! `UpdateTimelineEvent`: absent members stay, references are replaced as a whole.

use engine::views::incident::{Input, TimelineEventPatch};

use super::create_timeline_event::{DATA, TYPE};
use super::names::{self, ARN, EVENT, EVENT_ID};
use super::parts::part;
use super::record;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let client_token = names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    let id = fields.required_text("eventId", EVENT_ID)?;
    let patch = TimelineEventPatch {
        event_id: id.parse().map_err(|_| names::missing(EVENT, id))?,
        existing: None,
        event_data: fields.text("eventData", DATA)?.map(str::to_owned),
        event_type: fields.text("eventType", TYPE)?.map(str::to_owned),
        event_time: fields.timestamp("eventTime")?,
        event_references: part(&fields, "eventReferences")?,
        client_token,
    };
    record::ask(&call, arn, Input::UpdateTimelineEvent(patch)).await?;
    Ok(Reply::empty())
}
