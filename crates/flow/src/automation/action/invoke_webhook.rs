//! `aws:invokeWebhook`: calls a webhook whose address and headers only the parameter store knows.
//!
//! The effect names the integration; what it holds is read where it is used and never comes here.

use model::effect::{Failure as EffectFailure, IntegrationCall};
use serde_json::{Map, Value};

use super::{EXECUTING, Progress, given, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// Longest name of an integration. Its letters are those of a parameter's last part.
const MAX_NAME: usize = 256;
/// Longest wait in seconds where the step declares no shorter one.
const MAX_SECONDS: u64 = 25;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let name = text_input(inputs, "IntegrationName")?;
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if name.len() > MAX_NAME || !name.bytes().all(legal) {
        return Err(Failure::inputs(format!(
            "Input IntegrationName must have 1 to {MAX_NAME} letters, digits, '.', '_' and '-'."
        )));
    }
    let mut body = given::same(inputs, &["Body"]);
    given::texts(&mut body, &["Body"]);
    let body = body.get("Body").and_then(Value::as_str).map(str::to_owned);
    let assume_role = turn.run.role(turn.cx).map_err(Failure::inputs)?;
    let seconds = step.timeout_seconds.unwrap_or(MAX_SECONDS).min(MAX_SECONDS);
    let command = model::EffectCommand::InvokeIntegration(IntegrationCall {
        name,
        body,
        region: turn.run.request().region.clone(),
        assume_role,
        timeout_secs: u32::try_from(seconds).unwrap_or(u32::MAX),
    });
    turn.perform(command, false);
    Ok(Progress::Waiting)
}

pub(super) fn on_effect(answer: Result<Value, EffectFailure>) -> Result<Progress, Failure> {
    match answer {
        Ok(result) => Ok(Progress::done(given::same(
            result.as_object().unwrap_or(&Map::new()),
            &["Response", "ResponseCode"],
        ))),
        Err(error) => Err(Failure {
            timed_out: error.code == "Timeout",
            code: error.status.map(|status| status.to_string()),
            ..Failure::action(format!(
                "Step fails when it is {EXECUTING}. {} ({})",
                error.message, error.code
            ))
        }),
    }
}
