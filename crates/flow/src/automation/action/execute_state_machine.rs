//! `aws:executeStateMachine`: starts an execution of a Step Functions state machine and waits for its end.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{
    DEFAULT_TIMEOUT, EXECUTING, POLLING, Phase, Progress, call, call_failure, given, polling,
    text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const SERVICE: &str = "stepfunctions";

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let mut params = given::same(inputs, &["name", "input"]);
    given::texts(&mut params, &["name", "input"]);
    params.insert(
        "stateMachineArn".to_owned(),
        text_input(inputs, "stateMachineArn")?.into(),
    );
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::start(turn, Phase::Change);
    call(turn, (SERVICE, "StartExecution"), params, (false, None))
}

/// One look at the execution.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    let mut params = Map::new();
    params.insert("executionArn".to_owned(), followed.subject.into());
    call(turn, (SERVICE, "DescribeExecution"), params, (true, None))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    if polling::followed(turn).is_none() {
        let result =
            answer.map_err(|error| call_failure(EXECUTING, (SERVICE, "StartExecution"), &error))?;
        let Some(arn) = result.get("executionArn").and_then(Value::as_str) else {
            return Err(Failure::verification(
                "Step fails when it is verifying the outputs: StartExecution answered without an executionArn.",
            ));
        };
        let mut outputs = Map::new();
        outputs.insert("executionArn".to_owned(), arn.into());
        turn.set_outputs(outputs);
        polling::follow(turn, Phase::State, arn, Vec::new());
        return look(turn);
    }
    let result = match answer {
        Ok(result) => result,
        Err(error) if polling::is_refused(&error.code) => {
            return Err(call_failure(
                POLLING,
                (SERVICE, "DescribeExecution"),
                &error,
            ));
        }
        Err(_) => return Ok(polling::again(turn)),
    };
    looked(turn, &result)
}

fn looked(turn: &mut Turn<'_>, result: &Value) -> Result<Progress, Failure> {
    let text = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
    let outputs = given::same(
        result.as_object().unwrap_or(&Map::new()),
        &[
            "executionArn",
            "input",
            "name",
            "output",
            "startDate",
            "stateMachineArn",
            "status",
            "stopDate",
        ],
    );
    match text("status") {
        "SUCCEEDED" => Ok(Progress::done(outputs)),
        status @ ("FAILED" | "TIMED_OUT" | "ABORTED") => {
            let message = format!(
                "Step fails when it is {POLLING}. The execution {} ended with the status {status}: {} {}",
                text("executionArn"),
                text("error"),
                given::excerpt(text("cause"), 500)
            );
            turn.set_outputs(outputs);
            Err(Failure::action(message.trim_end().to_owned()))
        }
        _ => Ok(polling::again(turn)),
    }
}

/// Stops the execution; whether there is one.
pub(super) fn stop(turn: &mut Turn<'_>) -> Result<bool, Failure> {
    let under_way = polling::followed(turn).filter(|followed| followed.phase == Phase::State);
    let Some(followed) = under_way else {
        return Ok(false);
    };
    polling::follow(turn, Phase::Stopping, &followed.subject, Vec::new());
    let mut params = Map::new();
    params.insert("executionArn".to_owned(), followed.subject.into());
    let cause = format!("The automation execution {} was stopped.", turn.cx.id);
    params.insert("cause".to_owned(), cause.into());
    call(turn, (SERVICE, "StopExecution"), params, (true, None))?;
    Ok(true)
}
