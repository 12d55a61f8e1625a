//! `PutTargets`: adds or replaces targets of one rule; an entry that Quell cannot serve fails alone.

use engine::views;
use model::arn::Arn;
use model::bus::{Rule, Target};
use serde_json::{Value, json};

use super::names::{self, RULE_NAME};
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
        .collect();
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
    let id = fields.required_text("Id", RULE_NAME)?;
    fields.required_text("Arn", Text::length(1, 1600))?;
    fields.text("RoleArn", Text::length(1, 1600))?;
    fields.text("Input", Text::length(0, 8192))?;
    fields.text("InputPath", Text::length(0, 256))?;
    if let Some(policy) = fields.object("RetryPolicy")? {
        policy.integer("MaximumRetryAttempts", 0, 185)?;
        policy.integer("MaximumEventAgeInSeconds", 60, 86_400)?;
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
    views::check_target_input(&target).map_err(|error| {
        let message = if error.ends_with('.') {
            error
        } else {
            format!("Target {id}: {error}.")
        };
        ApiError::validation(message)
    })?;
    Ok(target)
}

/// The target, or the entry's own failure when Quell cannot deliver to it.
fn judge(call: &Call, target: Target) -> Result<Target, Value> {
    let failure = |code: &str, message: String| {
        Err(json!({ "TargetId": target.id, "ErrorCode": code, "ErrorMessage": message }))
    };
    if !views::serves_target(&target.arn) {
        return failure(
            "ValidationException",
            format!(
                "Parameter Arn is not valid. Reason: `{}` is nothing that Quell delivers to; give the ARN of a response \
                 plan (ssm-incidents) or of an automation document (ssm automation-definition), or an http(s) address.",
                crate::error::echo(&target.arn)
            ),
        );
    }
    match Arn::parse(&target.arn) {
        Some(arn) if arn.account != call.scope.account => failure(
            "ValidationException",
            format!(
                "Parameter Arn is not valid. Reason: this server's account is {}.",
                call.scope.account
            ),
        ),
        Some(arn) if arn.service == "ssm" && arn.region != call.scope.region => failure(
            "ValidationException",
            format!(
                "Parameter Arn is not valid. Reason: the document must be in the rule's region {}.",
                call.scope.region
            ),
        ),
        _ => Ok(target),
    }
}
