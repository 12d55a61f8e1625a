//! Single values in canonical form: from text, as forms, headers, paths and XML carry them, and from numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Number, Value};

use crate::model::{Ref, Shape, TimestampFormat};
use crate::timestamp::{self, Moment};

/// What a value of this shape must be, for a message.
pub(super) fn wanted(shape: &Shape, target: &Ref) -> &'static str {
    match shape {
        Shape::Structure(structure) if structure.document => "a JSON value",
        Shape::Structure(_) | Shape::Map { .. } => "an object",
        Shape::List { .. } => "a list",
        Shape::String { .. } => "a string",
        Shape::Integer { .. } | Shape::Long { .. } => "a whole number",
        Shape::Float | Shape::Double => "a number",
        Shape::Boolean => "true or false",
        Shape::Timestamp => match target.traits().timestamp_format {
            None | Some(TimestampFormat::Unix) => "a timestamp: seconds since 1970 as a number",
            Some(TimestampFormat::Iso8601) => "a timestamp: ISO 8601 text",
            Some(TimestampFormat::Rfc822) => "a timestamp: the text of an HTTP date",
        },
        Shape::Blob => "base64 text",
    }
}

/// A timestamp in canonical form.
fn moment(at: Moment) -> Value {
    Value::String(at.to_string())
}

/// A value of a scalar shape from its text; `None` when it is none.
pub(super) fn from_text(shape: &Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::String { .. } => Some(text.into()),
        Shape::Integer { .. } | Shape::Long { .. } => {
            text.trim().parse::<i64>().ok().map(Value::from)
        }
        Shape::Float | Shape::Double => float(text.trim()),
        Shape::Boolean => match text.trim() {
            word if word.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
            word if word.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
            _ => None,
        },
        Shape::Timestamp => timestamp::parse(text).map(moment),
        Shape::Blob => blob(text),
        Shape::Structure(_) | Shape::List { .. } | Shape::Map { .. } => None,
    }
}

/// A number, or one of the three texts that stand for what JSON cannot write.
fn float(text: &str) -> Option<Value> {
    match text {
        "NaN" | "Infinity" | "-Infinity" => Some(text.into()),
        _ => match text.parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) => text
                .parse()
                .ok()
                .and_then(Number::from_f64)
                .map(Value::Number),
        },
    }
}

fn blob(text: &str) -> Option<Value> {
    let text = text.trim();
    STANDARD.decode(text).ok().map(|_| text.into())
}

/// A value of a scalar shape from text within JSON, where only some shapes are text.
pub(super) fn from_json_text(shape: &Shape, text: &str) -> Option<Value> {
    match shape {
        Shape::String { .. } => Some(text.into()),
        Shape::Blob => blob(text),
        Shape::Float | Shape::Double if matches!(text, "NaN" | "Infinity" | "-Infinity") => {
            Some(text.into())
        }
        // A number in quotes is not what services take for a time.
        Shape::Timestamp if text.contains([':', '-']) => timestamp::parse(text).map(moment),
        _ => None,
    }
}

/// A value of a scalar shape from a number within JSON or CBOR.
pub(super) fn from_number(shape: &Shape, number: Number) -> Option<Value> {
    match shape {
        Shape::Integer { .. } | Shape::Long { .. } => number.as_i64().map(Value::from),
        Shape::Float | Shape::Double => Some(Value::Number(number)),
        Shape::Timestamp => seconds(&number).map(moment),
        _ => None,
    }
}

fn seconds(number: &Number) -> Option<Moment> {
    let whole = number
        .as_i64()
        .and_then(|whole| Timestamp::from_second(whole).ok());
    match whole {
        Some(at) => Some(at.into()),
        None => number.as_f64().and_then(timestamp::from_seconds),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn text_is_read_by_shape() {
        let string = Shape::String {
            min: 0,
            values: Box::default(),
        };
        for (shape, text, want) in [
            (&string, " 5", Some(json!(" 5"))),
            (&Shape::Long { min: None }, "-5", Some(json!(-5))),
            (&Shape::Long { min: None }, "5.5", None),
            (&Shape::Double, "5", Some(json!(5))),
            (&Shape::Double, "-0.5", Some(json!(-0.5))),
            (&Shape::Double, "NaN", Some(json!("NaN"))),
            (&Shape::Double, "inf", None),
            (&Shape::Boolean, "TRUE", Some(json!(true))),
            (&Shape::Boolean, "1", None),
            (
                &Shape::Timestamp,
                "Sun, 25 Jan 2015 08:00:00 GMT",
                Some(json!("2015-01-25T08:00:00Z")),
            ),
            (&Shape::Timestamp, "soon", None),
            (&Shape::Blob, "YQ==", Some(json!("YQ=="))),
            (&Shape::Blob, "?", None),
        ] {
            assert_eq!(from_text(shape, text), want, "{text}");
        }
        assert_eq!(from_json_text(&Shape::Timestamp, "1422172800"), None);
        assert_eq!(
            from_number(&Shape::Timestamp, 1_422_172_800.into()),
            Some(json!("2015-01-25T08:00:00Z"))
        );
        assert_eq!(from_number(&Shape::Timestamp, i64::MAX.into()), None);
    }
}
