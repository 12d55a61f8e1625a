//! From path and document to value.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::{Function, Missing, Path, Step, bracketed, filter};

/// Most values that an indefinite path may collect on its way: `..` in `..` grows quickly.
const MAX_NODES: usize = 1_000_000;

impl Path {
    /// Applies the path's steps to `document` (whatever the root means is the caller's business).
    ///
    /// # Errors
    /// [`Missing`] for a definite path that leads nowhere, and for a path that collects too much.
    pub fn read(&self, document: &Value) -> Result<Value, Missing> {
        read(&self.steps, document, document)
    }

    /// As [`Path::read`], without a copy where the value stands in the document.
    ///
    /// # Errors
    /// As [`Path::read`].
    pub fn find<'a>(&self, document: &'a Value) -> Result<Cow<'a, Value>, Missing> {
        if self.is_definite() && !matches!(self.steps.last(), Some(Step::Function(_))) {
            definite(&self.steps, document).map(Cow::Borrowed)
        } else {
            self.read(document).map(Cow::Owned)
        }
    }
}

/// `whole` is what `$` means inside filters.
pub(super) fn read(steps: &[Step], from: &Value, whole: &Value) -> Result<Value, Missing> {
    if let Some((Step::Function(function), before)) = steps.split_last() {
        let value = read(before, from, whole)?;
        return call(*function, &value)
            .ok_or_else(|| Missing(format!("No results for path: {}", bracketed(steps))));
    }
    if steps.iter().all(is_definite) {
        return definite(steps, from).cloned();
    }
    // Several names at the end of a definite path make an object, not a list.
    if let Some((Step::Names(names), before)) = steps.split_last()
        && before.iter().all(is_definite)
    {
        let from = definite(before, from)?;
        return merged(names, from)
            .ok_or_else(|| Missing(format!("No results for path: {}", bracketed(steps))));
    }
    let found = indefinite(steps, from, whole)?;
    Ok(Value::Array(
        found.into_iter().map(Cow::into_owned).collect(),
    ))
}

fn is_definite(step: &Step) -> bool {
    matches!(step, Step::Name(_) | Step::Index(_))
}

/// An object of those names that are there.
fn merged(names: &[String], value: &Value) -> Option<Value> {
    let map = value.as_object()?;
    let there = names.iter().filter_map(|name| map.get_key_value(name));
    Some(Value::Object(
        there
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    ))
}

fn definite<'a>(steps: &[Step], from: &'a Value) -> Result<&'a Value, Missing> {
    let mut value = from;
    for (n, step) in steps.iter().enumerate() {
        let so_far = || steps.get(..n).unwrap_or_default();
        let through = || steps.get(..=n).unwrap_or_default();
        let last = n + 1 == steps.len();
        let missing = || {
            Missing(if last {
                format!("No results for path: {}", bracketed(through()))
            } else {
                format!("Missing property in path {}", bracketed(through()))
            })
        };
        value = match (step, value) {
            (Step::Name(name), Value::Object(map)) => map.get(name).ok_or_else(missing)?,
            (Step::Name(name), other) => {
                return Err(Missing(format!(
                    "Expected to find an object with property ['{name}'] in path {} but found '{}'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.",
                    bracketed(so_far()),
                    java_class(other),
                )));
            }
            (Step::Index(at), Value::Array(items)) => position(*at, items.len())
                .and_then(|at| items.get(at))
                .ok_or_else(|| Missing(format!("No results for path: {}", bracketed(steps))))?,
            (Step::Index(_), Value::Null) => {
                return Err(Missing(format!("The path {} is null", bracketed(so_far()))));
            }
            (Step::Index(_), other) => {
                return Err(Missing(format!(
                    "Filter: {} can only be applied to arrays. Current context is: {}",
                    bracketed(steps.get(n..).unwrap_or_default()).trim_start_matches('$'),
                    java_text(other),
                )));
            }
            _ => return Err(missing()),
        };
    }
    Ok(value)
}

fn indefinite<'a>(
    steps: &[Step],
    from: &'a Value,
    whole: &Value,
) -> Result<Vec<Cow<'a, Value>>, Missing> {
    let mut nodes: Vec<Cow<'a, Value>> = vec![Cow::Borrowed(from)];
    for (n, step) in steps.iter().enumerate() {
        let at = Position {
            below: n > 0 && matches!(steps.get(n - 1), Some(Step::Descend)),
            last: n + 1 == steps.len(),
        };
        let mut next = Vec::new();
        for node in nodes {
            // An object made of several names is owned: nothing follows it.
            if let Cow::Borrowed(value) = node {
                expand((step, at), value, whole, &mut next);
            }
            if next.len() > MAX_NODES {
                return Err(Missing(format!(
                    "the path {} yields more than {MAX_NODES} values",
                    bracketed(steps)
                )));
            }
        }
        nodes = next;
    }
    Ok(nodes)
}

/// Where in its path a step stands.
#[derive(Clone, Copy)]
struct Position {
    /// Behind `..`.
    below: bool,
    /// At the end.
    last: bool,
}

fn expand<'a>(
    (step, at): (&Step, Position),
    value: &'a Value,
    whole: &Value,
    out: &mut Vec<Cow<'a, Value>>,
) {
    match (step, value) {
        (Step::Name(name), Value::Object(map)) => out.extend(map.get(name).map(Cow::Borrowed)),
        // At the end they make one object; behind `..` only where all of them are.
        (Step::Names(names), Value::Object(map)) if at.last => {
            let found = !at.below || names.iter().all(|name| map.contains_key(name));
            let object = found.then(|| merged(names, value)).flatten();
            out.extend(object.map(Cow::Owned));
        }
        (Step::Names(names), Value::Object(map)) => {
            let there = names.iter().filter_map(|name| map.get(name));
            out.extend(there.map(Cow::Borrowed));
        }
        (Step::Index(at), Value::Array(items)) => {
            out.extend(
                position(*at, items.len())
                    .and_then(|at| items.get(at))
                    .map(Cow::Borrowed),
            );
        }
        (Step::Indices(list), Value::Array(items)) => {
            let found = list
                .iter()
                .filter_map(|at| items.get(position(*at, items.len())?));
            out.extend(found.map(Cow::Borrowed));
        }
        (Step::Slice(from, to), Value::Array(items)) => {
            let from = from.map_or(0, |from| clamp(from, items.len()));
            let to = to.map_or(items.len(), |to| clamp(to, items.len()));
            out.extend(items.iter().take(to).skip(from).map(Cow::Borrowed));
        }
        (Step::Wildcard, Value::Array(items)) => out.extend(items.iter().map(Cow::Borrowed)),
        (Step::Wildcard, Value::Object(map)) => out.extend(map.values().map(Cow::Borrowed)),
        (Step::Filter(wanted), Value::Array(items)) => {
            // Behind `..` an object is looked at itself, and not again as an item of its list.
            let kept = items
                .iter()
                .filter(|item| !(at.below && item.is_object()))
                .filter(|item| filter::keeps(wanted, item, whole));
            out.extend(kept.map(Cow::Borrowed));
        }
        (Step::Filter(wanted), Value::Object(_)) if filter::keeps(wanted, value, whole) => {
            out.push(Cow::Borrowed(value));
        }
        (Step::Descend, _) => descend(value, out),
        _ => {}
    }
}

/// The value and every container below it, parents first. serde_json's own limit bounds the depth.
fn descend<'a>(value: &'a Value, out: &mut Vec<Cow<'a, Value>>) {
    match value {
        Value::Array(items) => {
            out.push(Cow::Borrowed(value));
            items.iter().for_each(|item| descend(item, out));
        }
        Value::Object(map) => {
            out.push(Cow::Borrowed(value));
            map.values().for_each(|item| descend(item, out));
        }
        _ => {}
    }
}

fn position(at: i64, length: usize) -> Option<usize> {
    if at >= 0 {
        usize::try_from(at).ok()
    } else {
        length.checked_sub(usize::try_from(at.unsigned_abs()).ok()?)
    }
}

fn clamp(at: i64, length: usize) -> usize {
    let distance = usize::try_from(at.unsigned_abs()).unwrap_or(usize::MAX);
    if at >= 0 {
        distance.min(length)
    } else {
        length.saturating_sub(distance)
    }
}

fn call(function: Function, value: &Value) -> Option<Value> {
    match (function, value) {
        (Function::Length, Value::Array(items)) => Some(items.len().into()),
        (Function::Length, Value::Object(map)) => Some(map.len().into()),
        (Function::Length, Value::String(text)) => Some(text.chars().count().into()),
        (Function::Keys, Value::Object(map)) => Some(map.keys().cloned().collect()),
        (Function::First, Value::Array(items)) => items.first().cloned(),
        (Function::Last, Value::Array(items)) => items.last().cloned(),
        (_, Value::Array(items)) => aggregate(function, items),
        _ => None,
    }
}

fn aggregate(function: Function, items: &[Value]) -> Option<Value> {
    let numbers: Vec<f64> = items.iter().filter_map(Value::as_f64).collect();
    if numbers.is_empty() {
        return None;
    }
    let sum: f64 = numbers.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "a list never has 2^53 items")]
    let result = match function {
        Function::Min => numbers.iter().copied().fold(f64::INFINITY, f64::min),
        Function::Max => numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        Function::Sum => sum,
        Function::Avg => sum / numbers.len() as f64,
        _ => return None,
    };
    Number::from_f64(result).map(Value::Number)
}

/// A value as Java's collections show it.
fn java_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(java_text).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let pairs = map
                .iter()
                .map(|(name, value)| format!("{name}={}", java_text(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn java_class(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "java.lang.Boolean",
        Value::Number(number) if number.is_f64() => "java.lang.Double",
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
            "java.lang.Integer"
        }
        Value::Number(_) => "java.lang.Long",
        Value::String(_) => "java.lang.String",
        Value::Array(_) => "java.util.ArrayList",
        Value::Object(_) => "java.util.LinkedHashMap",
    }
}
