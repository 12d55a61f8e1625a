//! `StartIncident`: opens an incident, or folds into the open one with the same deduplication key.

use engine::views::triggers::{self, ManualStart};
use model::incident::{RelatedItem, TriggerDetails};
use model::plan::RAW_DATA_CHARS;

use super::names::{self, ARN};
use super::parts::part;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let client_token = names::client_token(&call)?;
    let fields = call.fields();
    let plan_arn = fields.required_text("responsePlanArn", ARN)?;
    let title = fields
        .text("title", Text::length(0, 200))?
        .filter(|title| !title.is_empty());
    let impact = fields.integer("impact", 1, 5)?;
    let details = fields
        .object("triggerDetails")?
        .map(|details| details_of(&details))
        .transpose()?;
    let related_items: Vec<RelatedItem> = part(&fields, "relatedItems")?.unwrap_or_default();
    let plan = names::existing_plan(&call, plan_arn).await?;
    let start = ManualStart {
        plan: &plan,
        plan_arn,
        title: title.map(str::to_owned),
        impact,
        details,
        related_items,
        client_token,
        caller_arn: &call.caller.arn,
        region: &call.scope.region,
        at: call.handle().now(),
    };
    let trigger = triggers::trigger_from_start(start).map_err(names::refused)?;
    let started = call.handle().trigger(&call.scope, trigger).await;
    started
        .map(Reply::ok)
        .map_err(|error| ApiError::from_ask(error, names::refused))
}

fn details_of(fields: &Fields<'_>) -> Result<TriggerDetails, ApiError> {
    Ok(TriggerDetails {
        raw_data: fields
            .text("rawData", Text::length(0, RAW_DATA_CHARS))?
            .map(str::to_owned),
        source: fields
            .required_text("source", Text::length(0, 50))?
            .to_owned(),
        timestamp: fields.required_timestamp("timestamp")?,
        trigger_arn: fields.text("triggerArn", ARN)?.map(str::to_owned),
    })
}
