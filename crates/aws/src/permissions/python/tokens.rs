//! Python's text as tokens with lines and indentation; literals of calls' arguments.

use serde_json::{Value, json};

use crate::permissions::ANY;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Name,
    /// A number.
    Number,
    /// A text whose value is known: no escapes, no places to fill.
    Text,
    /// A text whose value is not known.
    OtherText,
    /// One character of punctuation.
    Mark,
}

/// A token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    /// Its characters; of a text, what stands between the quotes.
    pub(super) text: &'a str,
    /// Line, from 1.
    pub(super) line: u32,
    /// Blanks before the first token of its line.
    pub(super) indent: usize,
    /// Whether it is the first of its line, outside brackets.
    pub(super) first: bool,
    /// Position of the bracket at the other end, if it is one.
    partner: Option<usize>,
}

impl<'a> Token<'a> {
    /// The name, if it is one.
    pub(super) fn name(&self) -> Option<&'a str> {
        (self.kind == Kind::Name).then_some(self.text)
    }

    /// The value of a text that is known.
    pub(super) fn literal(&self) -> Option<&'a str> {
        (self.kind == Kind::Text).then_some(self.text)
    }
}

/// Whether the token at `at` is this mark or name.
pub(super) fn is(tokens: &[Token<'_>], at: usize, text: &str) -> bool {
    tokens
        .get(at)
        .is_some_and(|token| token.text == text && matches!(token.kind, Kind::Mark | Kind::Name))
}

/// Reads a whole script. What is no Python becomes marks.
pub(super) fn read(script: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut reader = Reader {
        rest: script,
        line: 1,
        indent: 0,
        first: true,
        depth: 0,
    };
    while let Some(token) = reader.next() {
        tokens.push(token);
    }
    pair(&mut tokens);
    tokens
}

/// Finds each bracket's other end, so that nobody has to search for it.
fn pair(tokens: &mut [Token<'_>]) {
    let mut open = Vec::new();
    for at in 0..tokens.len() {
        let Some(token) = tokens.get(at).copied() else {
            break;
        };
        match (token.kind, token.text) {
            (Kind::Mark, "(" | "[" | "{") => open.push(at),
            (Kind::Mark, ")" | "]" | "}") => {
                let Some(start) = open.pop() else { continue };
                if let Some(other) = tokens.get_mut(start) {
                    other.partner = Some(at);
                }
                if let Some(other) = tokens.get_mut(at) {
                    other.partner = Some(start);
                }
            }
            _ => {}
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    line: u32,
    indent: usize,
    first: bool,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.skip();
        let (kind, length, text) = self.scan()?;
        let token = Token {
            kind,
            text,
            line: self.line,
            indent: self.indent,
            first: std::mem::take(&mut self.first),
            partner: None,
        };
        let (taken, rest) = self.rest.split_at_checked(length)?;
        let lines = taken.bytes().filter(|&b| b == b'\n').count();
        self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(0));
        self.rest = rest;
        if kind == Kind::Mark {
            match text {
                "(" | "[" | "{" => self.depth += 1,
                ")" | "]" | "}" => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
        Some(token)
    }

    /// Blanks, comments and ends of lines.
    fn skip(&mut self) {
        while let Some(c) = self.rest.chars().next() {
            match c {
                '\n' => {
                    self.line = self.line.saturating_add(1);
                    if self.depth == 0 {
                        self.first = true;
                        self.indent = 0;
                    }
                }
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                    continue;
                }
                '\\' if self.rest.starts_with("\\\n") => {
                    self.line = self.line.saturating_add(1);
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    continue;
                }
                c if c.is_whitespace() => {
                    if self.first && self.depth == 0 {
                        self.indent += 1;
                    }
                }
                _ => return,
            }
            self.rest = self.rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }

    /// The next token's kind, its length in bytes, and its text.
    fn scan(&self) -> Option<(Kind, usize, &'a str)> {
        let rest = self.rest;
        let first = rest.chars().next()?;
        if first == '"' || first == '\'' {
            return Some(text(rest, 0));
        }
        let length = |legal: fn(char) -> bool| rest.find(|c| !legal(c)).unwrap_or(rest.len());
        if first.is_alphabetic() || first == '_' {
            let end = length(|c| c.is_alphanumeric() || c == '_');
            let name = rest.get(..end)?;
            let quoted = rest.get(end..)?.starts_with(['"', '\'']);
            let prefix = name.len() <= 2
                && name
                    .chars()
                    .all(|c| matches!(c.to_ascii_lowercase(), 'r' | 'f' | 'b' | 'u'));
            if quoted && prefix {
                return Some(text(rest, end));
            }
            return Some((Kind::Name, end, name));
        }
        if first.is_ascii_digit() {
            let end = length(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            return Some((Kind::Number, end, rest.get(..end)?));
        }
        Some((Kind::Mark, first.len_utf8(), rest.get(..first.len_utf8())?))
    }
}

/// A quoted text behind a prefix of `skip` letters.
fn text(rest: &str, skip: usize) -> (Kind, usize, &str) {
    let (prefix, quoted) = rest.split_at_checked(skip).unwrap_or(("", rest));
    let quote = quoted.get(..1).unwrap_or("'");
    let triple = quote.repeat(3);
    let mark = if quoted.starts_with(&triple) {
        triple.as_str()
    } else {
        quote
    };
    let body = quoted.get(mark.len()..).unwrap_or_default();
    let mut end = body.len();
    let mut escaped = false;
    let mut escapes = false;
    for (at, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
            escapes = true;
        } else if body.get(at..).is_some_and(|b| b.starts_with(mark))
            || (c == '\n' && mark.len() == 1)
        {
            end = at;
            break;
        }
    }
    let inside = body.get(..end).unwrap_or_default();
    let closed = body.get(end..).is_some_and(|b| b.starts_with(mark));
    let length = skip + mark.len() + end + if closed { mark.len() } else { 0 };
    let plain = !escapes && !prefix.to_ascii_lowercase().contains(['f', 'b']);
    let kind = if plain { Kind::Text } else { Kind::OtherText };
    (kind, length.min(rest.len()), inside)
}

/// The position of the bracket that closes the one at `open`.
pub(super) fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    tokens.get(open)?.partner.filter(|close| *close > open)
}

/// The position of the bracket that the one at `close` closes.
pub(super) fn opening(tokens: &[Token<'_>], close: usize) -> Option<usize> {
    tokens.get(close)?.partner.filter(|open| *open < close)
}

/// The arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// Those without a name: a literal text, or what is not known.
    pub(super) positional: Vec<Option<String>>,
    /// For each of them the name that it is, if it is just one.
    pub(super) names: Vec<Option<String>>,
    /// Those with a name.
    pub(super) named: Vec<(String, Value)>,
    /// For those with a name, the single name that they are.
    pub(super) named_names: Vec<(String, String)>,
    /// Whether there is `*args` or `**kwargs`.
    pub(super) spread: bool,
}

/// Reads the arguments of the call whose bracket opens at `open`.
pub(super) fn arguments(tokens: &[Token<'_>], open: usize) -> Arguments {
    let mut arguments = Arguments::default();
    let Some(end) = closing(tokens, open).filter(|_| is(tokens, open, "(")) else {
        return arguments;
    };
    let mut start = open + 1;
    while start < end {
        let stop = next_comma(tokens, start, end);
        let one = tokens.get(start..stop).unwrap_or_default();
        match one {
            [] => {}
            [mark, ..] if mark.kind == Kind::Mark && mark.text == "*" => arguments.spread = true,
            [name, equals, value @ ..]
                if name.kind == Kind::Name
                    && equals.text == "="
                    && equals.kind == Kind::Mark
                    && value.first().is_none_or(|v| v.text != "=") =>
            {
                if let [only] = value
                    && let Some(other) = only.name()
                {
                    arguments
                        .named_names
                        .push((name.text.to_owned(), other.to_owned()));
                }
                arguments
                    .named
                    .push((name.text.to_owned(), value_of(value)));
            }
            value => {
                let single = match value {
                    [only] => Some(only),
                    _ => None,
                };
                arguments
                    .positional
                    .push(single.and_then(Token::literal).map(str::to_owned));
                arguments
                    .names
                    .push(single.and_then(|token| token.name()).map(str::to_owned));
            }
        }
        start = stop + 1;
    }
    arguments
}

fn next_comma(tokens: &[Token<'_>], start: usize, end: usize) -> usize {
    let mut at = start;
    while at < end {
        let Some(token) = tokens.get(at) else { break };
        if token.kind == Kind::Mark {
            match token.text {
                "," => return at,
                "(" | "[" | "{" => at = closing(tokens, at).unwrap_or(end),
                _ => {}
            }
        }
        at += 1;
    }
    end
}

/// The value of an expression as far as it is a literal.
fn value_of(tokens: &[Token<'_>]) -> Value {
    match tokens {
        [one] => match (one.kind, one.text) {
            (Kind::Text, text) => json!(text),
            (Kind::Number, text) => text.parse::<i64>().map_or(json!(ANY), |n| json!(n)),
            (Kind::Name, "True") => json!(true),
            (Kind::Name, "False") => json!(false),
            (Kind::Name, "None") => Value::Null,
            _ => json!(ANY),
        },
        [open, items @ .., close]
            if open.text == "[" && close.text == "]" && open.kind == Kind::Mark =>
        {
            let parts = items.split(|token| token.kind == Kind::Mark && token.text == ",");
            let parts = parts.filter(|part| !part.is_empty());
            let values: Vec<Value> = parts
                .map(|part| match part {
                    [one] => value_of(std::slice::from_ref(one)),
                    _ => json!(ANY),
                })
                .collect();
            Value::Array(values)
        }
        _ => json!(ANY),
    }
}
