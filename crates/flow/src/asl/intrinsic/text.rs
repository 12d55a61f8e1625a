//! Escapes of the texts in single quotes, and `States.Format`.

use serde_json::Value;

/// Whether a backslash may stand before this character.
pub(super) fn may_be_escaped(c: char) -> bool {
    matches!(c, '\'' | '{' | '}' | '\\')
}

/// The text without its escapes.
pub(super) fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

/// Puts the values where `{}` stands. A value is not looked through again.
pub(super) fn format(template: &str, values: &[Value]) -> Result<String, String> {
    let mut text = String::with_capacity(template.len());
    let mut values = values.iter();
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.extend(chars.next()),
            '{' if chars.peek() == Some(&'}') => {
                chars.next();
                match values.next() {
                    None => return Err("there are more `{}` than values".to_owned()),
                    Some(value) => text.push_str(&shown(value)),
                }
            }
            c => text.push(c),
        }
    }
    if values.next().is_some() {
        return Err("there are more values than `{}`".to_owned());
    }
    Ok(text)
}

/// A value as the service's own language prints it: texts without quotes, maps as `{key=value, ...}`.
fn shown(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", list(items.iter().map(shown).collect())),
        Value::Object(map) => {
            let members = map
                .iter()
                .map(|(key, value)| format!("{key}={}", shown(value)));
            format!("{{{}}}", list(members.collect()))
        }
        scalar => scalar.to_string(),
    }
}
