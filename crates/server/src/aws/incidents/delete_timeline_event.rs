//! `DeleteTimelineEvent`: an event that is not there is already deleted.

use engine::views::incident::Input;
use uuid::Uuid;

use super::names::{ARN, EVENT_ID};
use super::record;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    let id = fields.required_text("eventId", EVENT_ID)?;
    if let Ok(event_id) = id.parse::<Uuid>()
        && record::find(&call, arn).await?.is_some()
    {
        record::ask(
            &call,
            arn,
            Input::DeleteTimelineEvent {
                event_id,
                existing: None,
            },
        )
        .await?;
    }
    Ok(Reply::empty())
}
