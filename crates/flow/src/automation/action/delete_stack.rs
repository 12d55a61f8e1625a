//! `aws:deleteStack`: deletes a CloudFormation stack and waits until it is gone. One that does not exist is gone.
//!
//! | phase | call | then |
//! |---|---|---|
//! | Before | DescribeStacks by name, for the id: a deleted stack is found by that only | Change, or the end |
//! | Change | DeleteStack | State |
//! | State | DescribeStacks by id | the end |

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::create_stack::{describe, ended_badly, read, status};
use super::{
    DEFAULT_TIMEOUT, EXECUTING, POLLING, Phase, Progress, Success, call, call_failure, given,
    polling, text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const SERVICE: &str = "cloudformation";

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let name = text_input(inputs, "StackName")?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::follow(turn, Phase::Before, &name, Vec::new());
    describe(turn, &name)
}

pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    match polling::followed(turn) {
        Some(followed) => describe(turn, &followed.subject),
        None => Ok(Progress::Waiting),
    }
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    if followed.phase == Phase::Change {
        answer.map_err(|error| call_failure(EXECUTING, (SERVICE, "DeleteStack"), &error))?;
        polling::follow(turn, Phase::State, &followed.subject, Vec::new());
        return look(turn);
    }
    let stack = match read(answer) {
        Ok(stack) => stack,
        Err(error) if polling::is_refused(&error.code) => {
            return Err(call_failure(POLLING, (SERVICE, "DescribeStacks"), &error));
        }
        Err(_) => return Ok(polling::again(turn)),
    };
    let Some(stack) = stack else {
        return Ok(gone(followed.phase));
    };
    match (followed.phase, status(&stack)) {
        (phase, ("DELETE_COMPLETE", _)) => Ok(gone(phase)),
        (Phase::Before, _) => delete(turn, &stack),
        (_, ("DELETE_FAILED", reason)) => {
            Err(ended_badly(&followed.subject, ("DELETE_FAILED", reason)))
        }
        _ => Ok(polling::again(turn)),
    }
}

fn gone(phase: Phase) -> Progress {
    let response = (phase == Phase::Before).then(|| "there is no such stack".to_owned());
    Progress::Done(Success {
        response,
        ..Success::default()
    })
}

fn delete(turn: &mut Turn<'_>, stack: &Value) -> Result<Progress, Failure> {
    let inputs = turn.current_inputs();
    let id = match stack.get("StackId").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => text_input(&inputs, "StackName")?,
    };
    let mut params = given::same(
        &inputs,
        &["ClientRequestToken", "RetainResources", "RoleARN"],
    );
    given::wrap(&mut params, &["RetainResources"]);
    params.insert("StackName".to_owned(), id.as_str().into());
    polling::follow(turn, Phase::Change, &id, Vec::new());
    call(turn, (SERVICE, "DeleteStack"), params, (false, None))
}
