//! `aws:loop`: what a loop goes over, and whether there is another pass.

use serde_json::{Map, Value};

use crate::automation::document::{Body, Step};
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::automation::run::LoopState;
use crate::expr::value_type::{kind_of, text_of};

/// Most passes of one loop, and most items (SSM's own limits).
const MAX_PASSES: u32 = 100;

/// Checks a loop's inputs; whether there is a first pass.
pub(crate) fn begin(step: &Step, inputs: &Map<String, Value>) -> Result<bool, Failure> {
    limit(inputs)?;
    let Body::Loop { condition, .. } = &step.body else {
        return Err(Failure::inputs("The loop has no steps."));
    };
    if condition.is_some() {
        return Ok(true);
    }
    let items = match inputs.get("Iterators") {
        Some(Value::Array(items)) => items,
        Some(other) => {
            return Err(Failure::inputs(format!(
                "Input Iterators must be a list, not a {}.",
                kind_of(other)
            )));
        }
        None => return Err(Failure::inputs("Input Iterators is missing.")),
    };
    if items.len() > 100 {
        return Err(Failure::inputs(format!(
            "Input Iterators has {} items, at most 100 are allowed.",
            items.len()
        )));
    }
    Ok(!items.is_empty())
}

fn limit(inputs: &Map<String, Value>) -> Result<u32, Failure> {
    let limit = match inputs.get("MaxIterations") {
        None | Some(Value::Null) => MAX_PASSES,
        Some(value) => text_of(value).trim().parse().unwrap_or(0),
    };
    if (1..=MAX_PASSES).contains(&limit) {
        return Ok(limit);
    }
    Err(Failure::inputs("Input MaxIterations must be 1 to 100."))
}

/// Whether there is another pass after the current one. A condition is looked at after each pass.
pub(crate) fn another_pass(
    turn: &Turn<'_>,
    step: &Step,
    state: &LoopState,
) -> Result<bool, Failure> {
    let empty = Map::new();
    let inputs = turn
        .run
        .record(state.seq)
        .map_or(&empty, |record| &record.inputs);
    if state.iteration >= limit(inputs)? {
        return Ok(false);
    }
    match &step.body {
        Body::Loop {
            condition: Some(condition),
            ..
        } => condition
            .holds(&|reference| turn.run.lookup(turn.cx, reference))
            .map_err(|reason| {
                Failure::action(format!("LoopCondition can not be resolved: {reason}."))
            }),
        _ => {
            let items = inputs
                .get("Iterators")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            Ok(usize::try_from(state.iteration).is_ok_and(|done| done < items))
        }
    }
}
