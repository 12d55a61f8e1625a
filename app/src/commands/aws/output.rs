//! Answers on standard output: JSON, YAML or a table.
//!
//! Values are attacker-written (names, tags, log lines). Whatever could move a cursor, change a terminal or turn text
//! around is written as an escape; in JSON and YAML the escapes are the language's own, so that readers get the value.

use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use serde_json::Value;

use super::ending::{Ended, Result};
use super::table;

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Indented JSON.
    Json,
    /// YAML, block style.
    Yaml,
    /// Tables for people.
    Table,
}

impl Format {
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "yaml" => Some(Self::Yaml),
            "table" => Some(Self::Table),
            _ => None,
        }
    }
}

/// A JMESPath expression, tried before anything is sent.
pub(crate) fn checked_query(text: String) -> Result<String> {
    match jmespath::compile(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Ended::usage(format!("--query: {error}"))),
    }
}

/// Writes an answer, or what the query selects of it.
pub(crate) fn print_answer(answer: &Value, query: Option<&str>, format: Format) -> Result<()> {
    let Some(query) = query else {
        return print(answer, format);
    };
    // The call went well: what the query cannot do is told, and nothing is printed.
    let failed = |reason: String| {
        Ended::refused(format!("the call succeeded, but --query failed: {reason}"))
    };
    let expression = jmespath::compile(query).map_err(|error| failed(error.to_string()))?;
    let found = expression
        .search(answer)
        .map_err(|error| failed(error.to_string()))?;
    let found = serde_json::to_value(&*found).map_err(|error| failed(error.to_string()))?;
    print(&found, format)
}

/// Writes a value to standard output.
pub(crate) fn print(value: &Value, format: Format) -> Result<()> {
    let mut text = match format {
        Format::Json => json(value),
        Format::Yaml => yaml(value),
        Format::Table => table::render(value, table::width()),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    raw(&text)
}

/// Writes a text, made harmless line by line, to standard output.
pub(crate) fn print_text(text: &str) -> Result<()> {
    let mut safe: String = String::with_capacity(text.len());
    for line in text.lines() {
        safe.push_str(&harmless(line));
        safe.push('\n');
    }
    raw(&safe)
}

fn raw(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Ended::ReaderGone,
        _ => Ended::refused(format!("standard output cannot be written: {error}")),
    })
}

/// Indented JSON.
pub(crate) fn json(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    // Line feeds stand between values only: within strings they are escaped already.
    escaped(&text, |letter| letter == '\n')
}

/// A text on one line of a terminal.
pub(crate) fn harmless(text: &str) -> String {
    escaped(text, |_| false)
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if !is_dangerous(letter) || kept(letter) => safe.push(letter),
            // Writing to a string cannot fail. All dangerous characters are of the basic plane.
            letter => drop(write!(safe, "\\u{:04x}", u32::from(letter))),
        }
    }
    safe
}

/// Control characters, and those that turn the direction of text or end a line in some programs.
fn is_dangerous(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        )
}

/// Block style YAML. Texts that YAML could read as something else are quoted.
pub(crate) fn yaml(value: &Value) -> String {
    let mut text = String::new();
    write_yaml(&mut text, value, 0, false);
    text
}

/// `inline` says that the value's first line continues one that has begun (behind `- `).
fn write_yaml(text: &mut String, value: &Value, depth: usize, inline: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (at, (name, member)) in map.iter().enumerate() {
                if at > 0 || !inline {
                    text.push_str(&"  ".repeat(depth));
                }
                text.push_str(&scalar(name));
                text.push(':');
                write_member(text, member, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                if at > 0 || !inline {
                    text.push_str(&"  ".repeat(depth));
                }
                text.push_str("- ");
                write_yaml(text, item, depth + 1, true);
            }
        }
        other => {
            if !inline {
                text.push_str(&"  ".repeat(depth));
            }
            text.push_str(&leaf(other));
            text.push('\n');
        }
    }
}

fn write_member(text: &mut String, member: &Value, depth: usize) {
    let nested = match member {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        text.push('\n');
        // A list may stand as far left as its name.
        let deeper = depth + usize::from(member.is_object());
        write_yaml(text, member, deeper, false);
    } else {
        text.push(' ');
        text.push_str(&leaf(member));
        text.push('\n');
    }
}

fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn scalar(text: &str) -> String {
    const WORDS: [&str; 11] = [
        "true", "false", "null", "yes", "no", "on", "off", "y", "n", "~", "<<",
    ];
    let word = |letter: char| letter.is_ascii_alphanumeric() || "_-./@ ".contains(letter);
    let plain = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/')
        && text.len() <= 200
        && text.chars().all(word)
        && !text.ends_with(' ')
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if plain {
        text.to_owned()
    } else {
        escaped(&Value::from(text).to_string(), |_| false)
    }
}

#[cfg(test)]
mod tests {
    use engine::views::documents::{self, Format as Notation};
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({
            "A": "x", "Number": "12", "Truth": "true", "Empty": "", "None": null, "List": [], "Map": {},
            "Deep": [{"K": [1, 2.5, {"L": [[], [true]]}], "M": "a: b"}, "#x", " y ", "2026-01-01", "- z"],
            "Evil": "\u{1b}[2J\u{9b}31m\u{202e}x\r\ny\u{7f}", "key: with": {"e": "é 😀 \\ \""},
        })
    }

    #[test]
    fn json_and_yaml_give_the_value_back() {
        let value = sample();
        let text = json(&value);
        assert_eq!(
            serde_json::from_str::<Value>(&text).ok(),
            Some(value.clone())
        );
        let text = yaml(&value);
        let back = documents::convert(&text, Notation::Yaml, Notation::Json).expect(&text);
        assert_eq!(
            serde_json::from_str::<Value>(&back).ok(),
            Some(value),
            "{text}"
        );
    }

    #[test]
    fn nothing_moves_a_cursor() {
        let value = sample();
        for text in [
            json(&value),
            yaml(&value),
            table::render(&value, 80),
            harmless("\u{1b}]0;x\u{7}"),
        ] {
            let bad = text.chars().find(|c| *c != '\n' && is_dangerous(*c));
            assert_eq!(bad, None, "{text}");
        }
    }
}
