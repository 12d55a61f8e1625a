//! `UpdateIncidentRecord`: absent members stay.

use engine::views::incident::{Input, RecordPatch, Update};
use model::incident::IncidentStatus;

use super::names::{self, ARN};
use super::parts::part;
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let client_token = names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("arn", ARN)?;
    let status = fields.one_of("status", &["OPEN", "RESOLVED"])?;
    let patch = RecordPatch {
        title: fields
            .text("title", Text::length(0, 200))?
            .map(str::to_owned),
        summary: fields
            .text("summary", Text::length(0, 8000))?
            .map(str::to_owned),
        impact: fields.integer("impact", 1, 5)?,
        status: status.map(|word| {
            if word == "OPEN" {
                IncidentStatus::Open
            } else {
                IncidentStatus::Resolved
            }
        }),
        chat_channel: part(&fields, "chatChannel")?,
        notification_targets: part(&fields, "notificationTargets")?,
    };
    let update = Update {
        patch,
        by: call.caller.arn.clone(),
        client_token,
    };
    record::ask(&call, arn, Input::Update(update)).await?;
    Ok(Reply::empty())
}
