//! What the operations on state machines share: checking a definition, reading one, its wire form.

use engine::views::machines::{self, MachineType, Problem};
use model::state_machine::{STATE_MACHINE, StateMachine};
use serde_json::{Map, Value, json};

use super::names;
use crate::call::Call;
use crate::catalog::{self, Kept, Key};
use crate::decode::{Fields, Text, epoch};
use crate::error::ApiError;

/// Most machines of one account and region (the quota of AWS).
pub(super) const MAX_MACHINES: usize = 10_000;
const DEFINITION: Text = Text::length(1, 1_048_576);
const ROLE: Text = Text::length(1, 256);

pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: STATE_MACHINE,
        name: name.to_owned(),
    }
}

/// A machine that must exist.
pub(super) async fn existing(call: &Call, name: &str) -> Result<Kept<StateMachine>, ApiError> {
    catalog::read(call.handle(), &key(call, name))
        .await?
        .ok_or_else(|| names::no_machine(&names::machine_arn(call, name)))
}

/// The request's definition, if it has one, checked.
pub(super) fn definition(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text("definition", DEFINITION)? else {
        return Ok(None);
    };
    match machines::parse(text, MachineType::Standard) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(problems) => Err(invalid(&problems)),
    }
}

/// All problems in one message, as the service joins them.
fn invalid(problems: &[Problem]) -> ApiError {
    let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let message = format!("Invalid State Machine Definition: '{}'", all.join(", "));
    ApiError::new("InvalidDefinition", message)
}

pub(super) fn role(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    let Some(role) = fields.text("roleArn", ROLE)? else {
        return Ok(None);
    };
    let arn = model::arn::Arn::parse(role).filter(|arn| arn.service == "iam");
    if arn.is_none_or(|arn| !arn.resource.starts_with("role/")) {
        let message = format!("Invalid Role Arn: '{}'", crate::error::echo(role));
        return Err(ApiError::new("InvalidArn", message));
    }
    Ok(Some(role.to_owned()))
}

/// `loggingConfiguration`: kept, shown, and checked as far as it says something.
pub(super) fn logging(fields: &Fields<'_>) -> Result<Option<Value>, ApiError> {
    let Some(given) = fields.object("loggingConfiguration")? else {
        return Ok(None);
    };
    let level = given
        .one_of("level", &["ALL", "ERROR", "FATAL", "OFF"])?
        .unwrap_or("OFF");
    let refused = |reason: &str| {
        let message = format!("Invalid Logging Configuration: {reason}");
        ApiError::new("InvalidLoggingConfiguration", message)
    };
    let destinations = given.objects("destinations", 0, 10)?.unwrap_or_default();
    if destinations.len() > 1 || (level != "OFF" && destinations.is_empty()) {
        return Err(refused("Must specify exactly one Log Destination."));
    }
    if level != "OFF" {
        return Err(refused(
            "This server writes no logs of executions; their histories hold the same. Set the level to OFF.",
        ));
    }
    Ok(Some(Value::Object(given.map().clone())))
}

pub(super) fn tracing(fields: &Fields<'_>) -> Result<Option<bool>, ApiError> {
    let Some(given) = fields.object("tracingConfiguration")? else {
        return Ok(None);
    };
    given
        .boolean("enabled")
        .map(|enabled| Some(enabled.unwrap_or(false)))
}

/// The members that `DescribeStateMachine` and its sibling share.
pub(super) fn described(call: &Call, machine: &StateMachine) -> Map<String, Value> {
    let mut body = Map::new();
    let arn = names::machine_arn(call, &machine.name);
    body.insert("stateMachineArn".to_owned(), arn.into());
    body.insert("name".to_owned(), machine.name.as_str().into());
    body.insert("definition".to_owned(), machine.definition.as_str().into());
    body.insert("roleArn".to_owned(), machine.role_arn.as_str().into());
    let logging = machine
        .logging
        .clone()
        .unwrap_or_else(|| json!({"level": "OFF", "includeExecutionData": false}));
    body.insert("loggingConfiguration".to_owned(), logging);
    body.insert(
        "tracingConfiguration".to_owned(),
        json!({"enabled": machine.tracing}),
    );
    if let Some(revision) = machine.revision {
        body.insert("revisionId".to_owned(), revision.to_string().into());
    }
    body
}

/// One machine of a list.
pub(super) fn listed(call: &Call, kept: &Kept<StateMachine>) -> Value {
    json!({
        "stateMachineArn": names::machine_arn(call, &kept.body.name),
        "name": kept.body.name,
        "type": "STANDARD",
        "creationDate": epoch(kept.created),
    })
}
