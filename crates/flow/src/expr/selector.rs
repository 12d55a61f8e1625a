//! Selectors: the part of Jayway's JSONPath that Automation documents use.
//!
//! `$`, `.key`, `['key']`, `[n]`, `..key`, and the wildcards `[*]` and `.*`. No filters, slices or functions.

use serde_json::Value;

/// A parsed selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(i64),
    Every,
    Deep(String),
}

/// Why a text is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "selector `{text}` is not understood at character {at}; allowed are `$`, `.key`, `['key']`, `[n]`, `[*]` and `..key`"
)]
pub struct SelectorError {
    /// The text.
    pub text: String,
    /// Where, from 1.
    pub at: usize,
}

/// Most segments of one selector.
const MAX_SEGMENTS: usize = 64;
/// Most values one selector may give.
const MAX_MATCHES: usize = 10_000;

impl Selector {
    /// Reads a selector. A text that does not begin with `$` is read as `$.` and the text.
    ///
    /// # Errors
    /// The first character that is not understood.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let trimmed = text.trim();
        let path = if trimmed.starts_with('$') {
            trimmed.to_owned()
        } else {
            format!("$.{trimmed}")
        };
        let chars: Vec<char> = path.chars().collect();
        let mut reader = Reader {
            chars: &chars,
            at: 1,
        };
        let mut segments = Vec::new();
        while reader.at < chars.len() {
            let Some(segment) = reader.segment().filter(|_| segments.len() < MAX_SEGMENTS) else {
                return Err(SelectorError {
                    text: text.chars().take(200).collect(),
                    at: reader.at + 1,
                });
            };
            segments.push(segment);
        }
        Ok(Self { segments })
    }

    /// Whether the selector can give several values; then its answer is a list.
    #[must_use]
    pub fn is_indefinite(&self) -> bool {
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Every | Segment::Deep(_)))
    }

    /// The selected part of `root`: `None` when nothing matches.
    #[must_use]
    pub fn select(&self, root: &Value) -> Option<Value> {
        let mut matches = vec![root];
        for segment in &self.segments {
            let mut next = Vec::new();
            for value in matches {
                segment.apply(value, &mut next);
            }
            matches = next;
        }
        if self.is_indefinite() {
            return (!matches.is_empty())
                .then(|| Value::Array(matches.into_iter().cloned().collect()));
        }
        matches.first().map(|value| (*value).clone())
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("$")?;
        for segment in &self.segments {
            match segment {
                Segment::Key(key) => write!(f, "['{key}']")?,
                Segment::Index(n) => write!(f, "[{n}]")?,
                Segment::Every => f.write_str("[*]")?,
                Segment::Deep(key) => write!(f, "..['{key}']")?,
            }
        }
        Ok(())
    }
}

impl Segment {
    fn apply<'a>(&self, value: &'a Value, out: &mut Vec<&'a Value>) {
        match self {
            Self::Key(key) => out.extend(value.get(key.as_str())),
            Self::Index(n) => {
                if let Value::Array(items) = value {
                    let index = usize::try_from(*n).ok().or_else(|| {
                        let back = usize::try_from(n.unsigned_abs()).ok()?;
                        items.len().checked_sub(back)
                    });
                    out.extend(index.and_then(|index| items.get(index)));
                }
            }
            Self::Every => match value {
                Value::Array(items) => out.extend(items.iter().take(MAX_MATCHES)),
                Value::Object(map) => out.extend(map.values().take(MAX_MATCHES)),
                _ => {}
            },
            Self::Deep(key) => deep(value, key, out),
        }
    }
}

/// Documents and answers are bounded in depth by their parsers, so recursion is safe.
fn deep<'a>(value: &'a Value, key: &str, out: &mut Vec<&'a Value>) {
    if out.len() >= MAX_MATCHES {
        return;
    }
    match value {
        Value::Object(map) => {
            out.extend(map.get(key));
            map.values().for_each(|inner| deep(inner, key, out));
        }
        Value::Array(items) => items.iter().for_each(|inner| deep(inner, key, out)),
        _ => {}
    }
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn segment(&mut self) -> Option<Segment> {
        match self.peek()? {
            '.' => {
                self.at += 1;
                match self.peek()? {
                    '.' => {
                        self.at += 1;
                        if self.peek() == Some('[') {
                            match self.bracket()? {
                                Segment::Key(key) => Some(Segment::Deep(key)),
                                _ => None,
                            }
                        } else {
                            self.key().map(Segment::Deep)
                        }
                    }
                    '*' => {
                        self.at += 1;
                        Some(Segment::Every)
                    }
                    _ => self.key().map(Segment::Key),
                }
            }
            '[' => self.bracket(),
            _ => None,
        }
    }

    fn key(&mut self) -> Option<String> {
        let from = self.at;
        while self.peek().is_some_and(|c| {
            !matches!(
                c,
                '.' | '[' | ']' | '*' | '?' | '(' | ')' | ' ' | '\'' | '"'
            )
        }) {
            self.at += 1;
        }
        (self.at > from).then(|| {
            self.chars
                .get(from..self.at)
                .unwrap_or_default()
                .iter()
                .collect()
        })
    }

    fn bracket(&mut self) -> Option<Segment> {
        self.at += 1;
        let segment = match self.peek()? {
            '*' => {
                self.at += 1;
                Segment::Every
            }
            quote @ ('\'' | '"') => {
                self.at += 1;
                let from = self.at;
                while self.peek()? != quote {
                    self.at += 1;
                }
                let key = self.chars.get(from..self.at)?.iter().collect();
                self.at += 1;
                Segment::Key(key)
            }
            _ => {
                let from = self.at;
                while self.peek()? != ']' {
                    self.at += 1;
                }
                let digits: String = self.chars.get(from..self.at)?.iter().collect();
                Segment::Index(
                    digits
                        .trim()
                        .parse()
                        .ok()
                        .filter(|n: &i64| n.unsigned_abs() < 1_000_000)?,
                )
            }
        };
        if self.peek()? != ']' {
            return None;
        }
        self.at += 1;
        Some(segment)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selection_table() {
        let root = json!({
            "Reservations": [{"Instances": [{"Id": "i-1", "State": {"Name": "running"}, "a.b": 1}, {"Id": "i-2"}]}],
            "Null": null, "Tags": {"Name": "n"}
        });
        let cases = [
            ("$", Some(root.clone())),
            (
                "$.Reservations[0].Instances[0].State.Name",
                Some(json!("running")),
            ),
            ("$.Reservations[0].Instances[0]['a.b']", Some(json!(1))),
            ("$['Tags'][\"Name\"]", Some(json!("n"))),
            ("Tags.Name", Some(json!("n"))),
            ("$..Id", Some(json!(["i-1", "i-2"]))),
            ("$.Reservations..Id", Some(json!(["i-1", "i-2"]))),
            ("$..Instances[*].Id", Some(json!(["i-1", "i-2"]))),
            ("$.Reservations[*].Instances[0].Id", Some(json!(["i-1"]))),
            ("$.Reservations[0].Instances[-1].Id", Some(json!("i-2"))),
            ("$.Tags.*", Some(json!(["n"]))),
            ("$.Null", Some(Value::Null)),
            ("$.Nope", None),
            ("$..Nope", None),
            ("$.Reservations[3]", None),
            ("$.Tags[0]", None),
        ];
        for (text, expected) in cases {
            let selector = Selector::parse(text).expect(text);
            assert_eq!(selector.select(&root), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in [
            "$.",
            "$..",
            "$[",
            "$['a",
            "$[?(@.a)]",
            "$[1:2]",
            "$x",
            "$.a b",
            "$[1",
            "$['a'",
            "$.a[]",
            "",
        ] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }
}
