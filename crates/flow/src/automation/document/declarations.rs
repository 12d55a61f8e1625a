//! Reading `parameters` and `variables`: types, defaults and constraints.

use serde_json::{Map, Value};

use super::super::parameters;
use super::declared::{Constraints, Parameter, Variable, read_type};
use super::read::{Notes, read_text};
use crate::expr::reference::{Reference, find, visit_texts, whole};
use crate::expr::value_type::{ValueType, kind_of};
use crate::source::child_pointer;

/// Most parameters of one document (SSM's own limit of StartAutomationExecution).
const MAX_PARAMETERS: usize = 200;

fn entries<'a>(
    notes: &mut Notes<'_>,
    value: Option<&'a Value>,
    what: &str,
) -> Vec<(&'a String, &'a Map<String, Value>)> {
    let pointer = format!("/{what}");
    let map = match value {
        None | Some(Value::Null) => return Vec::new(),
        Some(Value::Object(map)) => map,
        Some(other) => {
            notes.add(
                &pointer,
                format!("\"{what}\" must be a map, not a {}", kind_of(other)),
            );
            return Vec::new();
        }
    };
    if map.len() > MAX_PARAMETERS {
        notes.add(
            &pointer,
            format!("at most {MAX_PARAMETERS} {what} are allowed"),
        );
    }
    let mut found = Vec::new();
    for (name, body) in map {
        let here = child_pointer(&pointer, name);
        match body.as_object() {
            Some(body) => found.push((name, body)),
            None => notes.add(
                &here,
                format!(
                    "\"{name}\" of {what} must be a map with a type, not a {}",
                    kind_of(body)
                ),
            ),
        }
    }
    found
}

/// Reads `parameters`.
pub(super) fn read_parameters(notes: &mut Notes<'_>, value: Option<&Value>) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (name, body) in entries(notes, value, "parameters") {
        let here = child_pointer("/parameters", name);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) || name.len() > 50 {
            notes.add(
                &here,
                format!("Parameter name \"{name}\" is not alpha-numeric."),
            );
        }
        let type_name = read_text(notes, body, &here, "type").unwrap_or_default();
        let Some((value_type, implied)) = read_type(&type_name) else {
            notes.add(&here, unknown_type("Parameter", name, &type_name));
            continue;
        };
        let default = body
            .get("default")
            .filter(|value| !value.is_null())
            .cloned();
        check_default(notes, &here, (&type_name, value_type), default.as_ref());
        parameters.push(Parameter {
            name: name.clone(),
            value_type,
            description: read_text(notes, body, &here, "description"),
            default,
            constraints: read_constraints(notes, body, &here, implied),
            type_name,
        });
    }
    parameters
}

fn unknown_type(what: &str, name: &str, found: &str) -> String {
    format!(
        "{what} \"{name}\" has the unknown type \"{found}\"; known are String, StringList, Integer, Boolean, StringMap, MapList, and resource types such as AWS::EC2::Instance::Id"
    )
}

/// Reads `variables`.
pub(super) fn read_variables(notes: &mut Notes<'_>, value: Option<&Value>) -> Vec<Variable> {
    let mut variables = Vec::new();
    for (name, body) in entries(notes, value, "variables") {
        let here = child_pointer("/variables", name);
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            notes.add(
                &here,
                format!("Variable name \"{name}\" is not alpha-numeric."),
            );
        }
        let type_name = read_text(notes, body, &here, "type").unwrap_or_default();
        let Some(value_type) = ValueType::parse(&type_name) else {
            notes.add(&here, unknown_type("Variable", name, &type_name));
            continue;
        };
        let default = body
            .get("default")
            .filter(|value| !value.is_null())
            .cloned();
        let default = default.map(|value| {
            if value_type == ValueType::String || !value.is_string() {
                value
            } else {
                value_type.convert(value.clone()).unwrap_or(value)
            }
        });
        if default
            .as_ref()
            .is_some_and(|value| !value_type.holds(value))
        {
            notes.add(
                &here,
                format!("Wrong default value for a \"{type_name}\" parameters"),
            );
        }
        let constraints = read_constraints(notes, body, &here, None);
        variables.push(Variable {
            name: name.clone(),
            value_type,
            default,
            constraints,
        });
    }
    variables
}

fn check_default(
    notes: &mut Notes<'_>,
    here: &str,
    wanted: (&str, ValueType),
    default: Option<&Value>,
) {
    let Some(default) = default else { return };
    let (type_name, value_type) = wanted;
    let ssm = default
        .as_str()
        .and_then(whole)
        .is_some_and(|reference| matches!(reference, Reference::Ssm(_)));
    let fits = match value_type {
        // Scalars in the place of a text are common in YAML: `default: 5`.
        ValueType::String => !default.is_array() && !default.is_object(),
        ValueType::Integer => {
            ValueType::Integer.holds(default)
                || default
                    .as_str()
                    .is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
        }
        ValueType::Boolean => default.is_boolean(),
        ValueType::StringList => default.is_array() || ssm,
        ValueType::StringMap | ValueType::MapList if default.is_string() => {
            value_type.convert(default.clone()).is_ok()
        }
        ValueType::StringMap => default.is_object(),
        ValueType::MapList => ValueType::MapList.holds(default),
    };
    if !fits {
        notes.add(
            here,
            format!("Wrong default value for a \"{type_name}\" parameters"),
        );
    }
    if ssm && !matches!(value_type, ValueType::String | ValueType::StringList) {
        notes.add(
            here,
            "a default from the parameter store needs the type String or StringList",
        );
    }
    if !ssm && contains_ssm(default) {
        notes.add(
            here,
            "a default from the parameter store must be the reference alone, e.g. '{{ssm:/path}}'",
        );
    }
    let mut nested = false;
    visit_texts(default, &mut |text| {
        nested |= find(text).iter().any(|found| {
            !matches!(
                found.reference,
                Reference::Ssm(_) | Reference::Automation(_) | Reference::Global(_)
            )
        });
    });
    if nested && !ssm {
        notes.add(
            here,
            "a default may not refer to parameters, variables or outputs",
        );
    }
}

fn contains_ssm(default: &Value) -> bool {
    let mut contains = false;
    visit_texts(default, &mut |text| {
        let all = find(text);
        contains |= all
            .iter()
            .any(|found| matches!(found.reference, Reference::Ssm(_)));
    });
    contains
}

fn read_constraints(
    notes: &mut Notes<'_>,
    body: &Map<String, Value>,
    here: &str,
    implied: Option<&'static str>,
) -> Constraints {
    let allowed_pattern = read_text(notes, body, here, "allowedPattern");
    if let Some(pattern) = &allowed_pattern
        && let Err(error) = parameters::compile(pattern)
    {
        notes.add(&child_pointer(here, "allowedPattern"), error);
    }
    let allowed_values = match body.get("allowedValues") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(other) => {
            notes.add(
                &child_pointer(here, "allowedValues"),
                format!("\"allowedValues\" must be a list, not a {}", kind_of(other)),
            );
            Vec::new()
        }
    };
    let (min_items, max_items) = read_span(notes, body, here, ["minItems", "maxItems"]);
    let (min_chars, max_chars) = read_span(notes, body, here, ["minChars", "maxChars"]);
    let (min_value, max_value) = read_span(notes, body, here, ["minValue", "maxValue"]);
    let mut count = |key: &str, n: Option<i64>| {
        let count = n.and_then(|n| u64::try_from(n).ok());
        if count.is_none() && n.is_some() {
            notes.add(
                &child_pointer(here, key),
                format!("\"{key}\" must not be negative"),
            );
        }
        count
    };
    Constraints {
        min_items: count("minItems", min_items),
        max_items: count("maxItems", max_items),
        min_chars: count("minChars", min_chars),
        max_chars: count("maxChars", max_chars),
        min_value,
        max_value,
        allowed_values,
        allowed_pattern,
        implied_pattern: implied,
    }
}

/// A least and a most, of which both may be missing.
fn read_span(
    notes: &mut Notes<'_>,
    body: &Map<String, Value>,
    here: &str,
    keys: [&str; 2],
) -> (Option<i64>, Option<i64>) {
    let [least, most] = keys.map(|key| {
        let value = body.get(key).filter(|value| !value.is_null())?;
        let number = value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
        if number.is_none() {
            notes.add(
                &child_pointer(here, key),
                format!("\"{key}\" must be a whole number, found {value}"),
            );
        }
        number
    });
    let [low, high] = keys;
    if least.zip(most).is_some_and(|(least, most)| least > most) {
        notes.add(
            &child_pointer(here, low),
            format!("\"{low}\" must not be greater than \"{high}\""),
        );
    }
    (least, most)
}
