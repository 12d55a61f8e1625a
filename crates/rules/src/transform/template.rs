//! A template and the rules of putting values into it.
//!
//! A template is a JSON document, or one or more JSON strings on lines of their own. Outside
//! quotes a value goes in as JSON; between quotes its text goes in as it is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{MAX_RENDERED_BYTES, TransformError};

/// A template cut into text and placeholders.
pub(super) struct Template<'a> {
    pieces: Vec<Piece<'a>>,
    /// The template is an object or a list, not a text of its own.
    document: bool,
}

enum Piece<'a> {
    Text(&'a str),
    Placeholder {
        name: &'a str,
        quoted: bool,
        key: bool,
    },
}

impl<'a> Template<'a> {
    /// Cuts a template. Only `<` with a possible variable name and `>` is a placeholder.
    pub(super) fn parse(text: &'a str) -> Template<'a> {
        let mut pieces = Vec::new();
        let (mut quoted, mut escaped) = (false, false);
        let (mut from, mut at) = (0, 0);
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(name) = placeholder(rest) {
                let end = at + name.len() + 2;
                pieces.push(Piece::Text(text.get(from..at).unwrap_or_default()));
                let after = text.get(end..).unwrap_or_default();
                pieces.push(Piece::Placeholder {
                    name,
                    quoted,
                    key: is_key(after, quoted),
                });
                (from, at, escaped) = (end, end, false);
                continue;
            }
            let c = rest.chars().next().unwrap_or_default();
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                _ => {}
            }
            at += c.len_utf8();
        }
        pieces.push(Piece::Text(text.get(from..).unwrap_or_default()));
        Template {
            pieces,
            document: text.trim_start().starts_with(['{', '[']),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Placeholder { name, .. } => Some(*name),
            Piece::Text(_) => None,
        })
    }

    /// Whether the template is JSON once values are in it; the error says what is wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut sample = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => sample.push_str(text),
                Piece::Placeholder {
                    name, key: true, ..
                } => {
                    return Err(format!(
                        "placeholder <{name}> cannot be an object key: use a fixed key"
                    ));
                }
                Piece::Placeholder { quoted: true, .. } => {}
                Piece::Placeholder { quoted: false, .. } => sample.push_str("\"\""),
            }
        }
        if sample.trim().is_empty() {
            return Err("it is empty: write a JSON document or a quoted text".to_owned());
        }
        self.check_json(&sample).map_err(|error| {
            format!("{error}: write a JSON document, or texts in double quotes, one a line")
        })
    }

    /// Puts values in; `None` stands for a path the event does not have.
    pub(super) fn fill(
        &self,
        values: &BTreeMap<String, Option<Value>>,
    ) -> Result<String, TransformError> {
        let mut filled = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Placeholder { name, quoted, .. } => {
                    let value = values.get(*name).and_then(Option::as_ref);
                    filled.push_str(&self.inserted(name, value, *quoted)?);
                }
            }
            if filled.len() > MAX_RENDERED_BYTES {
                return Err(TransformError::TooLarge {
                    limit: MAX_RENDERED_BYTES,
                });
            }
        }
        self.check_json(&filled)
            .map_err(|error| TransformError::NotJson {
                line: error.line(),
                column: error.column(),
            })?;
        Ok(filled)
    }

    fn inserted(
        &self,
        name: &str,
        value: Option<&Value>,
        quoted: bool,
    ) -> Result<String, TransformError> {
        let text = match (value, quoted) {
            (None, true) => String::new(),
            (None, false) => "\"\"".to_owned(),
            (Some(value), false) => return Ok(value.to_string()),
            (Some(Value::String(text)), true) => text.clone(),
            // AWS drops the quotes of lists and objects only where the template is a text.
            (Some(value @ (Value::Array(_) | Value::Object(_))), true) if !self.document => {
                value.to_string().replace('"', "")
            }
            (Some(value), true) => value.to_string(),
        };
        // AWS inserts text without escaping. A value that would end the quotes could rewrite the
        // document around it, so it is refused instead.
        if quoted && leaves_quotes(&text) {
            return Err(TransformError::BreaksQuotes {
                name: name.to_owned(),
            });
        }
        Ok(text)
    }

    fn check_json(&self, text: &str) -> Result<(), serde_json::Error> {
        let whole = serde_json::from_str::<serde::de::IgnoredAny>(text);
        if whole.is_ok() || self.document {
            return whole.map(|_| ());
        }
        // Several texts: each line is one.
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            serde_json::from_str::<serde::de::IgnoredAny>(line)?;
        }
        Ok(())
    }
}

fn placeholder(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('<')?;
    let (name, _) = inside.split_once('>')?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.chars().all(allowed)).then_some(name)
}

/// Whether a colon follows, after the rest of the quoted text if there is one.
fn is_key(after: &str, quoted: bool) -> bool {
    let mut rest = after;
    if quoted {
        let mut escaped = false;
        let end = rest.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return false;
        };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    rest.trim_start().starts_with(':')
}

/// Whether a text between quotes would end them, or swallow the closing quote.
fn leaves_quotes(text: &str) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return true,
            _ => {}
        }
    }
    escaped
}
