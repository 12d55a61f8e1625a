//! From text to call.

use serde_json::Value;

use super::{Argument, Call, Function, IntrinsicError, MAX_NESTING, text};
use crate::asl::path::Path;

/// Most bytes of a call (the service's limit for a payload template's value).
const MAX_BYTES: usize = 65_536;

impl Call {
    /// Reads a call.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, IntrinsicError> {
        if text.len() > MAX_BYTES {
            return Err(unreadable(
                text,
                format!("it is longer than {MAX_BYTES} bytes"),
            ));
        }
        let mut reader = Reader { text, rest: text };
        let call = reader.call(1)?;
        reader.blanks();
        if reader.rest.is_empty() {
            Ok(call)
        } else {
            Err(reader.refuse("something follows the call"))
        }
    }
}

fn unreadable(text: &str, reason: String) -> IntrinsicError {
    IntrinsicError::Unreadable {
        text: text.chars().take(200).collect(),
        reason,
    }
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn refuse(&self, reason: &str) -> IntrinsicError {
        let before = self.text.len() - self.rest.len();
        let place = self.text.get(..before).unwrap_or_default().chars().count() + 1;
        unreadable(self.text, format!("{reason} (character {place})"))
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, wanted: &str) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn call(&mut self, nesting: usize) -> Result<Call, IntrinsicError> {
        if nesting > MAX_NESTING {
            return Err(self.refuse(&format!("calls are nested deeper than {MAX_NESTING}")));
        }
        if !self.eat("States.") {
            return Err(self.refuse("a call begins with `States.`"));
        }
        let end = self
            .rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(self.rest.len());
        let name = self.take(end);
        let (function, least, most) = Function::ALL
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, function, (least, most))| (*function, *least, *most))
            .ok_or_else(|| self.refuse(&format!("there is no function `States.{name}`")))?;
        if !self.eat("(") {
            return Err(self.refuse("`(` is missing"));
        }
        let arguments = self.arguments(nesting)?;
        if !(least..=most).contains(&arguments.len()) {
            let reason = format!("States.{name} does not take {} arguments", arguments.len());
            return Err(self.refuse(&reason));
        }
        Ok(Call {
            function,
            arguments,
        })
    }

    fn arguments(&mut self, nesting: usize) -> Result<Vec<Argument>, IntrinsicError> {
        let mut arguments = Vec::new();
        loop {
            self.blanks();
            if self.eat(")") {
                return Ok(arguments);
            }
            if !arguments.is_empty() {
                if !self.eat(",") {
                    return Err(self.refuse("`,` or `)` is missing"));
                }
                self.blanks();
            }
            arguments.push(self.argument(nesting)?);
        }
    }

    fn argument(&mut self, nesting: usize) -> Result<Argument, IntrinsicError> {
        if self.rest.starts_with("States.") {
            return self.call(nesting + 1).map(Argument::Call);
        }
        if self.rest.starts_with('\'') {
            return self.quoted();
        }
        if self.rest.starts_with('$') {
            let end = path_end(self.rest);
            let text = self.take(end).trim_end();
            return Ok(Argument::Path(Path::parse(text)?));
        }
        let end = self.rest.find([',', ')']).unwrap_or(self.rest.len());
        let word = self.rest.get(..end).unwrap_or_default().trim();
        let value: Value = serde_json::from_str(word)
            .map_err(|_| self.refuse(&format!("`{word}` is no argument")))?;
        if value.is_array() || value.is_object() || value.is_string() {
            return Err(self.refuse("lists, objects and double quotes are no arguments"));
        }
        self.take(end);
        Ok(Argument::Literal(value))
    }

    fn quoted(&mut self) -> Result<Argument, IntrinsicError> {
        let start = self.rest;
        self.take(1);
        loop {
            let mut chars = self.rest.chars();
            match chars.next() {
                None => return Err(self.refuse("a quote is not closed")),
                Some('\'') => {
                    let raw = start
                        .get(1..start.len() - self.rest.len())
                        .unwrap_or_default();
                    self.take(1);
                    return Ok(Argument::Template(raw.to_owned()));
                }
                Some('\\') => match chars.next() {
                    Some(next) if text::may_be_escaped(next) => {
                        self.take(1 + next.len_utf8());
                    }
                    Some(_) => return Err(self.refuse("only \\' \\{ \\} and \\\\ are escapes")),
                    None => return Err(self.refuse("a quote is not closed")),
                },
                Some(other) => {
                    self.take(other.len_utf8());
                }
            }
        }
    }
}

/// Where a path among arguments ends: at a comma or parenthesis outside brackets and quotes.
fn path_end(text: &str) -> usize {
    let mut brackets = 0usize;
    let mut parentheses = 0usize;
    let mut quote: Option<char> = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') if brackets > 0 => quote = Some(c),
            (None, '[') => brackets += 1,
            (None, ']') => brackets = brackets.saturating_sub(1),
            (None, '(') => parentheses += 1,
            (None, ')') if parentheses > 0 => parentheses -= 1,
            (None, ')') => return at,
            (None, ',') if brackets == 0 => return at,
            (None, _) => {}
        }
    }
    text.len()
}
