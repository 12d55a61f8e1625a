//! JSON text to data with places, under given limits.
//!
//! Knows nothing of documents. The grammar is serde_json's; this module adds limits and finds the places.

use serde_json::Value;

use crate::source::{Limits, Place, Places, Source, Unreadable};

/// Reads a JSON text.
///
/// # Errors
/// The first syntax error or broken limit, with its place.
pub(crate) fn parse(text: &str, limits: Limits) -> Result<Source, Unreadable> {
    if text.len() > limits.bytes {
        return Err(Unreadable {
            place: Place { line: 1, column: 1 },
            message: format!(
                "the text has {} bytes, at most {} are allowed",
                text.len(),
                limits.bytes
            ),
        });
    }
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let message = error.to_string();
        Unreadable {
            place: Place {
                line: clamp(error.line()),
                column: clamp(error.column()),
            },
            message: message
                .split(" at line ")
                .next()
                .unwrap_or(&message)
                .to_owned(),
        }
    })?;
    // serde_json refuses more than 128 levels, so this recursion is bounded.
    let mut finder = Finder {
        text: text.as_bytes(),
        at: 0,
        line: 1,
        column: 1,
        counted: 0,
        nodes: 0,
        limits,
    };
    let places = finder.value(0)?;
    Ok(Source::new(value, places))
}

/// Walks a text that is known to be valid JSON and notes where its values begin.
struct Finder<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    /// Column of the byte `counted`, which is on the current line.
    column: u32,
    counted: usize,
    nodes: usize,
    limits: Limits,
}

impl Finder<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Places are asked for in the order of the text, so that no character is counted twice.
    fn place(&mut self) -> Place {
        let passed = self.text.get(self.counted..self.at).unwrap_or_default();
        // Continuation bytes of UTF-8 do not begin a character.
        let characters = passed.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.column = self
            .column
            .saturating_add(u32::try_from(characters).unwrap_or(u32::MAX));
        self.counted = self.at;
        Place {
            line: self.line,
            column: self.column,
        }
    }

    fn blank(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    self.column = 1;
                    self.counted = self.at;
                }
                b' ' | b'\t' | b'\r' | b',' | b':' => self.at += 1,
                _ => return,
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Places, Unreadable> {
        self.blank();
        self.nodes += 1;
        let place = self.place();
        if self.nodes > self.limits.nodes {
            return Err(Unreadable {
                place,
                message: format!("more than {} values", self.limits.nodes),
            });
        }
        let parts = match self.peek() {
            Some(b'{' | b'[') if depth >= self.limits.depth => {
                return Err(Unreadable {
                    place,
                    message: format!("nested deeper than {} levels", self.limits.depth),
                });
            }
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => {
                self.string();
                Vec::new()
            }
            _ => {
                while self.peek().is_some_and(|b| {
                    !matches!(b, b',' | b']' | b'}' | b' ' | b'\n' | b'\r' | b'\t')
                }) {
                    self.at += 1;
                }
                Vec::new()
            }
        };
        Ok(Places { here: place, parts })
    }

    fn object(&mut self, depth: usize) -> Result<Vec<Places>, Unreadable> {
        self.at += 1;
        let mut parts = Vec::new();
        let mut seen = std::collections::HashSet::new();
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                self.at += 1;
                return Ok(parts);
            }
            let place = self.place();
            let from = self.at;
            self.string();
            let raw = self.text.get(from..self.at).unwrap_or_default();
            let key: String = serde_json::from_slice(raw).unwrap_or_default();
            if !seen.insert(key.clone()) {
                return Err(Unreadable {
                    place,
                    message: format!("duplicate key `{key}`"),
                });
            }
            parts.push(self.value(depth + 1)?);
        }
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Places>, Unreadable> {
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            self.blank();
            if matches!(self.peek(), Some(b']') | None) {
                self.at += 1;
                return Ok(parts);
            }
            parts.push(self.value(depth + 1)?);
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => return,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{DOCUMENT, MAX_NODES};

    fn parse(text: &str) -> Result<Source, Unreadable> {
        super::parse(text, DOCUMENT)
    }

    #[test]
    fn finds_places() {
        let source = parse("{\n  \"é\": 1,\n  \"a/b\": [ true,\n    {\"x\": \"\\\"]\"} ]\n}")
            .expect("valid");
        assert_eq!(source.place("/é"), Place { line: 2, column: 8 });
        assert_eq!(
            source.place("/a~1b/0"),
            Place {
                line: 3,
                column: 12
            }
        );
        assert_eq!(
            source.place("/a~1b/1/x"),
            Place {
                line: 4,
                column: 11
            }
        );
    }

    #[test]
    fn refuses_errors_and_excess() {
        let error = parse("{\n \"a\": }").expect_err("broken");
        assert_eq!(error.place.line, 2);
        let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
        let wide = format!("[{}1]", "1,".repeat(MAX_NODES + 1));
        let lists = [
            "[1 2]",
            "[,,1]",
            "[1,]",
            "[1,,2]",
            "{\"a\":1,}",
            "{\"a\" 1}",
        ];
        let texts = [deep.as_str(), wide.as_str(), "{\"a\":1,\"a\":2}", ""];
        for case in texts.into_iter().chain(lists) {
            assert!(parse(case).is_err(), "{}", &case[..case.len().min(30)]);
        }
    }
}
