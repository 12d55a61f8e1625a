//! Values that only the run itself would know: they stand as marked texts in the places of values.
//!
//! The marks are two characters of Unicode's private use. Whatever comes in from outside is cleaned of them first, so
//! that no answer and no event can make a known value look unknown.

use serde_json::{Map, Value};

const OPEN: char = '\u{E0F1}';
const CLOSE: char = '\u{E0F2}';
/// Behind what says whose value it is, where it comes from another run.
const OF: char = '\u{E0F4}';
/// All characters that mean something here or in what plans are compared with.
const OWN: [char; 4] = [OPEN, CLOSE, OF, '\u{E0F3}'];
/// How the names of items begin that a loop goes over without knowing them.
pub(crate) const ITEM: &str = "each of ";

/// Splits a text at its marks: what stands plain, and the names of what is not known.
pub(crate) fn pieces(text: &str) -> Vec<Result<&str, &str>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, marked)) = rest.split_once(OPEN) {
        if !plain.is_empty() {
            pieces.push(Ok(plain));
        }
        let (name, behind) = marked.split_once(CLOSE).unwrap_or((marked, ""));
        pieces.push(Err(name));
        rest = behind;
    }
    if !rest.is_empty() {
        pieces.push(Ok(rest));
    }
    pieces
}

/// What stands for a value that `name` would tell, e.g. `Step.Output`.
pub(crate) fn mark(name: &str) -> Value {
    Value::String(format!("{OPEN}{name}{CLOSE}"))
}

/// Name of the entry among a step's outputs that stands for every output of it.
pub(crate) fn any_output() -> String {
    OPEN.to_string()
}

/// Whether a text holds a mark.
pub(crate) fn in_text(text: &str) -> bool {
    text.contains(OPEN)
}

/// Whether a text holds a character that may not come in from outside.
pub(crate) fn is_reserved(text: &str) -> bool {
    text.contains(OWN)
}

/// Whether a value holds a mark anywhere.
pub(crate) fn is_in(value: &Value) -> bool {
    match value {
        Value::String(text) => in_text(text),
        Value::Array(items) => items.iter().any(is_in),
        Value::Object(map) => map.values().any(is_in),
        _ => false,
    }
}

/// Whether the whole value is unknown, not only a part of it.
pub(crate) fn is_whole(value: &Value) -> bool {
    matches!(value, Value::String(text) if text.starts_with(OPEN) && text.ends_with(CLOSE) && text.matches(OPEN).count() == 1)
}

/// The text with its unknown values named as another run's: two runs may have steps of the same name.
pub(crate) fn named_as_of(text: &str, whose: &str) -> String {
    let piece = |piece: Result<&str, &str>| match piece {
        Ok(plain) => plain.to_owned(),
        Err(name) => format!("{OPEN}{whose}{OF}{name}{CLOSE}"),
    };
    pieces(text).into_iter().map(piece).collect()
}

/// Whether the name is one that a step gives, or a variable's, which may have another value by then.
pub(crate) fn is_of(name: &str, step: &str) -> bool {
    let rest = name.strip_prefix(step);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', OF]))
        || name.starts_with("variable:")
}

/// The item of a list that is not known, for a loop that goes over it.
pub(crate) fn item(list: &Value) -> Value {
    let name = list.as_str().map(pieces).unwrap_or_default();
    let name = name
        .first()
        .and_then(|piece| piece.err())
        .unwrap_or("a list");
    mark(&format!("{ITEM}{name}"))
}

/// What would tell a value that is unknown as a whole.
pub(crate) fn name_of(value: &Value) -> Option<&str> {
    let text = value.as_str().filter(|_| is_whole(value))?;
    text.strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

/// The value as people read it.
pub(crate) fn shown(value: &Value) -> Value {
    each_text(value, &|text| {
        if !in_text(text) {
            return text.to_owned();
        }
        let piece = |piece: Result<&str, &str>| match piece {
            Ok(plain) => plain.to_owned(),
            Err(name) => {
                let name = name.rsplit(OF).next().unwrap_or_default();
                format!("<known after the run: {name}>")
            }
        };
        pieces(text).into_iter().map(piece).collect()
    })
}

/// The value with a star in each unknown place: what it may be is anything.
pub(crate) fn starred(value: &Value) -> Value {
    each_text(value, &|text| {
        let mut out = String::with_capacity(text.len());
        let mut hidden = false;
        for c in text.chars() {
            match c {
                OPEN => {
                    out.push('*');
                    hidden = true;
                }
                CLOSE => hidden = false,
                _ if hidden => {}
                c => out.push(c),
            }
        }
        out
    })
}

/// The value without marks of its own: for everything that comes from outside.
pub(crate) fn cleaned(value: &Value) -> Value {
    each_text(value, &|text| {
        if text.contains(OWN) {
            text.replace(OWN, "\u{FFFD}")
        } else {
            text.to_owned()
        }
    })
}

/// The text without marks of its own.
pub(crate) fn cleaned_text(text: &str) -> String {
    text.replace(OWN, "\u{FFFD}")
}

/// As [`cleaned`], and so are the names of members.
pub(crate) fn cleaned_whole(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(cleaned_text(text)),
        Value::Array(items) => items.iter().map(cleaned_whole).collect(),
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, item)| (cleaned_text(key), cleaned_whole(item)));
            Value::Object(entries.collect())
        }
        other => other.clone(),
    }
}

/// The value with each of its texts made into another; keys of maps are left alone.
pub(crate) fn each_text(value: &Value, make: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(make(text)),
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| each_text(item, make)).collect())
        }
        Value::Object(map) => {
            let entries = map
                .iter()
                .map(|(key, item)| (key.clone(), each_text(item, make)));
            Value::Object(entries.collect::<Map<String, Value>>())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_are_shown_starred_and_cleaned() {
        let Value::String(one) = mark("Make.Id") else {
            panic!("a text")
        };
        let value = json!({"Id": one, "List": [format!("arn:{one}/x"), 5], "Plain": "a"});
        assert!(is_in(&value) && !is_in(&json!({"Plain": ["a", 5, null]})));
        assert!(
            is_whole(&json!(one))
                && !is_whole(&json!(format!("{one}{one}")))
                && !is_whole(&json!("a"))
        );
        assert_eq!(
            shown(&value),
            json!({"Id": "<known after the run: Make.Id>", "List": ["arn:<known after the run: Make.Id>/x", 5], "Plain": "a"})
        );
        assert_eq!(
            starred(&value),
            json!({"Id": "*", "List": ["arn:*/x", 5], "Plain": "a"})
        );
        assert!(!is_in(&cleaned(&value)));
    }
}
