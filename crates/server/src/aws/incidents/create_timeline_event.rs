//! `CreateTimelineEvent`.

use engine::views::incident::{Input, NewTimelineEvent};

use super::names::{self, ARN};
use super::parts::part;
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

/// An event's type.
pub(super) const TYPE: Text = Text::length(0, 100);
/// An event's data.
pub(super) const DATA: Text = Text::length(0, 12_000);

pub(super) async fn handle(call: Call) -> Answer {
    let client_token = names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    let event = NewTimelineEvent {
        event_type: fields.required_text("eventType", TYPE)?.to_owned(),
        event_data: fields.required_text("eventData", DATA)?.to_owned(),
        event_time: fields.required_timestamp("eventTime")?,
        event_references: part(&fields, "eventReferences")?.unwrap_or_default(),
        client_token,
    };
    let answer = record::ask(&call, arn, Input::CreateTimelineEvent(event)).await?;
    Ok(Reply::ok(answer))
}
