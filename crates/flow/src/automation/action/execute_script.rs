//! `aws:executeScript`: a document's Python function or PowerShell script, run in a separate, limited process.
//!
//! The script's text goes out as it is written: braces in it are Python's own. Values travel in `InputPayload`.

use model::Scope;
use model::effect::{AttachedScript, Failure as EffectFailure, ScriptCall};
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
    let (script, attachment) = match step.inputs.get("Script").and_then(Value::as_str) {
        Some(script) => (script.to_owned(), None),
        None => (String::new(), Some(Box::new(attached(turn, inputs)?))),
    };
    // What is told of a script by its words is told of Python; an attachment's words are not looked at.
    let isolated = attachment.is_none() && !is_powershell && isolation::is_isolated(&script);
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
            script,
            attachment,
            payload: payload.unwrap_or_else(|| Value::Object(Map::new())),
            isolated,
            assume_role: assume_role.filter(|_| !isolated),
            region: turn.run.request().region.clone(),
            timeout_secs: u32::try_from(limit).unwrap_or(u32::MAX),
        },
    ))
}

/// The attachment that a step names, as the document's version has it.
fn attached(turn: &Turn<'_>, inputs: &Map<String, Value>) -> Result<AttachedScript, Failure> {
    let absent = |value: &&Value| !value.is_null();
    if inputs.get("Attachment").filter(absent).is_none() {
        return Err(Failure::inputs("Input Script is missing."));
    }
    let name = text_input(inputs, "Attachment")?;
    let (document, version) = turn.run.document_name();
    let attachments = &turn.run.origin.attachments;
    let found = attachments.iter().find(|one| one.name == name);
    let found = found.ok_or_else(|| {
        Failure::inputs(format!(
            "Version {version} of document {document} has no attachment \"{name}\": attach it with UpdateDocument."
        ))
    })?;
    let request = turn.run.request();
    let home = request.location.as_ref().map(|there| &there.home_region);
    Ok(AttachedScript {
        scope: Scope {
            region: home.unwrap_or(&request.region).clone(),
            ..turn.cx.scope.clone()
        },
        document: document.to_owned(),
        version: version.to_owned(),
        name,
        sha256: found.sha256.clone(),
    })
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
