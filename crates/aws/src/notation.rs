//! Values in Python's notation, for reports whose words are botocore's. Knows nothing of models.

use serde_json::{Number, Value};

/// Longest value quoted, in characters.
const MAX_QUOTE: usize = 200;
/// Deeper values are not quoted.
const MAX_DEPTH: usize = 64;

/// A value as Python prints it, which is what callers of boto3 search for.
pub(crate) fn quote(value: &Value) -> String {
    let mut text = match value {
        Value::String(text) => text.clone(),
        other => python(other, 0),
    };
    if let Some((end, _)) = text.char_indices().nth(MAX_QUOTE) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Python's notation. What is deeper than anything that would be quoted is left out.
fn python(value: &Value, depth: usize) -> String {
    let joined = |parts: Vec<String>| parts.join(", ");
    match value {
        _ if depth > MAX_DEPTH => "...".to_owned(),
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => self::number(number),
        Value::String(text) => python_text(text),
        Value::Array(items) => {
            let items = items.iter().take(MAX_QUOTE);
            format!(
                "[{}]",
                joined(items.map(|item| python(item, depth + 1)).collect())
            )
        }
        Value::Object(map) => {
            let entry = |(key, item): (&String, &Value)| {
                format!("{}: {}", python_text(key), python(item, depth + 1))
            };
            format!(
                "{{{}}}",
                joined(map.iter().take(MAX_QUOTE).map(entry).collect())
            )
        }
    }
}

/// A number as Python prints it: the shortest digits, with an exponent of at least two digits below 0.0001 and from
/// ten to the sixteenth on.
pub(crate) fn number(number: &Number) -> String {
    let Some(float) = number.as_f64().filter(|_| number.is_f64()) else {
        return number.to_string();
    };
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{float}");
        let whole = !plain.contains('.');
        return if whole { plain + ".0" } else { plain };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// In single quotes, or in double ones where that saves an escape.
fn python_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for c in text.chars().take(MAX_QUOTE) {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if c == quote => out.extend(['\\', c]),
            _ if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// A value's type as Python prints it.
pub(crate) fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<class 'NoneType'>",
        Value::Bool(_) => "<class 'bool'>",
        Value::Number(number) if number.is_f64() => "<class 'float'>",
        Value::Number(_) => "<class 'int'>",
        Value::String(_) => "<class 'str'>",
        Value::Array(_) => "<class 'list'>",
        Value::Object(_) => "<class 'dict'>",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_as_python_prints_them() {
        for (float, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-2.25, "-2.25"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e22, "1.5e+22"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (1.7e308, "1.7e+308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(number(&Number::from_f64(float).unwrap()), expected);
        }
        assert_eq!(number(&7.into()), "7");
    }

    #[test]
    fn values_as_python_prints_them() {
        for (value, expected) in [
            (json!("it's"), "it's"),
            (
                json!(["it's", "a\"b", "\n\\", "'\"", null, true, 1.5]),
                r#"["it's", 'a"b', '\n\\', '\'"', None, True, 1.5]"#,
            ),
            (
                json!({"k": [1, false], "\u{7}": {}}),
                "{'k': [1, False], '\\x07': {}}",
            ),
        ] {
            assert_eq!(quote(&value), expected);
        }
        assert_eq!(quote(&"x".repeat(300).into()).len(), MAX_QUOTE + 3);
    }
}
