//! The second evaluator: values by plain recursion, and the words of the service's parser where a path leads nowhere.

use serde_json::{Value, json};

use super::{Condition, Step};

fn place(at: i64, items: &[Value]) -> Option<&Value> {
    let length = i64::try_from(items.len()).expect("small");
    let at = if at < 0 { length + at } else { at };
    usize::try_from(at).ok().and_then(|at| items.get(at))
}

/// Where a definite step leads.
pub(super) fn one<'a>(step: &Step, value: &'a Value) -> Result<&'a Value, ()> {
    match (step, value) {
        (Step::Name(name), Value::Object(map)) => map.get(name).ok_or(()),
        (Step::At(at), Value::Array(items)) => place(*at, items).ok_or(()),
        _ => Err(()),
    }
}

/// All values that the steps lead to from one value.
fn all(steps: &[Step], value: &Value, whole: &Value) -> Vec<Value> {
    let Some((first, rest)) = steps.split_first() else {
        return vec![value.clone()];
    };
    let on = |found: Vec<&Value>| -> Vec<Value> {
        let found = found.into_iter();
        found.flat_map(|it| all(rest, it, whole)).collect()
    };
    match (first, value) {
        (Step::Below(next), _) => below(next, rest, (value, whole)),
        (Step::Name(_) | Step::At(_), _) => on(one(first, value).ok().into_iter().collect()),
        (Step::Names(names), Value::Object(map)) if rest.is_empty() => {
            let there = names.iter().filter(|name| map.contains_key(*name));
            vec![
                there
                    .map(|name| (name.clone(), map[name].clone()))
                    .collect(),
            ]
        }
        (Step::Names(names), Value::Object(map)) => {
            on(names.iter().filter_map(|name| map.get(name)).collect())
        }
        (Step::Ats(ats), Value::Array(items)) => {
            on(ats.iter().filter_map(|at| place(*at, items)).collect())
        }
        (Step::Slice(from, to), Value::Array(items)) => {
            let length = i64::try_from(items.len()).expect("small");
            let whole = |end: i64| if end < 0 { end + length } else { end };
            let (from, to) = (whole(from.unwrap_or(0)), whole(to.unwrap_or(length)));
            let inside = (0..length).filter(|at| *at >= from && *at < to);
            on(inside.filter_map(|at| place(at, items)).collect())
        }
        (Step::All, Value::Array(items)) => on(items.iter().collect()),
        (Step::All, Value::Object(map)) => on(map.values().collect()),
        (Step::If(condition), Value::Array(items)) => {
            let held = items.iter().filter(|item| holds(condition, item, whole));
            on(held.collect())
        }
        (Step::If(condition), Value::Object(_)) if holds(condition, value, whole) => {
            on(vec![value])
        }
        _ => Vec::new(),
    }
}

/// What a step behind `..`, and the rest behind that, lead to.
fn below(next: &Step, rest: &[Step], (value, whole): (&Value, &Value)) -> Vec<Value> {
    let steps: Vec<Step> = std::iter::once(next).chain(rest).cloned().collect();
    let around = containers(value).into_iter();
    around
        .flat_map(|around| match (next, around) {
            // An object is asked itself, not once more as an item of its list.
            (Step::If(_), Value::Array(items)) => {
                let others = items.iter().filter(|it| !it.is_object()).cloned();
                all(&steps, &others.collect(), whole)
            }
            (Step::Names(names), Value::Object(map))
                if rest.is_empty() && names.iter().any(|it| !map.contains_key(it)) =>
            {
                Vec::new()
            }
            _ => all(&steps, around, whole),
        })
        .collect()
}

/// A value and all containers below it, each before what it holds.
fn containers(value: &Value) -> Vec<&Value> {
    let below: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => return Vec::new(),
    };
    let below = below.into_iter().flat_map(containers);
    std::iter::once(value).chain(below).collect()
}

fn holds(condition: &Condition, item: &Value, whole: &Value) -> bool {
    let at = |path: &[Step], from: &Value| all(path, from, whole).pop();
    match condition {
        Condition::Exists(path) => at(path, item).is_some(),
        Condition::Compare(path, operator, value) => {
            compared(operator, at(path, item), Some(value.clone()))
        }
        Condition::CompareWith(path, operator, other) => {
            compared(operator, at(path, item), at(other, whole))
        }
        Condition::In(path, list) => {
            at(path, item).is_some_and(|it| list.iter().any(|other| alike(&it, other)))
        }
        Condition::And(a, b) => holds(a, item, whole) && holds(b, item, whole),
        Condition::Or(a, b) => holds(a, item, whole) || holds(b, item, whole),
        Condition::Not(inner) => !holds(inner, item, whole),
    }
}

fn alike(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < f64::EPSILON,
        _ => a == b,
    }
}

/// What is not there is unlike what is; only numbers, and only texts, have an order.
fn compared(operator: &str, a: Option<Value>, b: Option<Value>) -> bool {
    let (Some(a), Some(b)) = (&a, &b) else {
        return operator == "!=" && a.is_some() != b.is_some();
    };
    let (less, more) = match (a, b) {
        (Value::String(a), Value::String(b)) => (a < b, a > b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a < b, a > b),
            _ => return (operator == "==" && a == b) || (operator == "!=" && a != b),
        },
    };
    match operator {
        "==" => !less && !more,
        "!=" => less || more,
        "<" => less,
        "<=" => !more,
        ">" => more,
        _ => !less,
    }
}

fn applied(function: &str, value: &Value) -> Option<Value> {
    match (function, value) {
        ("length", Value::Array(items)) => Some(json!(items.len())),
        ("length", Value::Object(map)) => Some(json!(map.len())),
        ("length", Value::String(text)) => Some(json!(text.chars().count())),
        ("keys", Value::Object(map)) => Some(map.keys().cloned().collect()),
        ("first", Value::Array(items)) => items.first().cloned(),
        ("last", Value::Array(items)) => items.last().cloned(),
        ("min" | "max" | "sum" | "avg", Value::Array(items)) => {
            let mut numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
            numbers.sort_by(f64::total_cmp);
            let count = f64::from(u32::try_from(numbers.len()).expect("small"));
            let sum: f64 = items.iter().filter_map(Value::as_f64).sum();
            let (first, last) = (*numbers.first()?, *numbers.last()?);
            Some(json!(match function {
                "min" => first,
                "max" => last,
                "sum" => sum,
                _ => sum / count,
            }))
        }
        _ => None,
    }
}

fn is_one(steps: &[Step]) -> bool {
    let end = steps.len().saturating_sub(1);
    steps.iter().enumerate().all(|(n, step)| match step {
        Step::Name(_) | Step::At(_) => true,
        // Several names at the end make one object.
        Step::Names(_) => n == end,
        _ => false,
    })
}

/// What the steps lead to; `Err` with the words where these are known.
pub(super) fn expected(steps: &[Step], document: &Value) -> Result<Value, Option<String>> {
    if let Some((Step::Function(function), before)) = steps.split_last() {
        let value = expected(before, document)?;
        return applied(function, &value).ok_or(None);
    }
    let before = match steps.split_last() {
        Some((Step::Names(_), before)) => before,
        _ => steps,
    };
    if !is_one(steps) {
        return Ok(Value::Array(all(steps, document, document)));
    }
    if let Some(words) = lost(before, document) {
        return Err((before.len() == steps.len()).then_some(words));
    }
    all(steps, document, document).pop().ok_or(None)
}

// Where definite paths end, in words.

fn bracketed(steps: &[Step]) -> String {
    let one = |step: &Step| match step {
        Step::Name(name) => format!("['{name}']"),
        Step::At(at) => format!("[{at}]"),
        other => unreachable!("{other:?}"),
    };
    steps.iter().map(one).collect()
}

/// A value as Java shows it.
fn java(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(java).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", java(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(_) => "java.lang.Integer",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}

/// Why these names and positions lead nowhere.
fn lost(steps: &[Step], document: &Value) -> Option<String> {
    let mut value = document;
    for (n, step) in steps.iter().enumerate() {
        let (before, through) = (bracketed(&steps[..n]), bracketed(&steps[..=n]));
        match (one(step, value), step, value) {
            (Ok(next), ..) => value = next,
            (_, Step::Name(_), Value::Object(_)) if n + 1 < steps.len() => {
                return Some(format!("Missing property in path ${through}"));
            }
            (_, Step::Name(_), Value::Object(_)) | (_, Step::At(_), Value::Array(_)) => {
                return Some(format!("No results for path: ${}", bracketed(steps)));
            }
            (_, Step::Name(name), _) => {
                return Some(format!(
                    "Expected to find an object with property ['{name}'] in path ${before} but found '{}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    class(value)
                ));
            }
            (_, _, Value::Null) => return Some(format!("The path ${before} is null")),
            _ => {
                return Some(format!(
                    "Filter: {} can only be applied to arrays. Current context is: {}",
                    bracketed(&steps[n..]),
                    java(value)
                ));
            }
        }
    }
    None
}
