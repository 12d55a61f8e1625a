//! Reads JSON token by token, keeping what a parsed tree would lose: the spelling of numbers,
//! repeated keys and the place of every token.
//!
//! AWS reports a bad pattern in the words and at the column of the Jackson parser, so this reader
//! advances the way Jackson does: a name is read together with the first character of its value,
//! and the inside of a string is read only when somebody asks for it. It knows nothing of events
//! or patterns.

/// Deepest nesting of objects and arrays that is read.
pub(crate) const MAX_DEPTH: usize = 64;

const VALUE_WANTED: &str =
    "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What the reader stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    StartObject,
    EndObject,
    StartArray,
    EndArray,
    Name,
    Text,
    Number,
    True,
    False,
    Null,
    End,
}

/// Why the text cannot be read further, and the byte where the reader stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) reason: String,
    pub(crate) at: usize,
    pub(crate) too_deep: bool,
}

struct Container {
    object: bool,
    entries: usize,
    start: usize,
}

/// A pull reader over one JSON text.
pub(crate) struct Reader<'a> {
    text: &'a str,
    pos: usize,
    open: Vec<Container>,
    /// The value whose first character was read together with its name.
    ahead: Option<Token>,
    /// The inside of the current string has not been read yet.
    unread_text: bool,
    name: String,
    token_start: usize,
    token_end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Reader {
            text,
            pos: 0,
            open: Vec::new(),
            ahead: None,
            unread_text: false,
            name: String::new(),
            token_start: 0,
            token_end: 0,
        }
    }

    /// The byte offset up to which text has been read.
    pub(crate) fn position(&self) -> usize {
        self.pos
    }

    /// The byte offset where the current value begins.
    pub(crate) fn token_start(&self) -> usize {
        self.token_start
    }

    /// The key read by the last [`Token::Name`].
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The spelling of the current number or literal.
    pub(crate) fn raw(&self) -> &'a str {
        self.text
            .get(self.token_start..self.token_end)
            .unwrap_or_default()
    }

    /// The unescaped content of the current string.
    pub(crate) fn string(&mut self) -> Result<String, Fault> {
        self.unread_text = false;
        self.read_string("a string value")
    }

    /// Whether nothing but white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.skip_space();
        self.pos >= self.text.len()
    }

    pub(crate) fn fault(&self, reason: impl Into<String>) -> Fault {
        Fault {
            reason: reason.into(),
            at: self.pos,
            too_deep: false,
        }
    }

    /// Moves to the next token.
    pub(crate) fn next(&mut self) -> Result<Token, Fault> {
        if let Some(token) = self.ahead.take() {
            return self.enter(token);
        }
        if self.unread_text {
            self.string()?;
        }
        self.skip_space();
        let Some(byte) = self.peek() else {
            return match self.open.last() {
                None => Ok(Token::End),
                Some(container) => Err(self.fault(format!(
                    "Unexpected end-of-input: expected close marker for {} (start marker at {})",
                    kind(container.object),
                    self.source_at(container.start)
                ))),
            };
        };
        if matches!(byte, b'}' | b']') {
            return self.close(byte);
        }
        self.read_separator()?;
        if self.open.last().is_some_and(|container| container.object) {
            self.read_name()?;
            let token = self.read_value()?;
            self.ahead = Some(token);
            return Ok(Token::Name);
        }
        let token = self.read_value()?;
        self.enter(token)
    }

    fn enter(&mut self, token: Token) -> Result<Token, Fault> {
        let object = match token {
            Token::StartObject => true,
            Token::StartArray => false,
            _ => return Ok(token),
        };
        if self.open.len() >= MAX_DEPTH {
            let reason = format!("JSON is nested deeper than {MAX_DEPTH} levels");
            return Err(Fault {
                reason,
                at: self.pos,
                too_deep: true,
            });
        }
        self.open.push(Container {
            object,
            entries: 0,
            start: self.token_start,
        });
        Ok(token)
    }

    fn close(&mut self, byte: u8) -> Result<Token, Fault> {
        let closes_object = byte == b'}';
        match self.open.last() {
            Some(container) if container.object == closes_object => {
                self.open.pop();
                self.pos += 1;
                Ok(if closes_object {
                    Token::EndObject
                } else {
                    Token::EndArray
                })
            }
            Some(container) => Err(self.fault(format!(
                "Unexpected close marker '{}': expected '{}' (for {} starting at {})",
                char::from(byte),
                if container.object { '}' } else { ']' },
                kind(container.object),
                self.source_at(container.start)
            ))),
            None => Err(self.odd_value()),
        }
    }

    fn read_separator(&mut self) -> Result<(), Fault> {
        let (object, first) = match self.open.last_mut() {
            None => return Ok(()),
            Some(container) => {
                container.entries += 1;
                (container.object, container.entries == 1)
            }
        };
        if first {
            return Ok(());
        }
        if self.peek() != Some(b',') {
            let wanted = format!("was expecting comma to separate {} entries", kind(object));
            return Err(self.unexpected(&wanted));
        }
        self.pos += 1;
        self.skip_space();
        Ok(())
    }

    fn read_name(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("was expecting double-quote to start field name"));
        }
        self.pos += 1;
        self.name = self.read_string("field name")?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("was expecting a colon to separate field name and value"));
        }
        self.pos += 1;
        self.skip_space();
        Ok(())
    }

    fn read_value(&mut self) -> Result<Token, Fault> {
        self.token_start = self.pos;
        let token = match self.peek() {
            None => return Err(self.fault("Unexpected end-of-input within/between entries")),
            Some(b'"') => {
                self.unread_text = true;
                self.pos += 1;
                Token::Text
            }
            Some(b'{') => {
                self.pos += 1;
                Token::StartObject
            }
            Some(b'[') => {
                self.pos += 1;
                Token::StartArray
            }
            Some(b'-' | b'0'..=b'9') => self.read_number()?,
            Some(_) => self.read_literal()?,
        };
        self.token_end = self.pos;
        Ok(token)
    }

    fn read_literal(&mut self) -> Result<Token, Fault> {
        let rest = self.text.get(self.pos..).unwrap_or_default();
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let token = match word {
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            "" => return Err(self.odd_value()),
            _ => {
                let shown: String = word.chars().take(256).collect();
                let reason = format!("Unrecognized token '{shown}': was expecting {VALUE_WANTED}");
                return Err(self.fault(reason));
            }
        };
        self.pos += length;
        Ok(token)
    }

    fn read_number(&mut self) -> Result<Token, Fault> {
        if self.peek() == Some(b'-') {
            self.pos += 1;
            if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return Err(self.unexpected(
                    "expected digit (0-9) to follow minus sign, for valid numeric value",
                ));
            }
        }
        let zero = self.peek() == Some(b'0');
        let digits = self.skip_digits();
        if zero && digits > 1 {
            return Err(self.fault("Invalid numeric value: Leading zeroes not allowed"));
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            if self.skip_digits() == 0 {
                return Err(self.unexpected("Decimal point not followed by a digit"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            if self.skip_digits() == 0 {
                return Err(self.unexpected("Exponent indicator not followed by a digit"));
            }
        }
        Ok(Token::Number)
    }

    fn skip_digits(&mut self) -> usize {
        let start = self.pos;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.pos += 1;
        }
        self.pos - start
    }

    fn read_string(&mut self, what: &str) -> Result<String, Fault> {
        let mut value = String::new();
        loop {
            let rest = self.text.get(self.pos..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))
                .unwrap_or(rest.len());
            value.push_str(rest.get(..plain).unwrap_or_default());
            self.pos += plain;
            match self.peek() {
                Some(b'"') => {
                    self.pos += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.pos += 1;
                    value.push(self.read_escape()?);
                }
                Some(control) => {
                    return Err(self.fault(format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {control})): has to be escaped \
                         using backslash to be included in {what}"
                    )));
                }
                None => {
                    return Err(self.fault(format!(
                        "Unexpected end-of-input: was expecting closing quote for {what}"
                    )));
                }
            }
        }
    }

    fn read_escape(&mut self) -> Result<char, Fault> {
        let Some(byte) = self.peek() else {
            return Err(self.fault("Unexpected end-of-input in character escape sequence"));
        };
        let plain = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.pos += 1;
                return self.read_unicode();
            }
            _ => {
                let shown = self.shown_character();
                return Err(self.fault(format!("Unrecognized character escape {shown}")));
            }
        };
        self.pos += 1;
        Ok(plain)
    }

    fn read_unicode(&mut self) -> Result<char, Fault> {
        let unit = self.read_hex()?;
        if !(0xd800..0xe000).contains(&unit) {
            return char::from_u32(unit).ok_or_else(|| self.lone_surrogate());
        }
        let rest = self.text.get(self.pos..).unwrap_or_default();
        if unit >= 0xdc00 || !rest.starts_with("\\u") {
            return Err(self.lone_surrogate());
        }
        self.pos += 2;
        let low = self.read_hex()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(self.lone_surrogate());
        }
        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        char::from_u32(code).ok_or_else(|| self.lone_surrogate())
    }

    fn read_hex(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.pos..self.pos + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(self.unexpected("expected a hex-digit for character escape sequence"));
        }
        self.pos += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.lone_surrogate())
    }

    fn lone_surrogate(&self) -> Fault {
        self.fault("Half of a surrogate pair: write the character itself or both \\u escapes")
    }

    fn odd_value(&self) -> Fault {
        self.unexpected(&format!("expected a valid value {VALUE_WANTED}"))
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        if self.pos >= self.text.len() {
            return self.fault("Unexpected end-of-input within/between entries");
        }
        let comment = self.peek() == Some(b'/');
        let wanted = if comment {
            "maybe a (non-standard) comment? (not recognized as one since Feature 'ALLOW_COMMENTS' not enabled for parser)"
        } else {
            wanted
        };
        self.fault(format!(
            "Unexpected character ({}): {wanted}",
            self.shown_character()
        ))
    }

    fn shown_character(&self) -> String {
        let rest = self.text.get(self.pos..).unwrap_or_default();
        match rest.chars().next() {
            None => "end of text".to_owned(),
            Some(c) if c.is_control() => format!("(CTRL-CHAR, code {})", u32::from(c)),
            Some(c) => format!("'{c}' (code {})", u32::from(c)),
        }
    }

    fn source_at(&self, offset: usize) -> String {
        source_reference(self.text, line_and_column(self.text, offset))
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.pos += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }
}

fn kind(object: bool) -> &'static str {
    if object { "Object" } else { "Array" }
}

/// The place in a text as Jackson writes it: at most 500 characters of the text are repeated.
pub(crate) fn source_reference(text: &str, (line, column): (u32, u32)) -> String {
    const SHOWN: usize = 500;
    let shown: String = text.chars().take(SHOWN).collect();
    let truncated = match text.chars().count().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("[truncated {more} chars]"),
    };
    format!("[Source: (String)\"{shown}\"{truncated}; line: {line}, column: {column}]")
}

/// Line and column of a byte offset, both from 1; columns count UTF-16 units, as Java does.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (u32, u32) {
    let (mut line, mut column) = (1u32, 1u32);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if at >= offset {
            break;
        }
        let newline = match c {
            '\n' => true,
            '\r' => !matches!(characters.peek(), Some((_, '\n'))),
            _ => false,
        };
        if newline {
            line = line.saturating_add(1);
            column = 1;
        } else {
            column = column.saturating_add(u32::try_from(c.len_utf16()).unwrap_or(1));
        }
    }
    (line, column)
}
