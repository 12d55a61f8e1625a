//! `aws:updateVariable`: a new value of exactly the declared type.

use serde_json::{Map, Value};

use super::{Progress, text_input};
use crate::automation::machine::Turn;
use crate::automation::parameters;
use crate::automation::record::Failure;
use crate::expr::value_type::{ValueType, kind_of};

/// SSM's own limits of a variable's value.
const MAX_MAPS: usize = 200;
const MAX_TEXTS: usize = 50;
/// Largest value as JSON text; AWS's 512 characters per text are relaxed as for parameters.
const MAX_BYTES: usize = 256 * 1024;

pub(super) fn begin(turn: &mut Turn<'_>, inputs: &Map<String, Value>) -> Result<Progress, Failure> {
    let text = text_input(inputs, "Name")?;
    let name = text.strip_prefix("variable:").unwrap_or(&text).to_owned();
    let document = turn.document();
    let Some(variable) = document
        .variables
        .iter()
        .find(|variable| variable.name == name)
    else {
        return Err(Failure::inputs(format!("Variable {name} is not declared.")));
    };
    let value = inputs.get("Value").cloned().unwrap_or_default();
    if !variable.value_type.holds(&value) {
        return Err(Failure::inputs(format!(
            "Variable {name} has the type {}, the value is a {}.",
            variable.value_type.as_str(),
            kind_of(&value)
        )));
    }
    let count = value.as_array().map_or(0, Vec::len);
    let limit = if variable.value_type == ValueType::MapList {
        MAX_MAPS
    } else {
        MAX_TEXTS
    };
    if count > limit {
        return Err(Failure::inputs(format!(
            "Variable {name} may have at most {limit} items."
        )));
    }
    // An escape makes at most six bytes of one: a short text needs no counting.
    let is_short = value
        .as_str()
        .is_some_and(|text| text.len() < MAX_BYTES / 8);
    if !is_short && value.to_string().len() > MAX_BYTES {
        return Err(Failure::inputs(format!(
            "The value of variable {name} has more than {MAX_BYTES} bytes."
        )));
    }
    parameters::check(&variable.constraints, &value)
        .map_err(|reason| Failure::inputs(format!("The value of variable {name} {reason}.")))?;
    turn.run.root.variables.insert(name, value);
    Ok(Progress::done(Map::new()))
}
