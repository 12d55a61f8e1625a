//! The six types of Automation values: their names, texts, and conversions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Type of a parameter, variable or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ValueType {
    /// Text.
    String,
    /// List of texts.
    StringList,
    /// Whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// JSON object.
    StringMap,
    /// List of JSON objects.
    MapList,
}

impl ValueType {
    /// The type with this wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "String" => Self::String,
            "StringList" => Self::StringList,
            "Integer" => Self::Integer,
            "Boolean" => Self::Boolean,
            "StringMap" => Self::StringMap,
            "MapList" => Self::MapList,
            _ => return None,
        })
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::Integer => "Integer",
            Self::Boolean => "Boolean",
            Self::StringMap => "StringMap",
            Self::MapList => "MapList",
        }
    }

    /// Whether a value is of exactly this type.
    #[must_use]
    pub fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::String, Value::String(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::StringMap, Value::Object(_)) => true,
            (Self::Integer, Value::Number(number)) => number.is_i64() || number.is_u64(),
            (Self::StringList, Value::Array(items)) => items.iter().all(Value::is_string),
            (Self::MapList, Value::Array(items)) => items.iter().all(Value::is_object),
            _ => false,
        }
    }

    /// Converts a selected value to this type, as declared outputs want it: numbers and booleans become texts,
    /// lists and maps become JSON text, and texts are read.
    ///
    /// # Errors
    /// Says what the value is and what was wanted.
    pub fn convert(self, value: Value) -> Result<Value, String> {
        if self.holds(&value) {
            return Ok(value);
        }
        let mismatch =
            |value: &Value| Err(format!("a {} is not a {}", kind_of(value), self.as_str()));
        match self {
            Self::String => Ok(Value::String(text_of(&value).into_owned())),
            Self::StringList => match value {
                Value::Array(items) => Ok(Value::Array(
                    items
                        .iter()
                        .map(|item| Value::String(text_of(item).into_owned()))
                        .collect(),
                )),
                Value::String(text) => match serde_json::from_str::<Value>(&text) {
                    Ok(list @ Value::Array(_)) => self.convert(list),
                    _ => Ok(Value::Array(vec![Value::String(text)])),
                },
                other => Ok(Value::Array(vec![Value::String(
                    text_of(&other).into_owned(),
                )])),
            },
            Self::Integer => whole_number(&value).map_or_else(|| mismatch(&value), Ok),
            Self::Boolean => match &value {
                Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
                Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
                _ => mismatch(&value),
            },
            Self::StringMap => match read_json(&value) {
                Some(parsed @ Value::Object(_)) => Ok(parsed),
                _ => mismatch(&value),
            },
            Self::MapList => maps(&value).map_or_else(|| mismatch(&value), Ok),
        }
    }
}

/// A number without a fraction, also written as text.
fn whole_number(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && n.abs() < 9e15)?;
            serde_json::from_str(&format!("{whole:.0}")).ok()
        }
        _ => None,
    }
}

/// One map, a list of maps, or either as JSON text, as a list of maps.
fn maps(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(Value::Array(vec![value.clone()])),
        Value::Array(items) if !items.is_empty() => {
            let parsed: Option<Vec<Value>> = items
                .iter()
                .map(|item| {
                    if item.is_object() {
                        Some(item.clone())
                    } else {
                        read_json(item).filter(Value::is_object)
                    }
                })
                .collect();
            parsed.map(Value::Array)
        }
        // A text within a text is not looked into again.
        Value::String(_) => match read_json(value)? {
            map @ Value::Object(_) => Some(Value::Array(vec![map])),
            list if ValueType::MapList.holds(&list) => Some(list),
            _ => None,
        },
        _ => None,
    }
}

fn read_json(value: &Value) -> Option<Value> {
    value
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
}

/// The text form of a value: strings raw, scalars as JSON writes them, lists and maps as compact JSON, null empty.
#[must_use]
pub fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        other => Cow::Owned(other.to_string()),
    }
}

/// What a value is, for messages.
#[must_use]
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "map",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conversion_table() {
        use ValueType::{Boolean, Integer, MapList, String, StringList, StringMap};
        let cases = [
            (String, json!(5), Some(json!("5"))),
            (String, json!(true), Some(json!("true"))),
            (String, json!({"a": 1}), Some(json!("{\"a\":1}"))),
            (String, json!("x"), Some(json!("x"))),
            (Integer, json!("12"), Some(json!(12))),
            (Integer, json!(12.0), Some(json!(12))),
            (Integer, json!(12.5), None),
            (Integer, json!("x"), None),
            (Boolean, json!("True"), Some(json!(true))),
            (Boolean, json!(1), None),
            (StringMap, json!("{\"a\":1}"), Some(json!({"a": 1}))),
            (StringMap, json!("[]"), None),
            (StringList, json!([1, "a"]), Some(json!(["1", "a"]))),
            (StringList, json!("a"), Some(json!(["a"]))),
            (StringList, json!("[\"a\",\"b\"]"), Some(json!(["a", "b"]))),
            (MapList, json!({"a": 1}), Some(json!([{"a": 1}]))),
            (MapList, json!("[{\"a\":1}]"), Some(json!([{"a": 1}]))),
            (MapList, json!(["{\"a\":1}"]), Some(json!([{"a": 1}]))),
            (MapList, json!([1]), None),
        ];
        for (wanted, value, expected) in cases {
            assert_eq!(
                wanted.convert(value.clone()).ok(),
                expected,
                "{wanted:?} {value}"
            );
        }
    }
}
