//! `aws:waitForAwsResourceProperty`: looks until the selected value is a desired one or time is up.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::assert_property::{awaited, compare, desired};
use super::execute_api::{OWN_INPUTS, called, parts};
use super::{DEFAULT_TIMEOUT, POLLING, Phase, Progress, call, call_failure, outputs, polling};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    desired(inputs)?;
    turn.set_timeout(step.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT));
    polling::start(turn, Phase::State);
    look(turn, step)
}

/// One look.
pub(super) fn look(turn: &mut Turn<'_>, step: &Step) -> Result<Progress, Failure> {
    let (service, api, params) = parts(&turn.current_inputs(), &OWN_INPUTS)?;
    call(turn, (&service, &api), params, (true, step.timeout_seconds))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let (service, api) = called(turn)?;
    let result = match answer {
        Err(error) if polling::is_final(&error.code) => {
            return Err(call_failure(POLLING, (&service, &api), &error));
        }
        Err(_) => return Ok(polling::again(turn)),
        Ok(result) => result,
    };
    let (selector, wanted) = awaited(turn)?;
    match compare(&selector, &wanted, &result) {
        Ok(()) => outputs::select(step, &result).map(Progress::done),
        Err(_) => Ok(polling::again(turn)),
    }
}
