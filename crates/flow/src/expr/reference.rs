//! `{{ name }}`: finding references in texts and putting values in their places.
//!
//! Source of the rules: SSM Automation's documents and their use in the wild. A text brought in by a value is never
//! looked at again, so that an event's content cannot become a reference.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::{Map, Value};

use super::value_type::text_of;
use crate::source::child_pointer;

/// What a pair of double braces refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A parameter, or the special `RESOURCE_ID`.
    Parameter {
        /// Its name.
        name: String,
        /// `[n]` behind it.
        index: Option<usize>,
    },
    /// An output of a step, or `loop.CurrentIteratorValue`.
    Output {
        /// Step name.
        step: String,
        /// Output name.
        output: String,
        /// `[n]` behind it.
        index: Option<usize>,
    },
    /// `global:NAME`.
    Global(String),
    /// `automation:NAME`.
    Automation(String),
    /// `variable:name`.
    Variable {
        /// Its name.
        name: String,
        /// `[n]` behind it.
        index: Option<usize>,
    },
    /// `ssm:/path`, in defaults of parameters only.
    Ssm(String),
}

impl Reference {
    /// Reads what stands between the braces; `None` when it is no reference (then the text stays as it is).
    #[must_use]
    pub fn parse(inner: &str) -> Option<Self> {
        let inner = inner.trim();
        if inner.is_empty() || inner.len() > 512 {
            return None;
        }
        if let Some((prefix, rest)) = inner.split_once(':') {
            return Self::prefixed(prefix, rest);
        }
        let (path, index) = split_index(inner)?;
        match path.split_once('.') {
            None => is_name(path).then(|| Self::Parameter {
                name: path.to_owned(),
                index,
            }),
            Some((step, output)) => (is_name(step) && is_name(output)).then(|| Self::Output {
                step: step.to_owned(),
                output: output.to_owned(),
                index,
            }),
        }
    }

    fn prefixed(prefix: &str, rest: &str) -> Option<Self> {
        match prefix {
            "global" => is_name(rest).then(|| Self::Global(rest.to_owned())),
            "automation" => is_name(rest).then(|| Self::Automation(rest.to_owned())),
            "variable" => {
                let (name, index) = split_index(rest)?;
                is_name(name).then(|| Self::Variable {
                    name: name.to_owned(),
                    index,
                })
            }
            "ssm" => {
                let legal =
                    |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
                (!rest.is_empty() && rest.chars().all(legal)).then(|| Self::Ssm(rest.to_owned()))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let index = match self {
            Self::Parameter { name, index } => {
                f.write_str(name)?;
                index
            }
            Self::Output {
                step,
                output,
                index,
            } => {
                write!(f, "{step}.{output}")?;
                index
            }
            Self::Global(name) => return write!(f, "global:{name}"),
            Self::Automation(name) => return write!(f, "automation:{name}"),
            Self::Variable { name, index } => {
                write!(f, "variable:{name}")?;
                index
            }
            Self::Ssm(path) => return write!(f, "ssm:{path}"),
        };
        index.map_or(Ok(()), |n| write!(f, "[{n}]"))
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// `x[3]` is `x` and 3; `None` when the brackets hold no number.
fn split_index(text: &str) -> Option<(&str, Option<usize>)> {
    match text.split_once('[') {
        None => Some((text, None)),
        Some((path, rest)) => {
            let digits = rest.strip_suffix(']')?.trim();
            let legal = !digits.is_empty()
                && digits.len() <= 6
                && digits.bytes().all(|b| b.is_ascii_digit());
            legal.then(|| (path, digits.parse().ok()))
        }
    }
}

/// A reference and the bytes it takes in its text, braces included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Byte range.
    pub range: Range<usize>,
    /// What it refers to.
    pub reference: Reference,
}

/// All references of a text, in order.
#[must_use]
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text
        .get(from..)
        .and_then(|rest| rest.find("{{"))
        .map(|n| n + from)
    {
        let Some(close) = text
            .get(open + 2..)
            .and_then(|rest| rest.find("}}"))
            .map(|n| n + open + 2)
        else {
            break;
        };
        let inner = text.get(open + 2..close).unwrap_or_default();
        // `{{ x {{ y }}`: the reference begins at the last pair of opening braces.
        if let Some(last) = inner.rfind("{{") {
            from = open + 2 + last;
            continue;
        }
        match Reference::parse(inner) {
            Some(reference) => {
                found.push(Found {
                    range: open..close + 2,
                    reference,
                });
                from = close + 2;
            }
            None => from = open + 1,
        }
    }
    found
}

/// The reference that a text consists of, blanks aside.
#[must_use]
pub fn whole(text: &str) -> Option<Reference> {
    let trimmed = text.trim();
    if !trimmed.starts_with("{{") || !trimmed.ends_with("}}") {
        return None;
    }
    let inner = trimmed
        .get(2..trimmed.len().saturating_sub(2))
        .unwrap_or_default();
    if !inner.contains(['{', '}']) {
        // By far the most frequent case.
        return Reference::parse(inner);
    }
    match find(trimmed).as_slice() {
        [one] if one.range == (0..trimmed.len()) => Some(one.reference.clone()),
        _ => None,
    }
}

/// Answers what a reference stands for, or why it stands for nothing.
pub type Lookup<'a> = dyn Fn(&Reference) -> Result<Value, String> + 'a;

/// A reference that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{{ {reference} }}}}` can not be resolved: {reason}")]
pub struct Unresolved {
    /// The reference.
    pub reference: String,
    /// Why.
    pub reason: String,
}

/// Puts values in the places of all references in `template`; map keys are left alone.
///
/// # Errors
/// The first reference that `lookup` refuses.
pub fn substitute(template: &Value, lookup: &Lookup<'_>) -> Result<Value, Unresolved> {
    match template {
        Value::String(text) => substitute_text(text, lookup),
        Value::Array(items) => substitute_list(items, lookup),
        Value::Object(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                map.insert(key.clone(), substitute(value, lookup)?);
            }
            Ok(Value::Object(map))
        }
        scalar => Ok(scalar.clone()),
    }
}

/// A text that is one reference becomes the typed value; references inside a longer text become text.
///
/// # Errors
/// The first reference that `lookup` refuses.
pub fn substitute_text(text: &str, lookup: &Lookup<'_>) -> Result<Value, Unresolved> {
    if !text.contains("{{") {
        return Ok(Value::String(text.to_owned()));
    }
    let ask = |reference: &Reference| {
        lookup(reference).map_err(|reason| Unresolved {
            reference: reference.to_string(),
            reason,
        })
    };
    if let Some(reference) = whole(text) {
        return ask(&reference);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for found in find(text) {
        out.push_str(text.get(from..found.range.start).unwrap_or_default());
        let value = ask(&found.reference)?;
        let shown: Cow<'_, str> = text_of(&value);
        out.push_str(&shown);
        from = found.range.end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Ok(Value::String(out))
}

/// In a list of scalars, an element that is one reference to a list is replaced by that list's elements.
fn substitute_list(items: &[Value], lookup: &Lookup<'_>) -> Result<Value, Unresolved> {
    let flat = !items.iter().any(|v| v.is_array() || v.is_object());
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        let value = substitute(item, lookup)?;
        match value {
            Value::Array(inner) if flat => out.extend(inner),
            other => out.push(other),
        }
    }
    Ok(Value::Array(out))
}

/// Applies `[n]`.
///
/// # Errors
/// When the value is no list or is too short.
pub fn indexed(value: &Value, index: Option<usize>) -> Result<Value, String> {
    match (index, value) {
        (None, value) => Ok(value.clone()),
        (Some(n), Value::Array(items)) => items
            .get(n)
            .cloned()
            .ok_or_else(|| format!("the list has {} items, there is no [{n}]", items.len())),
        // An item of a list that is not known is not known either.
        (Some(_), unknown) if super::unknown::is_whole(unknown) => Ok(unknown.clone()),
        (Some(n), _) => Err(format!("it is not a list, so there is no [{n}]")),
    }
}

/// All texts in a tree that may hold a reference, each with its JSON pointer behind `pointer`.
pub fn visit_texts_at<'a>(value: &'a Value, pointer: &str, visit: &mut dyn FnMut(&str, &'a str)) {
    match value {
        Value::String(text) if text.contains("{{") => visit(pointer, text),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .filter(|(_, item)| is_deep(item))
            .for_each(|(n, item)| visit_texts_at(item, &format!("{pointer}/{n}"), visit)),
        Value::Object(map) => map
            .iter()
            .filter(|(_, item)| is_deep(item))
            .for_each(|(key, item)| visit_texts_at(item, &child_pointer(pointer, key), visit)),
        _ => {}
    }
}

/// Whether there may be a reference in it: saves making a pointer for what has none.
fn is_deep(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(_) | Value::Object(_) => true,
        _ => false,
    }
}

/// All texts in a tree, for checks before a run.
pub fn visit_texts<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter().for_each(|item| visit_texts(item, visit)),
        Value::Object(map) => map.values().for_each(|item| visit_texts(item, visit)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lookup(reference: &Reference) -> Result<Value, String> {
        let (value, index) = match reference {
            Reference::Parameter { name, index } => (
                match name.as_str() {
                    "Id" => json!("i-1"),
                    "Ids" => json!(["i-1", "i-2"]),
                    "N" => json!(5),
                    "Flag" => json!(true),
                    "Map" => json!({"a": [1]}),
                    "Evil" => json!("{{ Id }}"),
                    "Maps" => json!([{"a": 1}]),
                    _ => return Err("no such parameter".to_owned()),
                },
                *index,
            ),
            Reference::Output {
                step,
                output,
                index,
            } => (json!(format!("{step}/{output}")), *index),
            Reference::Global(name) | Reference::Automation(name) => (json!(name), None),
            Reference::Variable { name, index } => (json!(name), *index),
            Reference::Ssm(_) => return Err("only in defaults".to_owned()),
        };
        indexed(&value, index)
    }

    #[test]
    fn substitution_table() {
        let cases = [
            (json!("{{ Id }}"), json!("i-1")),
            (json!("{{Ids}}"), json!(["i-1", "i-2"])),
            (json!("  {{ N }} "), json!(5)),
            (json!("n={{N}} f={{ Flag }}"), json!("n=5 f=true")),
            (
                json!("ids {{ Ids }} map {{Map}}"),
                json!("ids [\"i-1\",\"i-2\"] map {\"a\":[1]}"),
            ),
            (json!("{{ Ids[1] }}"), json!("i-2")),
            (json!(["{{ Ids }}", "i-3"]), json!(["i-1", "i-2", "i-3"])),
            (json!([["{{ Ids }}"], 1]), json!([["i-1", "i-2"], 1])),
            (
                json!([{"x": 1}, "{{ Ids }}"]),
                json!([{"x": 1}, ["i-1", "i-2"]]),
            ),
            (json!(["{{ Maps }}"]), json!([{"a": 1}])),
            (json!({"{{ Id }}": "{{ Id }}"}), json!({"{{ Id }}": "i-1"})),
            (json!("{{ Evil }} x"), json!("{{ Id }} x")),
            (json!("{{ step.Out }}"), json!("step/Out")),
            (
                json!("{{ global:REGION }}-{{automation:EXECUTION_ID}}"),
                json!("REGION-EXECUTION_ID"),
            ),
            (json!("{{ variable:v }}"), json!("v")),
            (
                json!("{{ not a ref }} {{{{ Id }}"),
                json!("{{ not a ref }} {{i-1"),
            ),
            (json!("{{"), json!("{{")),
            (json!("a }} b {{ Id"), json!("a }} b {{ Id")),
            (json!("{{ Id }}{{ Id }}"), json!("i-1i-1")),
            (json!("{{é{{ Id }}"), json!("{{éi-1")),
            (json!(7), json!(7)),
        ];
        for (template, expected) in cases {
            assert_eq!(
                substitute(&template, &lookup).expect("resolves"),
                expected,
                "{template}"
            );
        }
        for bad in [
            "{{ Nope }}",
            "x {{ Nope }}",
            "{{ ssm:/a/b }}",
            "{{ Id[0] }}",
            "{{ Ids[2] }}",
        ] {
            assert!(substitute(&json!(bad), &lookup).is_err(), "{bad}");
        }
    }

    #[test]
    fn references_print_as_they_are_written() {
        for text in [
            "A",
            "A[2]",
            "s.O",
            "s.O[0]",
            "global:X",
            "automation:X",
            "variable:v[1]",
            "ssm:/a/b-c.d",
        ] {
            assert_eq!(Reference::parse(text).expect(text).to_string(), text);
        }
        for text in [
            "",
            "a b",
            "a.b.c",
            "a[",
            "a[x]",
            "a[]",
            "global:",
            "other:x",
            "a[99999999]",
        ] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
