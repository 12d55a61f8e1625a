//! Filter policies of subscriptions, on the matcher of the event bus.
//!
//! A policy over a message's attributes is matched against an object made of them, one over its body against the body.
//! Limits and texts: "Amazon SNS subscription filter policies", Amazon SNS Developer Guide.

use std::collections::BTreeMap;

use model::topic::{FilterScope, MessageAttribute};
use rules::{Event, Pattern};
use serde_json::{Map, Number, Value};

use super::message::base_type;

/// Most keys of a policy.
const MAX_KEYS: usize = 5;
/// Most combinations of values of a policy.
const MAX_COMBINATIONS: u64 = 150;

/// Why a filter policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("FilterPolicy: {0}")]
pub struct FilterError(String);

/// Reads a policy; `None` is the empty one, which wants every message.
///
/// # Errors
/// What is wrong with it, in AWS's words where AWS has words for it.
pub fn read(policy: &str, scope: FilterScope) -> Result<Option<Pattern>, FilterError> {
    let refuse = |reason: &str| Err(FilterError(reason.to_owned()));
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(policy) else {
        return refuse("failed to parse JSON");
    };
    if object.is_empty() {
        return Ok(None);
    }
    if scope == FilterScope::MessageAttributes && is_nested(&object) {
        return refuse(
            "Filter policy scope MessageAttributes does not support nested filter policy",
        );
    }
    if keys(&object) > MAX_KEYS {
        return refuse("Filter policy can not have more than 5 keys");
    }
    if combinations(&object, scope, 1) > MAX_COMBINATIONS {
        return refuse("Filter policy is too complex");
    }
    let pattern = Pattern::parse(policy).map_err(|error| FilterError(error.to_string()))?;
    Ok(Some(pattern))
}

/// Whether a key's value is an object, which leads to another level; those in `$or` are alternatives of this one.
fn is_nested(object: &Map<String, Value>) -> bool {
    object.iter().any(|(key, value)| match value {
        Value::Object(_) => true,
        Value::Array(branches) if key == "$or" => {
            branches.iter().filter_map(Value::as_object).any(is_nested)
        }
        _ => false,
    })
}

/// Keys that have values; of alternatives the longest counts. Depth is bounded by the parser's.
fn keys(object: &Map<String, Value>) -> usize {
    let counted = object.iter().map(|(key, value)| match value {
        Value::Object(inner) => keys(inner),
        Value::Array(branches) if key == "$or" => {
            let branches = branches.iter().filter_map(Value::as_object);
            branches.map(keys).max().unwrap_or(0)
        }
        _ => 1,
    });
    counted.sum()
}

/// The product of the numbers of values, each in a body's policy times its depth; alternatives add up.
fn combinations(object: &Map<String, Value>, scope: FilterScope, depth: u64) -> u64 {
    let weight = match scope {
        FilterScope::MessageAttributes => 1,
        FilterScope::MessageBody => depth,
    };
    object.iter().fold(1_u64, |product, (key, value)| {
        let factor = match value {
            Value::Object(inner) => combinations(inner, scope, depth + 1),
            Value::Array(branches) if key == "$or" => {
                let branches = branches.iter().filter_map(Value::as_object);
                branches.fold(0_u64, |sum, branch| {
                    sum.saturating_add(combinations(branch, scope, depth))
                })
            }
            Value::Array(values) => {
                let values = values.iter().map(value_count).fold(0, u64::saturating_add);
                values.saturating_mul(weight)
            }
            _ => 1,
        };
        product.saturating_mul(factor.max(1))
    })
}

/// How many values one condition names: a list under `anything-but` and the like counts each.
fn value_count(condition: &Value) -> u64 {
    match condition {
        Value::Object(operator) => match operator.values().next() {
            Some(Value::Array(_)) if operator.contains_key("numeric") => 1,
            Some(Value::Array(values)) => values.len() as u64,
            Some(inner @ Value::Object(_)) => value_count(inner),
            _ => 1,
        },
        _ => 1,
    }
}

/// The attributes as an event: texts, numbers, and the elements of `String.Array`; binary ones are not seen.
#[must_use]
pub fn attributes_event(attributes: &BTreeMap<String, MessageAttribute>) -> Option<Event> {
    let seen = attributes.iter().filter_map(|(name, attribute)| {
        let value = match base_type(&attribute.data_type) {
            "String.Array" => array(&attribute.value)?,
            "String" => Value::from(attribute.value.as_str()),
            "Number" => number(&attribute.value)?,
            _ => return None,
        };
        Some((name.clone(), value))
    });
    let object: Map<String, Value> = seen.collect();
    Event::parse(&Value::Object(object).to_string()).ok()
}

/// A list of scalars; anything else in it would open another level.
fn array(text: &str) -> Option<Value> {
    let Ok(Value::Array(items)) = serde_json::from_str(text) else {
        return None;
    };
    let flat = |item: &Value| !item.is_object() && !item.is_array();
    items.iter().all(flat).then_some(Value::Array(items))
}

fn number(text: &str) -> Option<Value> {
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        return Some(Value::Number(number));
    }
    // AWS takes more spellings of a number than JSON has: `+1`, `01`, `1.`.
    Number::from_f64(text.parse().ok()?).map(Value::Number)
}

/// The body as an event; `None` when it is no JSON object: then no policy over bodies matches.
#[must_use]
pub fn body_event(body: &str) -> Option<Event> {
    Event::parse(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use FilterScope::{MessageAttributes as A, MessageBody as B};

    fn attribute(data_type: &str, value: &str) -> MessageAttribute {
        MessageAttribute {
            data_type: data_type.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn policies_are_read_or_refused() {
        for (policy, scope) in [
            (r#"{"store":["a"]}"#, A),
            (
                r#"{"store":[{"anything-but":["x"]}],"price":[{"numeric":[">=",100]}]}"#,
                A,
            ),
            (r#"{"$or":[{"a":["1"]},{"b":[{"exists":false}]}]}"#, A),
            (r#"{"a":{"b":["c"]}}"#, B),
        ] {
            assert!(matches!(read(policy, scope), Ok(Some(_))), "{policy}");
        }
        assert!(matches!(read("{}", A), Ok(None)));
        let many = |n: usize| {
            let values: Vec<String> = (0..n).map(|i| format!("\"{i}\"")).collect();
            format!("[{}]", values.join(","))
        };
        let product = format!(r#"{{"a":{},"b":{}}}"#, many(10), many(16));
        let deep = format!(r#"{{"a":{{"b":{}}}}}"#, many(76));
        for (policy, scope, words) in [
            ("", A, "failed to parse JSON"),
            ("[]", A, "failed to parse JSON"),
            (r#"{"a":{"b":["c"]}}"#, A, "does not support nested"),
            (
                r#"{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}"#,
                A,
                "more than 5 keys",
            ),
            (product.as_str(), A, "too complex"),
            (deep.as_str(), B, "too complex"),
            (r#"{"a":[{"bad":"x"}]}"#, A, "Unrecognized match type bad"),
            (r#"{"a":"b"}"#, A, "must be an object or an array"),
        ] {
            let error = read(policy, scope).expect_err(policy).to_string();
            assert!(
                error.starts_with("FilterPolicy: ") && error.contains(words),
                "{error}"
            );
        }
        assert!(read(&format!(r#"{{"a":{{"b":{}}}}}"#, many(75)), B).is_ok());
    }

    #[test]
    fn attributes_are_matched_by_their_types() {
        let attributes = BTreeMap::from([
            ("text".to_owned(), attribute("String", "100")),
            ("number".to_owned(), attribute("Number.price", "100")),
            ("odd".to_owned(), attribute("Number", "+7")),
            (
                "list".to_owned(),
                attribute("String.Array", r#"["a","b",3,true,null]"#),
            ),
            (
                "nested".to_owned(),
                attribute("String.Array", r#"[{"a":1}]"#),
            ),
            ("binary".to_owned(), attribute("Binary", "AAEC")),
        ]);
        let event = attributes_event(&attributes).expect("an event");
        for (policy, matches) in [
            (r#"{"text":["100"]}"#, true),
            (r#"{"text":[100]}"#, false),
            (r#"{"number":[{"numeric":["=",100.0]}]}"#, true),
            (r#"{"number":["100"]}"#, false),
            (r#"{"odd":[7]}"#, true),
            (r#"{"list":["b"]}"#, true),
            (r#"{"list":[3]}"#, true),
            (r#"{"list":["c"]}"#, false),
            (r#"{"nested":[{"exists":true}]}"#, false),
            (r#"{"binary":[{"exists":true}]}"#, false),
            (r#"{"absent":[{"exists":false}]}"#, true),
            (r#"{"text":["100"],"list":["c"]}"#, false),
        ] {
            let pattern = read(policy, A).expect(policy).expect("a pattern");
            assert_eq!(pattern.matches(&event), matches, "{policy}");
        }
    }

    #[test]
    fn a_body_that_is_no_object_matches_nothing() {
        let pattern = read(r#"{"a":{"b":["c"]}}"#, B)
            .expect("valid")
            .expect("a pattern");
        let event = body_event(r#"{"a":{"b":["x","c"]}}"#).expect("an object");
        assert!(pattern.matches(&event));
        assert!(body_event("plain text").is_none() && body_event("[1]").is_none());
    }
}
