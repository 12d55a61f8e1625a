//! Explanations in words, and values as text that shows but does nothing.

use std::fmt;

use super::{Explanation, FieldExplanation, FoundValue, Verdict};
use crate::event::Value;

/// Characters quoted of one value.
const MAX_CHARACTERS: usize = 80;

/// A value as JSON, cut short.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => plain(&serde_json::Value::String(cut(text)).to_string()),
        Value::Number { raw, .. } => plain(&cut(raw)),
        Value::True => "true".to_owned(),
        Value::False => "false".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// A text in which characters that steer a terminal or turn the writing direction stand as JSON escapes.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if !steers(letter) {
            plain.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            plain.push_str(&format!("\\u{unit:04x}"));
        }
    }
    plain
}

fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.len();
        if self.matches {
            f.write_str("the event matches")?;
        } else {
            let verb = if self.failed == 1 { "does" } else { "do" };
            write!(
                f,
                "the event does not match: {} of {fields} fields {verb} not hold",
                self.failed
            )?;
        }
        if self.combinations > 1 {
            let which = self.combination + 1;
            let why = if self.matches {
                "holds"
            } else {
                "came nearest"
            };
            write!(
                f,
                " (of {} combinations of `$or` number {which} {why})",
                self.combinations
            )?;
        }
        for field in &self.fields {
            let word = match field.verdict {
                Verdict::Holds => "ok  ",
                _ => "FAIL",
            };
            write!(f, "\n  {word}  {field}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldExplanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, wanted) = (&self.path, self.wanted.join(" or "));
        match self.verdict {
            Verdict::Holds => match self.best() {
                Some(value) => write!(f, "`{path}`: {value} meets {}", self.met(value)),
                None => write!(f, "`{path}`: no value, as {wanted} allows"),
            },
            Verdict::Missing => write!(f, "`{path}`: wanted {wanted}, the event has no value"),
            Verdict::Different => write!(f, "`{path}`: wanted {wanted}, found {}", self.all()),
            Verdict::Unwanted => write!(f, "`{path}`: wanted no value, found {}", self.all()),
            Verdict::OtherElement => write!(
                f,
                "`{path}`: wanted {wanted}, found {}, but not in the same list element as the other fields",
                self.all()
            ),
        }
    }
}

impl FieldExplanation {
    /// The value that the field rests on, or the first that meets a condition.
    fn best(&self) -> Option<&FoundValue> {
        let used = self.found.iter().find(|value| value.used);
        used.or_else(|| self.found.iter().find(|value| value.meets.contains(&true)))
    }

    fn met(&self, value: &FoundValue) -> String {
        let wanted = self.wanted.iter().zip(&value.meets);
        let met: Vec<&str> = wanted
            .filter(|(_, meets)| **meets)
            .map(|(wanted, _)| wanted.as_str())
            .collect();
        met.join(" and ")
    }

    fn all(&self) -> String {
        let found: Vec<String> = self.found.iter().map(ToString::to_string).collect();
        let mut found = found.join(", ");
        if self.more > 0 {
            found.push_str(&format!(" and {} more", self.more));
        }
        found
    }
}

impl fmt::Display for FoundValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.value)?;
        match self.elements.last() {
            Some(innermost) => write!(f, " in {innermost}"),
            None => Ok(()),
        }
    }
}
