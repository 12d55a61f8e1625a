//! Values given at start: from wire form to typed values, under the rules that the document declares.
//!
//! Messages name the parameter and the rule, never the value: a parameter may hold a secret.

use std::collections::BTreeMap;

use fancy_regex::{Regex, RegexBuilder};
use model::Rejection;
use serde_json::{Map, Value};

use super::document::{Constraints, Document, Parameter};
use super::java_pattern;
use crate::expr::unknown;
use crate::expr::value_type::{ValueType, text_of};

/// Most values of one parameter, and most bytes of one value. AWS allows 50 values of 512 characters; a self-hosted
/// engine takes whole findings as a StringMap.
const MAX_VALUES: usize = 1_000;
const MAX_VALUE_BYTES: usize = 256 * 1024;
/// Steps a pattern may go back before the match is given up.
const BACKTRACK_LIMIT: usize = 100_000;
/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 4_096;

/// Typed values of all parameters, and the names of those whose default must be looked up in the parameter store.
///
/// # Errors
/// The first value that is missing, unknown or breaks a rule; `field` is `Parameters.NAME`.
pub fn bind(
    document: &Document,
    given: &BTreeMap<String, Vec<String>>,
) -> Result<(Map<String, Value>, Vec<String>), Rejection> {
    bind_where(document, given, &|_| false)
}

/// As [`bind`], for a run that is only planned: values that are not known yet are taken as they are.
pub(crate) fn bind_planned(
    document: &Document,
    given: &BTreeMap<String, Vec<String>>,
) -> Result<(Map<String, Value>, Vec<String>), Rejection> {
    bind_where(document, given, &|wire| {
        wire.iter().any(|text| unknown::in_text(text))
    })
}

/// `is_unknown` says which values stand for what is not known yet.
fn bind_where(
    document: &Document,
    given: &BTreeMap<String, Vec<String>>,
    is_unknown: &dyn Fn(&[String]) -> bool,
) -> Result<(Map<String, Value>, Vec<String>), Rejection> {
    if let Some(name) = given.keys().find(|name| document.parameter(name).is_none()) {
        let known: Vec<&str> = document
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        return Err(refuse(
            name,
            &format!(
                "is not declared by the document; it declares: {}",
                known.join(", ")
            ),
        ));
    }
    let mut values = Map::new();
    let mut lookups = Vec::new();
    for parameter in &document.parameters {
        match (given.get(&parameter.name), &parameter.default) {
            (Some(wire), _) if is_unknown(wire) => {
                values.insert(parameter.name.clone(), as_written(wire));
            }
            (Some(wire), _) => {
                let value = from_wire(parameter.value_type, wire)
                    .map_err(|reason| refuse(&parameter.name, &reason))?;
                check(&parameter.constraints, &value)
                    .map_err(|reason| refuse(&parameter.name, &reason))?;
                values.insert(parameter.name.clone(), value);
            }
            (None, Some(_)) if parameter.ssm_default().is_some() => {
                lookups.push(parameter.name.clone())
            }
            (None, Some(default)) => {
                values.insert(parameter.name.clone(), typed_default(parameter, default));
            }
            (None, None) => return Err(refuse(&parameter.name, "is required: it has no default")),
        }
    }
    Ok((values, lookups))
}

/// One text, or the list of them.
fn as_written(wire: &[String]) -> Value {
    match wire {
        [one] => Value::String(one.clone()),
        several => several.iter().cloned().map(Value::String).collect(),
    }
}

fn refuse(name: &str, reason: &str) -> Rejection {
    Rejection::invalid(
        format!("Parameters.{name}"),
        format!("Parameter \"{name}\" {reason}."),
    )
}

/// A default was checked when the document was read; what is left is its spelling (`default: "5"` of an Integer).
fn typed_default(parameter: &Parameter, default: &Value) -> Value {
    parameter
        .value_type
        .convert(default.clone())
        .unwrap_or_else(|_| default.clone())
}

/// Wire form (a list of texts) to a typed value.
///
/// # Errors
/// What the type wants.
pub fn from_wire(value_type: ValueType, wire: &[String]) -> Result<Value, String> {
    if wire.len() > MAX_VALUES {
        return Err(format!("has more than {MAX_VALUES} values"));
    }
    if wire.iter().any(|text| text.len() > MAX_VALUE_BYTES) {
        return Err(format!("has a value of more than {MAX_VALUE_BYTES} bytes"));
    }
    let single = || match wire {
        [] => Ok(""),
        [one] => Ok(one.as_str()),
        _ => Err(format!(
            "has {} values, a {} takes one",
            wire.len(),
            value_type.as_str()
        )),
    };
    match value_type {
        ValueType::String => single().map(|text| Value::String(text.to_owned())),
        ValueType::StringList => Ok(Value::Array(
            wire.iter().cloned().map(Value::String).collect(),
        )),
        ValueType::Integer => {
            let number: Result<i64, _> = single()?.trim().parse();
            number
                .map(Value::from)
                .map_err(|_| "must be a whole number".to_owned())
        }
        ValueType::Boolean => match single()?.trim() {
            text if text.eq_ignore_ascii_case("true") => Ok(Value::Bool(true)),
            text if text.eq_ignore_ascii_case("false") => Ok(Value::Bool(false)),
            _ => Err("must be true or false".to_owned()),
        },
        ValueType::StringMap => match read_json(single()?) {
            Some(map @ Value::Object(_)) => Ok(map),
            _ => Err("must be the text of one JSON object".to_owned()),
        },
        ValueType::MapList => {
            let complain = || "must be texts of JSON objects".to_owned();
            let mut maps = Vec::new();
            for text in wire {
                match read_json(text) {
                    Some(map @ Value::Object(_)) => maps.push(map),
                    Some(Value::Array(items))
                        if wire.len() == 1 && items.iter().all(Value::is_object) =>
                    {
                        maps.extend(items);
                    }
                    _ => return Err(complain()),
                }
            }
            Ok(Value::Array(maps))
        }
    }
}

/// JSON from a caller; serde_json bounds its depth.
fn read_json(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}

/// A value in wire form: as texts.
#[must_use]
pub fn to_wire(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| text_of(item).into_owned())
            .collect(),
        other => vec![text_of(other).into_owned()],
    }
}

/// A pattern that matches whole texts.
///
/// # Errors
/// Why the pattern is none.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("allowedPattern has more than {MAX_PATTERN} bytes"));
    }
    // Java's matches() looks at the whole text; the group keeps alternatives together. `\z`, since `$` would also
    // match before a final line feed.
    RegexBuilder::new(&format!("^(?:{})\\z", java_pattern::translated(pattern)))
        .backtrack_limit(BACKTRACK_LIMIT)
        .delegate_size_limit(8 << 20)
        .build()
        .map_err(|error| {
            let words = error.to_string();
            // The place counts what stands around the pattern here.
            let reason = match words.strip_prefix("Parsing error at position ") {
                Some(rest) => rest.split_once(": ").map_or(rest, |(_, reason)| reason),
                None => &words,
            };
            format!("allowedPattern is not a valid regular expression: {reason}")
        })
}

/// Whether a typed value keeps the declared rules.
///
/// # Errors
/// The rule that it breaks.
pub fn check(rules: &Constraints, value: &Value) -> Result<(), String> {
    let items: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    if value.is_array() {
        let count = items.len() as u64;
        range(count, (rules.min_items, rules.max_items), "items")?;
    }
    if let Some(number) = value.as_i64() {
        if rules.min_value.is_some_and(|least| number < least) {
            return Err(format!(
                "must be at least {}",
                rules.min_value.unwrap_or_default()
            ));
        }
        if rules.max_value.is_some_and(|most| number > most) {
            return Err(format!(
                "must be at most {}",
                rules.max_value.unwrap_or_default()
            ));
        }
    }
    let patterns: Vec<Regex> = [rules.allowed_pattern.as_deref(), rules.implied_pattern]
        .into_iter()
        .flatten()
        .map(compile)
        .collect::<Result<_, _>>()?;
    for item in items {
        let text = text_of(item);
        if item.is_string() {
            range(
                text.chars().count() as u64,
                (rules.min_chars, rules.max_chars),
                "characters",
            )?;
        }
        if !rules.allowed_values.is_empty()
            && !rules
                .allowed_values
                .iter()
                .any(|allowed| text_of(allowed) == text)
        {
            let allowed: Vec<_> = rules.allowed_values.iter().map(text_of).collect();
            return Err(format!("must be one of: {}", allowed.join(", ")));
        }
        for pattern in &patterns {
            match pattern.is_match(text.as_ref()) {
                Ok(true) => {}
                Ok(false) => return Err(format!("does not match the pattern {}", shown(rules))),
                Err(_) => {
                    return Err(format!(
                        "takes too long to compare with the pattern {}",
                        shown(rules)
                    ));
                }
            }
        }
    }
    Ok(())
}

fn shown(rules: &Constraints) -> &str {
    rules
        .allowed_pattern
        .as_deref()
        .or(rules.implied_pattern)
        .unwrap_or_default()
}

fn range(count: u64, (least, most): (Option<u64>, Option<u64>), what: &str) -> Result<(), String> {
    match (least, most) {
        (Some(least), _) if count < least => {
            Err(format!("has {count} {what}, at least {least} are needed"))
        }
        (_, Some(most)) if count > most => {
            Err(format!("has {count} {what}, at most {most} are allowed"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wire_table() {
        use ValueType::{Boolean, Integer, MapList, String, StringList, StringMap};
        let cases: [(ValueType, &[&str], Option<Value>); 14] = [
            (String, &["x"], Some(json!("x"))),
            (String, &[], Some(json!(""))),
            (String, &["x", "y"], None),
            (StringList, &["x", "y"], Some(json!(["x", "y"]))),
            (StringList, &[], Some(json!([]))),
            (Integer, &["5"], Some(json!(5))),
            (Integer, &["5x"], None),
            (Boolean, &["True"], Some(json!(true))),
            (Boolean, &["yes"], None),
            (StringMap, &["{\"a\":1}"], Some(json!({"a": 1}))),
            (StringMap, &["[1]"], None),
            (
                MapList,
                &["{\"a\":1}", "{\"b\":2}"],
                Some(json!([{"a": 1}, {"b": 2}])),
            ),
            (MapList, &["[{\"a\":1}]"], Some(json!([{"a": 1}]))),
            (MapList, &["1"], None),
        ];
        for (value_type, wire, expected) in cases {
            let wire: Vec<std::string::String> =
                wire.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(
                from_wire(value_type, &wire).ok(),
                expected,
                "{value_type:?} {wire:?}"
            );
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn rules_table() {
        let pattern = |text: &str| Constraints {
            allowed_pattern: Some(text.to_owned()),
            ..Constraints::default()
        };
        let cases = [
            (pattern("[a-z]+"), json!("abc"), true),
            (pattern("[a-z]+"), json!("abc1"), false),
            (pattern("^a|b$"), json!("ax"), false),
            (pattern("^(?!aws)[a-z]+$"), json!("awsx"), false),
            (pattern("^a\\/b$"), json!("a/b"), true),
            (pattern("^a$"), json!("a\n"), false),
            (pattern("^[\\w+=,.@_-]{1,128}$"), json!("a.b@c"), true),
            (pattern("\\w+"), json!("é"), false),
            (pattern("\\d\\\\d"), json!("1\\d"), true),
            (pattern("[0-9]+"), json!(12), true),
            (pattern("[a-z]"), json!(["a", "b"]), true),
            (pattern("[a-z]"), json!(["a", "1"]), false),
            (
                Constraints {
                    max_chars: Some(2),
                    ..Constraints::default()
                },
                json!("äöü"),
                false,
            ),
            (
                Constraints {
                    min_chars: Some(3),
                    ..Constraints::default()
                },
                json!("äöü"),
                true,
            ),
            (
                Constraints {
                    min_items: Some(1),
                    ..Constraints::default()
                },
                json!([]),
                false,
            ),
            (
                Constraints {
                    max_value: Some(3),
                    ..Constraints::default()
                },
                json!(4),
                false,
            ),
            (
                Constraints {
                    allowed_values: vec![json!(true)],
                    ..Constraints::default()
                },
                json!(true),
                true,
            ),
            (
                Constraints {
                    allowed_values: vec![json!("a")],
                    ..Constraints::default()
                },
                json!("b"),
                false,
            ),
        ];
        for (rules, value, fits) in cases {
            assert_eq!(check(&rules, &value).is_ok(), fits, "{rules:?} {value}");
        }
        let evil = pattern("(a+)+\\1$x?");
        assert!(check(&evil, &json!("a".repeat(60) + "b")).is_err());
    }
}
