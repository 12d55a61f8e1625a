//! `aws:assertAwsResourceProperty`: one reading call, whose selected value must be a desired one.

use model::effect::Failure as EffectFailure;
use serde_json::{Map, Value};

use super::execute_api::{OWN_INPUTS, called, parts};
use super::{EXECUTING, Progress, call, call_failure, list_input, outputs, text_input};
use crate::automation::document::Step;
use crate::automation::machine::Turn;
use crate::automation::record::Failure;
use crate::expr::selector::Selector;
use crate::expr::value_type::text_of;

pub(super) fn begin(
    turn: &mut Turn<'_>,
    step: &Step,
    inputs: &Map<String, Value>,
) -> Result<Progress, Failure> {
    let (service, api, params) = parts(inputs, &OWN_INPUTS)?;
    desired(inputs)?;
    call(turn, (&service, &api), params, (true, step.timeout_seconds))
}

pub(super) fn on_effect(
    turn: &mut Turn<'_>,
    step: &Step,
    answer: Result<Value, EffectFailure>,
) -> Result<Progress, Failure> {
    let result = match answer {
        Ok(result) => result,
        Err(error) => {
            let (service, api) = called(turn)?;
            return Err(call_failure(EXECUTING, (&service, &api), &error));
        }
    };
    let (selector, wanted) = awaited(turn)?;
    match compare(&selector, &wanted, &result) {
        Ok(()) => outputs::select(step, &result).map(Progress::done),
        Err(found) => Err(Failure::verification(format!(
            "Step fails when it is verifying the property: {found}; desired: {}.",
            wanted.join(", ")
        ))),
    }
}

/// The selector and the desired values of the inputs.
pub(super) fn desired(inputs: &Map<String, Value>) -> Result<(Selector, Vec<String>), Failure> {
    let selector =
        Selector::parse(&text_input(inputs, "PropertySelector")?).map_err(Failure::inputs)?;
    Ok((selector, list_input(inputs, "DesiredValues")?))
}

/// The selector and the desired values of the current step.
pub(super) fn awaited(turn: &Turn<'_>) -> Result<(Selector, Vec<String>), Failure> {
    desired(
        turn.run
            .current()
            .map_or(&Map::new(), |record| &record.inputs),
    )
}

/// Whether the selected value is one of the desired ones; otherwise what it is. Booleans compare in any case, since
/// documents write Python's `True`.
pub(super) fn compare(
    selector: &Selector,
    wanted: &[String],
    answer: &Value,
) -> Result<(), String> {
    let Some(found) = selector.select(answer) else {
        return Err("the selector matches nothing".to_owned());
    };
    let text = text_of(&found);
    let fits = wanted.iter().any(|value| {
        if found.is_boolean() {
            value.trim().eq_ignore_ascii_case(&text)
        } else {
            value.as_str() == text
        }
    });
    if fits {
        Ok(())
    } else {
        Err(format!(
            "it is \"{}\"",
            text.chars().take(200).collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn comparison_table() {
        let answer = json!({"State": "running", "On": true, "N": 5, "List": ["a"], "Null": null});
        let cases = [
            ("$.State", "running", true),
            ("$.State", "Running", false),
            ("$.On", "True", true),
            ("$.On", "true", true),
            ("$.On", "False", false),
            ("$.N", "5", true),
            ("$.List", "[\"a\"]", true),
            ("$.List[0]", "a", true),
            ("$.Nope", "a", false),
            ("State", "running", true),
            ("$.Null", "", true),
        ];
        for (selector, wanted, fits) in cases {
            let parsed = Selector::parse(selector).expect("valid");
            let wanted = ["never".to_owned(), wanted.to_owned()];
            assert_eq!(
                compare(&parsed, &wanted, &answer).is_ok(),
                fits,
                "{selector} {wanted:?}"
            );
        }
    }
}
