//! `aws:executeAwsApi`: one call, its answer selected into outputs.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::{EXECUTING, Progress, call, call_failure, outputs, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

/// Inputs that are not parameters of the API, over all actions that make a user's call.
pub(super) const OWN_INPUTS: [&str; 4] = ["Service", "Api", "PropertySelector", "DesiredValues"];

/// Service, operation and parameters of a user's call. `own` names the inputs that are not the API's.
pub(super) fn parts(
    inputs: &Map<String, Value>,
    own: &[&str],
) -> Result<(String, String, Map<String, Value>), Failure> {
    let service = text_input(inputs, "Service")?;
    let api = text_input(inputs, "Api")?;
    let params = inputs
        .iter()
        .filter(|(key, _)| !own.contains(&key.as_str()));
    Ok((
        service,
        api,
        params
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect(),
    ))
}

/// Service and operation of the current step's call.
pub(super) fn called(turn: &Turn<'_>) -> Result<(String, String), Failure> {
    let empty = Map::new();
    let inputs = turn.run.current().map_or(&empty, |record| &record.inputs);
    Ok((text_input(inputs, "Service")?, text_input(inputs, "Api")?))
}

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let (service, api, params) = parts(inputs, &["Service", "Api"])?;
    call(
        turn,
        (&service, &api),
        params,
        (false, step.timeout_seconds),
    )
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    match answer {
        Ok(result) => outputs::select(step, &result).map(Progress::done),
        Err(error) => {
            let (service, api) = called(turn)?;
            Err(call_failure(EXECUTING, (&service, &api), &error))
        }
    }
}
