//! `aws:executeScript`: a document's Python function or PowerShell script, run in a separate, limited process.
//!
//! The script's text goes out as it is written: braces in it are Python's own. Values travel in `InputPayload`.

use model::effect::{Failure as EffectFailure, ScriptCall};
use serde_json::{Map, Value};

use super::{EXECUTING, Progress, isolation, outputs, run_script, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// Longest run of a script in seconds, and largest result (SSM's own limits).
const MAX_SECONDS: u64 = 600;
const MAX_PAYLOAD: usize = 100 * 1024;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let runtime = text_input(inputs, "Runtime")?;
    let is_powershell = runtime.to_ascii_lowercase().starts_with("powershell");
    if !is_powershell && !runtime.to_ascii_lowercase().starts_with("python") {
        return Err(Failure::inputs(format!(
            "Runtime {runtime} is not known; write the script for python3.11."
        )));
    }
    // PowerShell runs the script as a whole.
    let handler = if is_powershell {
        String::new()
    } else {
        text_input(inputs, "Handler")?
    };
    let Some(script) = step.inputs.get("Script").and_then(Value::as_str) else {
        return Err(Failure::inputs("Input Script is missing."));
    };
    // What is told of a script by its words is told of Python.
    let isolated = !is_powershell && isolation::is_isolated(script);
    let assume_role = turn.run.role(turn.cx).map_err(Failure::inputs)?;
    let limit = step.timeout_seconds.unwrap_or(MAX_SECONDS).min(MAX_SECONDS);
    let payload = inputs
        .get("InputPayload")
        .filter(|payload| !payload.is_null())
        .cloned();
    Ok(run_script(
        turn,
        ScriptCall {
            runtime,
            handler,
            script: script.to_owned(),
            payload: payload.unwrap_or_else(|| Value::Object(Map::new())),
            isolated,
            assume_role: assume_role.filter(|_| !isolated),
            region: turn.run.request().region.clone(),
            timeout_secs: u32::try_from(limit).unwrap_or(u32::MAX),
        },
    ))
}

pub(super) fn on_effect(
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let result = answer.map_err(|error| Failure {
        timed_out: error.code == "Timeout",
        code: error.status.map(|status| status.to_string()),
        ..Failure::action(format!(
            "Step fails when it is {EXECUTING}. {}",
            error.message
        ))
    })?;
    let payload = result.get("Payload").cloned().unwrap_or_default();
    if payload.to_string().len() > MAX_PAYLOAD {
        return Err(Failure::verification(format!(
            "Step fails when it is verifying the outputs: the script returned more than {MAX_PAYLOAD} bytes; return less."
        )));
    }
    let mut outputs = outputs::select(step, &result)?;
    if !payload.is_null() {
        outputs.entry("Payload").or_insert(payload);
    }
    Ok(Progress::done(outputs))
}
