//! `aws:runCommand`: sends a command to instances, waits for its end, and reads what it wrote.
//!
//! | phase | call | then |
//! |---|---|---|
//! | Change | SendCommand | State |
//! | State | ListCommands until the command has ended | Results |
//! | Results | ListCommandInvocations | the end, or Details where that cannot be read |
//! | Details | GetCommandInvocation, for one instance | the end |
//! | Stopping | CancelCommand, when the step is cancelled | the end, see `machine::stop` |

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value, json};

use super::{
    DEFAULT_TIMEOUT, EXECUTING, POLLING, Phase, Progress, Success, call, call_failure, given,
    list_input, polling, text_input,
};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::expr::value_type::{kind_of, text_of};

/// Most instances by id (SendCommand's own limit).
const MAX_INSTANCES: usize = 50;
/// Longest output, in bytes: what GetCommandInvocation gives of one plugin.
const MAX_OUTPUT: usize = 24_000;
/// Characters of output that a failure message quotes.
const QUOTED: usize = 500;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let params = params(inputs)?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::start(turn, Phase::Change);
    call(turn, ("ssm", "SendCommand"), params, (false, None))
}

fn params(inputs: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let mut params = given::same(
        inputs,
        &[
            "DocumentVersion",
            "CloudWatchOutputConfig",
            "Comment",
            "DocumentHash",
            "DocumentHashType",
            "NotificationConfig",
            "OutputS3BucketName",
            "OutputS3KeyPrefix",
            "OutputS3Region",
            "ServiceRoleArn",
            "TimeoutSeconds",
            "MaxConcurrency",
            "MaxErrors",
            "Targets",
        ],
    );
    params.insert(
        "DocumentName".to_owned(),
        text_input(inputs, "DocumentName")?.into(),
    );
    given::wrap(&mut params, &["Targets"]);
    given::texts(&mut params, &["MaxConcurrency", "MaxErrors"]);
    if params
        .get("Targets")
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty)
    {
        params.remove("Targets");
    }
    let ids = instances(inputs)?;
    if ids.is_empty() != params.contains_key("Targets") {
        return Err(Failure::inputs(
            "Exactly one of the inputs InstanceIds and Targets must name what to run the command on.",
        ));
    }
    if !ids.is_empty() {
        params.insert("InstanceIds".to_owned(), json!(ids));
    }
    if let Some(given) = given::value(inputs, "Parameters") {
        params.insert("Parameters".to_owned(), document_parameters(given)?);
    }
    Ok(params)
}

fn instances(inputs: &Map<String, Value>) -> Result<Vec<String>, Failure> {
    let named = given::value(inputs, "InstanceIds")
        .is_some_and(|ids| ids.as_array().is_none_or(|list| !list.is_empty()));
    let ids = if named {
        list_input(inputs, "InstanceIds")?
    } else {
        Vec::new()
    };
    if ids.len() > MAX_INSTANCES {
        return Err(Failure::inputs(format!(
            "Input InstanceIds has {} items, at most {MAX_INSTANCES} are allowed; use Targets.",
            ids.len()
        )));
    }
    Ok(ids)
}

/// The command document's parameters: each a list of texts on the wire.
fn document_parameters(given: &Value) -> Result<Value, Failure> {
    let Value::Object(map) = given else {
        return Err(Failure::inputs(format!(
            "Input Parameters must be a map, not a {}.",
            kind_of(given)
        )));
    };
    let lists = map.iter().filter(|(_, value)| !value.is_null());
    let lists = lists.map(|(name, value)| {
        let texts: Vec<Value> = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            one => vec![text(one)],
        };
        (name.clone(), Value::Array(texts))
    });
    Ok(Value::Object(lists.collect()))
}

fn text(value: &Value) -> Value {
    Value::String(text_of(value).into_owned())
}

/// One look at the command.
pub(super) fn look(turn: &mut Turn<'_>) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        return Ok(Progress::Waiting);
    };
    let mut params = Map::new();
    params.insert("CommandId".to_owned(), followed.subject.into());
    let api = match followed.phase {
        Phase::Results => {
            params.insert("Details".to_owned(), Value::Bool(true));
            "ListCommandInvocations"
        }
        Phase::Details => {
            let id = instances(&turn.current_inputs())?.into_iter().next();
            params.insert("InstanceId".to_owned(), json!(id));
            "GetCommandInvocation"
        }
        _ => "ListCommands",
    };
    call(turn, ("ssm", api), params, (true, None))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let Some(followed) = polling::followed(turn) else {
        let result =
            answer.map_err(|error| call_failure(EXECUTING, ("ssm", "SendCommand"), &error))?;
        return sent(turn, &result);
    };
    match (followed.phase, answer) {
        (Phase::State, Err(error)) if polling::is_refused(&error.code) => {
            Err(call_failure(POLLING, ("ssm", "ListCommands"), &error))
        }
        (Phase::State, Err(_)) => Ok(polling::again(turn)),
        (Phase::State, Ok(result)) => looked(turn, &followed.subject, &result),
        (Phase::Results, Ok(result)) => conclude(turn, &followed, Reading::of_list(&result)),
        (Phase::Results, Err(_)) if instances(&turn.current_inputs())?.len() == 1 => {
            polling::follow(turn, Phase::Details, &followed.subject, followed.rest);
            look(turn)
        }
        (Phase::Details, Ok(result)) => conclude(turn, &followed, Reading::of_one(&result)),
        // The command has ended; that its output cannot be read does not make it fail.
        (_, Err(error)) => {
            turn.set_response(format!(
                "the output could not be read: {} ({})",
                error.message, error.code
            ));
            conclude(turn, &followed, Reading::default())
        }
        (_, Ok(_)) => Ok(Progress::Waiting),
    }
}

fn sent(turn: &mut Turn<'_>, result: &Value) -> Result<Progress, Failure> {
    let Some(id) = result.pointer("/Command/CommandId").and_then(Value::as_str) else {
        return Err(Failure::verification(
            "Step fails when it is verifying the outputs: SendCommand answered without a CommandId.",
        ));
    };
    let mut outputs = Map::new();
    outputs.insert("CommandId".to_owned(), id.into());
    turn.set_outputs(outputs);
    polling::follow(turn, Phase::State, id, Vec::new());
    look(turn)
}

fn looked(turn: &mut Turn<'_>, id: &str, result: &Value) -> Result<Progress, Failure> {
    let command = result.pointer("/Commands/0");
    let read = |key: &str| {
        command
            .and_then(|command| command.get(key))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let status = read("Status");
    if !["Success", "Cancelled", "Failed", "TimedOut"].contains(&status.as_str()) {
        return Ok(polling::again(turn));
    }
    let details = read("StatusDetails");
    polling::follow(turn, Phase::Results, id, vec![status, details]);
    look(turn)
}

/// What the invocations of a command say.
#[derive(Default)]
struct Reading {
    code: Option<Value>,
    output: Option<String>,
    /// The instance at fault, and what it wrote.
    fault: Option<String>,
}

impl Reading {
    fn of_list(result: &Value) -> Self {
        let none = Vec::new();
        let invocations = result
            .get("CommandInvocations")
            .and_then(Value::as_array)
            .unwrap_or(&none);
        let mut reading = Self::default();
        let mut texts: Vec<String> = Vec::new();
        for invocation in invocations {
            let instance = invocation
                .get("InstanceId")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let plugins = invocation
                .get("CommandPlugins")
                .and_then(Value::as_array)
                .unwrap_or(&none);
            let written: Vec<&str> = plugins
                .iter()
                .filter_map(|plugin| plugin.get("Output")?.as_str())
                .collect();
            let written = written.concat();
            let bad = |plugin: &&Value| {
                plugin
                    .get("ResponseCode")
                    .is_some_and(|code| code.as_i64() != Some(0))
            };
            let status = invocation
                .get("Status")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if reading.fault.is_none() && status != "Success" {
                let code = plugins.iter().find(bad);
                reading.code = code
                    .and_then(|plugin| plugin.get("ResponseCode"))
                    .cloned()
                    .or(reading.code);
                reading.fault = Some(format!("{instance} ({status}): {written}"));
            }
            let first = plugins
                .first()
                .and_then(|plugin| plugin.get("ResponseCode"));
            reading.code = reading.code.or_else(|| first.cloned());
            texts.push(if invocations.len() > 1 {
                format!("{instance}:\n{written}\n")
            } else {
                written
            });
        }
        reading.output = (!texts.is_empty()).then(|| texts.concat());
        reading
    }

    fn of_one(result: &Value) -> Self {
        let read = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut output = read("StandardOutputContent").to_owned();
        let errors = read("StandardErrorContent");
        if !errors.is_empty() {
            output.push_str("\n----------ERROR-------\n");
            output.push_str(errors);
        }
        let status = read("Status");
        Self {
            code: result.get("ResponseCode").cloned(),
            fault: (status != "Success")
                .then(|| format!("{} ({status}): {output}", read("InstanceId"))),
            output: Some(output),
        }
    }
}

fn conclude(
    turn: &mut Turn<'_>,
    followed: &polling::Followed,
    reading: Reading,
) -> Result<Progress, Failure> {
    let mut rest = followed.rest.iter().map(String::as_str);
    let status = rest.next().unwrap_or_default();
    let details = rest.next().unwrap_or_default();
    let mut outputs = Map::new();
    outputs.insert("CommandId".to_owned(), followed.subject.as_str().into());
    outputs.insert("Status".to_owned(), status.into());
    if let Some(code) = reading.code {
        outputs.insert("ResponseCode".to_owned(), code);
    }
    if let Some(output) = &reading.output {
        outputs.insert(
            "Output".to_owned(),
            given::within(output, MAX_OUTPUT).into(),
        );
    }
    if status == "Success" {
        let response = turn
            .run
            .current()
            .and_then(|record| record.response.clone());
        return Ok(Progress::Done(Success {
            outputs,
            response,
            goto: None,
        }));
    }
    turn.set_outputs(outputs);
    let fault = reading
        .fault
        .map(|fault| format!(" {}", given::excerpt(fault.trim(), QUOTED)));
    Err(Failure::action(format!(
        "Step fails when it is {POLLING}. Command {} ended with the status {status} ({details}).{}",
        followed.subject,
        fault.unwrap_or_default()
    )))
}

/// Cancels the command; whether there is one.
pub(super) fn stop(turn: &mut Turn<'_>) -> Result<bool, Failure> {
    let under_way = polling::followed(turn).filter(|followed| followed.phase == Phase::State);
    let Some(followed) = under_way else {
        return Ok(false);
    };
    polling::follow(turn, Phase::Stopping, &followed.subject, Vec::new());
    let mut params = Map::new();
    params.insert("CommandId".to_owned(), followed.subject.into());
    call(turn, ("ssm", "CancelCommand"), params, (true, None))?;
    Ok(true)
}
