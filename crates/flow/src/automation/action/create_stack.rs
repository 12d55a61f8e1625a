//! `aws:createStack`: creates a CloudFormation stack and waits until it stands.
//!
//! | phase | call | then |
//! |---|---|---|
//! | Before (a later attempt only) | DescribeStacks by name | Clearing if the stack was rolled back, else Change |
//! | Clearing | DeleteStack, then DescribeStacks until it is gone | Change |
//! | Change | CreateStack | State |
//! | State | DescribeStacks | the end |

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{
    DEFAULT_TIMEOUT, EXECUTING, POLLING, Phase, Progress, call, call_failure, given, polling,
    text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::expr::value_type::text_of;

const SERVICE: &str = "cloudformation";

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let params = params(inputs)?;
    let name = text_input(inputs, "StackName")?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    if turn.run.current().is_some_and(|record| record.attempt > 1) {
        polling::follow(turn, Phase::Before, &name, Vec::new());
        return describe(turn, &name);
    }
    create(turn, params)
}

fn create(turn: &mut Turn<'_>, params: Map<String, Value>) -> Result<Progress, Failure> {
    polling::start(turn, Phase::Change);
    call(turn, (SERVICE, "CreateStack"), params, (false, None))
}

fn params(inputs: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut params = given::same(
        inputs,
        &[
            "TemplateBody",
            "TemplateURL",
            "Capabilities",
            "ClientRequestToken",
            "DisableRollback",
            "NotificationARNs",
            "OnFailure",
            "ResourceTypes",
            "RoleARN",
            "StackPolicyBody",
            "StackPolicyURL",
            "Tags",
            "TimeoutInMinutes",
        ],
    );
    let name = text_input(inputs, "StackName")?;
    params.insert("StackName".to_owned(), name.into());
    given::wrap(
        &mut params,
        &["Capabilities", "NotificationARNs", "ResourceTypes", "Tags"],
    );
    given::texts(&mut params, &["TemplateBody", "StackPolicyBody"]);
    if let Some(list) = given::value(inputs, "Parameters") {
        params.insert("Parameters".to_owned(), stack_parameters(list)?);
    }
    Ok(params)
}

/// Values of a stack's parameters are texts; a list of them is CloudFormation's comma-delimited one.
fn stack_parameters(given: &Value) -> Result<Value, Failure> {
    let list = match given {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let mut out = Vec::with_capacity(list.len());
    for item in list {
        let Value::Object(mut map) = item else {
            return Err(Failure::inputs(
                "Input Parameters must be a list of maps with ParameterKey and ParameterValue.",
            ));
        };
        if let Some(value) = map.get_mut("ParameterValue") {
            *value = Value::String(match &*value {
                Value::Array(items) if items.iter().all(|i| !i.is_object() && !i.is_array()) => {
                    let texts: Vec<_> = items.iter().map(text_of).collect();
                    texts.join(",")
                }
                other => text_of(other).into_owned(),
            });
        }
        out.push(Value::Object(map));
    }
    Ok(Value::Array(out))
}

/// One look at the stack, by name or id.
pub(super) fn describe(turn: &mut Turn<'_>, stack: &str) -> Result<Progress, Failure> {
    let mut params = Map::new();
    params.insert("StackName".to_owned(), stack.into());
    call(turn, (SERVICE, "DescribeStacks"), params, (true, None))
}

pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    match polling::followed(turn) {
        Some(followed) => describe(turn, &followed.subject),
        None => Ok(Progress::Waiting),
    }
}

/// What DescribeStacks said: the stack, or `None` when there is none.
pub(super) fn read(answer: Result<Value, EffectFailure>) -> Result<Option<Value>, EffectFailure> {
    match answer {
        Ok(result) => Ok(result.pointer("/Stacks/0").cloned()),
        Err(error)
            if error.code == "ValidationError" && error.message.contains("does not exist") =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Status and reason of a stack.
pub(super) fn status(stack: &Value) -> (&str, &str) {
    let text = |key: &str| stack.get(key).and_then(Value::as_str).unwrap_or_default();
    (text("StackStatus"), text("StackStatusReason"))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        let result =
            answer.map_err(|error| call_failure(EXECUTING, (SERVICE, "CreateStack"), &error))?;
        return created(turn, &result);
    };
    if followed.phase == Phase::Change {
        // The deletion of what stood in the way was accepted.
        answer.map_err(|error| call_failure(EXECUTING, (SERVICE, "DeleteStack"), &error))?;
        polling::follow(turn, Phase::Clearing, &followed.subject, Vec::new());
        return describe(turn, &followed.subject);
    }
    let stack = match read(answer) {
        Ok(stack) => stack,
        Err(error) if polling::is_refused(&error.code) => {
            return Err(call_failure(POLLING, (SERVICE, "DescribeStacks"), &error));
        }
        Err(_) => return Ok(polling::again(turn)),
    };
    match followed.phase {
        Phase::Before => before(turn, stack),
        Phase::Clearing => match stack.as_ref().map(status) {
            Some(("DELETE_FAILED", reason)) => {
                Err(ended_badly(&followed.subject, ("DELETE_FAILED", reason)))
            }
            None | Some(("DELETE_COMPLETE", _)) => {
                let params = params(&turn.current_inputs())?;
                create(turn, params)
            }
            Some(_) => Ok(polling::again(turn)),
        },
        _ => looked(turn, &followed.subject, stack),
    }
}

fn before(turn: &mut Turn<'_>, stack: Option<Value>) -> Result<Progress, Failure> {
    let rolled_back = stack
        .as_ref()
        .filter(|stack| status(stack).0 == "ROLLBACK_COMPLETE")
        .and_then(|stack| stack.get("StackId")?.as_str());
    let Some(id) = rolled_back else {
        let params = params(&turn.current_inputs())?;
        return create(turn, params);
    };
    polling::follow(turn, Phase::Change, id, Vec::new());
    let mut params = given::same(&turn.current_inputs(), &["RoleARN"]);
    params.insert("StackName".to_owned(), id.into());
    call(turn, (SERVICE, "DeleteStack"), params, (false, None))
}

fn created(turn: &mut Turn<'_>, result: &Value) -> Result<Progress, Failure> {
    // A repeat that was told "exists already" brings no id: the name is as good while the stack stands.
    let id = match result.get("StackId").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => text_input(&turn.current_inputs(), "StackName")?,
    };
    let mut outputs = Map::new();
    outputs.insert("StackId".to_owned(), id.as_str().into());
    turn.set_outputs(outputs);
    polling::follow(turn, Phase::State, &id, Vec::new());
    describe(turn, &id)
}

fn looked(turn: &mut Turn<'_>, id: &str, stack: Option<Value>) -> Result<Progress, Failure> {
    let Some(stack) = stack else {
        return Ok(polling::again(turn));
    };
    let (now, reason) = status(&stack);
    // A stack that rolls back or is deleted is waited for: only then a further attempt can begin.
    if now.ends_with("_IN_PROGRESS") || now.is_empty() {
        return Ok(polling::again(turn));
    }
    let outputs = outputs(id, &stack);
    if now == "CREATE_COMPLETE" {
        return Ok(Progress::done(outputs));
    }
    turn.set_outputs(outputs);
    Err(ended_badly(id, (now, reason)))
}

pub(super) fn ended_badly(stack: &str, (status, reason): (&str, &str)) -> Failure {
    let reason = if reason.is_empty() {
        "no reason given"
    } else {
        reason
    };
    Failure::action(format!(
        "Step fails when it is {POLLING}. Stack {stack} entered unexpected state: {status} ({}).",
        given::excerpt(reason, 1_000)
    ))
}

/// The fixed outputs, and every output of the stack itself unless it has a fixed one's name.
fn outputs(id: &str, stack: &Value) -> Map<String, Value> {
    let mut outputs = Map::new();
    let own = stack.get("Outputs").and_then(Value::as_array);
    for output in own.into_iter().flatten() {
        let text = |key: &str| output.get(key).and_then(Value::as_str);
        if let (Some(key), Some(value)) = (text("OutputKey"), text("OutputValue")) {
            outputs.insert(key.to_owned(), value.into());
        }
    }
    let (status, reason) = status(stack);
    let id = stack.get("StackId").and_then(Value::as_str).unwrap_or(id);
    for (key, value) in [
        ("StackId", id),
        ("StackStatus", status),
        ("StackStatusReason", reason),
    ] {
        outputs.insert(key.to_owned(), value.into());
    }
    outputs
}
