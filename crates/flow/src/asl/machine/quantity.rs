//! Numbers and instants that a definition leaves to the data, with the service's words for those that do not fit.

use jiff::Timestamp;
use serde_json::Value;

use super::enter::Scene;
use super::turn::Turn;
use crate::asl::definition::{Number, Text, instant};
use crate::asl::fault::{self, Fault};
use crate::asl::template::Template;

/// Longest wait in seconds.
const MAX_SECONDS: f64 = 99_999_999.0;

/// A number's value, before it is judged.
fn value(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (number, field): (&Number, &str),
) -> Result<Value, Fault> {
    match number {
        Number::Fixed(fixed) => Ok(serde_json::json!(fixed)),
        Number::Path(path) => scene.view(&scene.input).look(path).map_err(|_| {
            Fault::runtime(format!(
                "The {field}Path parameter does not reference an input value: {path}"
            ))
        }),
        Number::Expression(expression) => {
            let view = scene.view(&scene.input);
            let value = view.evaluate(expression, field, &mut turn.random)?;
            if value.is_number() || scene.lacks(&value) {
                Ok(value)
            } else {
                Err(fault::unexpected_type(
                    expression.source(),
                    field,
                    "number",
                    &value,
                ))
            }
        }
    }
}

/// `Seconds` of a Wait.
pub(super) fn wait_seconds(
    turn: &mut Turn<'_>,
    scene: &Scene,
    number: &Number,
) -> Result<u64, Fault> {
    let value = value(turn, scene, (number, "Seconds"))?;
    if scene.lacks(&value) {
        return Ok(0);
    }
    let path = match number {
        Number::Path(path) => path.to_string(),
        _ => String::new(),
    };
    let Some(seconds) = value.as_f64() else {
        return Err(Fault::runtime(format!(
            "The SecondsPath parameter does not reference a number: {path} == {value}"
        )));
    };
    if seconds < 0.0 {
        return Err(Fault::runtime(format!(
            "The SecondsPath parameter references a negative value: {path} == {value}"
        )));
    }
    if seconds > MAX_SECONDS {
        return Err(Fault::runtime(format!(
            "The SecondsPath parameter references a value that exceeds {MAX_SECONDS}: {path} == {value}"
        )));
    }
    Ok(whole(seconds))
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked against its range by the callers"
    )]
    let whole = number.clamp(0.0, MAX_SECONDS) as u64;
    whole
}

/// `Timestamp` of a Wait.
pub(super) fn wait_until(
    turn: &mut Turn<'_>,
    scene: &Scene,
    text: &Text,
) -> Result<Timestamp, Fault> {
    let template = match text {
        // Checked with the definition.
        Text::Fixed(text) => return instant(text).ok_or_else(|| Fault::runtime("Timestamp")),
        Text::Template(template) => template,
    };
    match template {
        Template::Expression { location, .. } => {
            let value = scene.fill(template, &scene.input, turn)?;
            if scene.lacks(&value) {
                return Ok(turn.cx.at);
            }
            value.as_str().and_then(instant).ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let mut fault = Fault::query(format!(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time format string: {shown}"
                ));
                fault.location = Some(location.clone());
                fault.after_entry = true;
                fault
            })
        }
        Template::Path { path, .. } => {
            let value = scene.view(&scene.input).look(path).map_err(|_| {
                Fault::runtime(format!(
                    "The TimestampPath parameter does not reference an input value: {path}"
                ))
            })?;
            if scene.lacks(&value) {
                return Ok(turn.cx.at);
            }
            value.as_str().and_then(instant).ok_or_else(|| {
                let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                Fault::runtime(format!(
                    "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: {path} == {shown}"
                ))
            })
        }
        other => {
            let value = scene.fill(other, &scene.input, turn)?;
            if scene.lacks(&value) {
                return Ok(turn.cx.at);
            }
            value
                .as_str()
                .and_then(instant)
                .ok_or_else(|| Fault::runtime(format!("`{value}` is no timestamp")))
        }
    }
}

/// A whole number of a Map, such as `MaxConcurrency`.
pub(super) fn integer(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (number, field): (&Number, &str),
) -> Result<i64, Fault> {
    let value = value(turn, scene, (number, field))?;
    if scene.lacks(&value) {
        return Ok(1);
    }
    let value = digits(value, number);
    let found = value.as_i64().or_else(|| {
        let number = value.as_f64().filter(|number| number.fract() == 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "checked to be within the range"
        )]
        let whole = number as i64;
        (number.abs() < 9.0e15).then_some(whole)
    });
    found.ok_or_else(|| not_a(&value, (number, field), "integer"))
}

/// A number of a Map, such as `ToleratedFailurePercentage`.
pub(super) fn float(
    turn: &mut Turn<'_>,
    scene: &Scene,
    (number, field): (&Number, &str),
) -> Result<f64, Fault> {
    let value = value(turn, scene, (number, field))?;
    if scene.lacks(&value) {
        return Ok(0.0);
    }
    let value = digits(value, number);
    value
        .as_f64()
        .ok_or_else(|| not_a(&value, (number, field), "float"))
}

/// A path may lead to a number that is written as a text.
fn digits(value: Value, number: &Number) -> Value {
    match (&value, number) {
        (Value::String(text), Number::Path(_)) => match serde_json::from_str::<Value>(text) {
            Ok(read) if read.is_number() => read,
            _ => value,
        },
        _ => value,
    }
}

fn not_a(value: &Value, (number, field): (&Number, &str), what: &str) -> Fault {
    let shown = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match number {
        Number::Path(path) => Fault::runtime(format!(
            "The {field}Path field refers to value \"{shown}\" which is not a valid {what}: {path}"
        )),
        _ => Fault::query(format!("The {field} field is not a valid {what}: {shown}")),
    }
}
