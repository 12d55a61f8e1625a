//! `PutTargets`: adds or replaces targets of one rule; an entry that Quell cannot serve fails alone.

use engine::views::{self, TargetFault};
use model::bus::{Rule, Target};
use serde_json::{Value, json};

use super::names::{self, RULE_NAME};
use super::parameters;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Most targets of one rule.
const MAX_TARGETS: usize = 5;
const MAX_ENTRIES: usize = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Rule", RULE_NAME)?;
    let entries = fields.required_objects("Targets", 1, MAX_ENTRIES)?;
    let targets = entries.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    names::existing_rule(&call, &bus, name).await?;
    let judged: Vec<Result<Target, Value>> = targets
        .into_iter()
        .map(|target| judge(&call, target))
        .collect::<Result<_, _>>()?;
    let failed: Vec<Value> = judged
        .iter()
        .filter_map(|entry| entry.as_ref().err().cloned())
        .collect();
    let good: Vec<Target> = judged.into_iter().filter_map(Result::ok).collect();
    let key = names::rule_key(&call, &bus, name);
    catalog::edit(call.handle(), &key, |found: Option<Rule>| {
        let mut rule = found.ok_or_else(|| names::no_rule(&bus, name))?;
        if good.is_empty() {
            return Ok((Edit::Keep, ()));
        }
        rule.targets.extend(
            good.iter()
                .map(|target| (target.id.clone(), target.clone())),
        );
        if rule.targets.len() > MAX_TARGETS {
            return Err(names::limit_exceeded("5 targets of one rule"));
        }
        Ok((Edit::Put(rule), ()))
    })
    .await?;
    Ok(Reply::ok(
        json!({ "FailedEntryCount": failed.len(), "FailedEntries": failed }),
    ))
}

/// Reads a target and checks all that can be checked without knowing where it leads.
fn read(fields: &Fields<'_>) -> Result<Target, ApiError> {
    fields.required_text("Id", RULE_NAME)?;
    fields.required_text("Arn", Text::length(1, 1600))?;
    fields.text("RoleArn", Text::length(1, 1600))?;
    fields.text("Input", Text::length(0, 8192))?;
    fields.text("InputPath", Text::length(0, 256))?;
    if let Some(policy) = fields.object("RetryPolicy")? {
        policy.integer("MaximumRetryAttempts", 0, 185)?;
        policy.integer("MaximumEventAgeInSeconds", 60, 86_400)?;
    }
    if let Some(queue) = fields.object("DeadLetterConfig")? {
        queue.text("Arn", Text::length(1, 1600))?;
    }
    if let Some(sqs) = fields.object("SqsParameters")? {
        sqs.text("MessageGroupId", Text::length(1, 100))?;
    }
    if let Some(kinesis) = fields.object("KinesisParameters")? {
        kinesis.required_text("PartitionKeyPath", Text::length(0, 256))?;
    }
    if let Some(http) = fields.object("HttpParameters")? {
        http.texts("PathParameterValues", (0, 32), Text::length(1, 512))?;
        for kind in [&parameters::HEADERS, &parameters::QUERY] {
            http.text_map(kind.list, (0, 100), (kind.key, kind.value))?;
        }
    }
    if let Some(transformer) = fields.object("InputTransformer")? {
        transformer.required_text("InputTemplate", Text::length(1, 8192))?;
        transformer.text_map(
            "InputPathsMap",
            (0, 100),
            (Text::length(1, 256), Text::length(1, 256)),
        )?;
    }
    let place = fields.place("");
    let target: Target =
        serde_json::from_value(Value::Object(fields.map().clone())).map_err(|error| {
            ApiError::malformed(format!(
                "`{}` is not a target: {error}",
                place.trim_end_matches('.')
            ))
        })?;
    Ok(target)
}

/// The target, or the entry's own failure when this server cannot deliver to it; a fault of the request refuses all.
fn judge(call: &Call, target: Target) -> Result<Result<Target, Value>, ApiError> {
    match views::check_target(&target, &call.scope) {
        Ok(()) => Ok(Ok(target)),
        Err(TargetFault::Request(message)) => Err(ApiError::validation(message)),
        Err(TargetFault::Entry(message)) => Ok(Err(json!({
            "TargetId": target.id,
            "ErrorCode": "ValidationException",
            "ErrorMessage": message,
        }))),
    }
}
