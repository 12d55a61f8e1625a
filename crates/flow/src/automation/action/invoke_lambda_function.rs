//! `aws:invokeLambdaFunction`: invokes a function and keeps what it answers.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{EXECUTING, Progress, call_failure, call_within, given, outputs, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

const CALLED: (&str, &str) = ("lambda", "Invoke");
/// Longest wait for a function's answer in seconds, and most bytes of it that are kept (SSM's own limits).
const MAX_SECONDS: u64 = 300;
const MAX_PAYLOAD: usize = 200 * 1024;
/// Characters of the answer that a failure message quotes.
const QUOTED: usize = 500;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let mut params = given::same(
        inputs,
        &[
            "Qualifier",
            "InvocationType",
            "LogType",
            "ClientContext",
            "Payload",
        ],
    );
    params.insert(
        "FunctionName".to_owned(),
        text_input(inputs, "FunctionName")?.into(),
    );
    if let Some(payload) = given::value(inputs, "InputPayload") {
        params.insert("Payload".to_owned(), payload.to_string().into());
    }
    given::texts(&mut params, &["Payload", "ClientContext"]);
    let seconds = step.timeout_seconds.unwrap_or(MAX_SECONDS).min(MAX_SECONDS);
    call_within(turn, CALLED, params, (false, seconds))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let result = answer.map_err(|error| call_failure(EXECUTING, CALLED, &error))?;
    let mut kept = given::same(
        result.as_object().unwrap_or(&Map::new()),
        &["StatusCode", "FunctionError", "LogResult", "Payload"],
    );
    given::texts(&mut kept, &["Payload"]);
    if let Some(Value::String(payload)) = kept.get_mut("Payload")
        && payload.len() > MAX_PAYLOAD
    {
        *payload = given::within(payload, MAX_PAYLOAD).to_owned();
    }
    if let Some(error) = result.get("FunctionError").and_then(Value::as_str) {
        let payload = kept.get("Payload").and_then(Value::as_str);
        let message = format!(
            "Step fails when it is {EXECUTING}. The function ended with the error {error}: {}",
            given::excerpt(payload.unwrap_or("no answer"), QUOTED)
        );
        turn.set_outputs(kept);
        return Err(Failure::action(message));
    }
    let mut all = outputs::select(step, &result)?;
    for (name, value) in kept {
        all.entry(name).or_insert(value);
    }
    Ok(Progress::done(all))
}
