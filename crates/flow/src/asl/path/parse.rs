//! From text to path.

use super::filter;
use super::{Function, MAX_PATH_CHARS, Path, PathError, Root, Step};

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The first thing that is wrong, with its position.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let refuse = |reason: String| PathError {
            text: text.to_owned(),
            reason,
        };
        if text.len() > MAX_PATH_CHARS {
            return Err(refuse(format!("it is longer than {MAX_PATH_CHARS} bytes")));
        }
        let mut reader = Reader::new(text);
        let root = reader.root().map_err(refuse)?;
        let steps = reader.steps(0).map_err(refuse)?;
        if !reader.at_end() {
            return Err(refuse(reader.unexpected()));
        }
        Ok(Self {
            text: text.to_owned(),
            root,
            steps,
        })
    }
}

/// Deepest nesting of paths within filters within paths.
const MAX_DEPTH: usize = 8;

/// A position in a path's text.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let found = self.peek()?;
        self.at += found.len_utf8();
        Some(found)
    }

    pub(super) fn eat(&mut self, wanted: &str) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }

    pub(super) fn blanks(&mut self) {
        while self.peek() == Some(' ') {
            self.at += 1;
        }
    }

    pub(super) fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    pub(super) fn unexpected(&self) -> String {
        match self.peek() {
            Some(found) => format!("`{found}` is unexpected at character {}", self.place()),
            None => "it ends too early".to_owned(),
        }
    }

    fn place(&self) -> usize {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.chars().count() + 1
    }

    fn root(&mut self) -> Result<Root, String> {
        if !self.eat("$") {
            return Err("it must begin with `$`".to_owned());
        }
        if self.eat("$") {
            return Ok(Root::Context);
        }
        let name = self.take_while(|c| c.is_alphanumeric() || c == '_');
        Ok(if name.is_empty() {
            Root::Document
        } else if name.starts_with(|c: char| c.is_numeric()) {
            return Err(format!("`{name}` is not the name of a variable"));
        } else {
            Root::Variable(name)
        })
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let taken = rest.get(..end).unwrap_or_default();
        self.at += end;
        taken.to_owned()
    }

    /// The steps behind a root, as far as they go.
    pub(super) fn steps(&mut self, depth: usize) -> Result<Vec<Step>, String> {
        if depth > MAX_DEPTH {
            return Err(format!("paths are nested deeper than {MAX_DEPTH}"));
        }
        let mut steps = Vec::new();
        loop {
            if matches!(steps.last(), Some(Step::Function(_))) {
                return Ok(steps);
            }
            match self.peek() {
                Some('.') => self.dotted(&mut steps, depth)?,
                Some('[') => steps.push(self.bracket(depth)?),
                _ => return Ok(steps),
            }
        }
    }

    fn dotted(&mut self, steps: &mut Vec<Step>, depth: usize) -> Result<(), String> {
        self.eat(".");
        if self.eat(".") {
            if self.at_end() {
                return Err("a path must not end with `..`".to_owned());
            }
            steps.push(Step::Descend);
        }
        match self.peek() {
            Some('[') => steps.push(self.bracket(depth)?),
            Some('*') => {
                self.eat("*");
                steps.push(Step::Wildcard);
            }
            _ => steps.push(self.name()?),
        }
        Ok(())
    }

    /// An unquoted name, or a function. Inside a filter a name ends where an operator or a blank begins.
    fn name(&mut self) -> Result<Step, String> {
        let ends = |c: char| {
            matches!(
                c,
                '.' | '['
                    | ']'
                    | '('
                    | ')'
                    | ' '
                    | ','
                    | '='
                    | '!'
                    | '<'
                    | '>'
                    | '&'
                    | '|'
                    | '?'
                    | '*'
                    | '\''
                    | '"'
            )
        };
        let name = self.take_while(|c| !ends(c));
        if name.is_empty() {
            return Err(self.unexpected());
        }
        if !self.eat("(") {
            return Ok(Step::Name(name));
        }
        let function =
            Function::parse(&name).ok_or_else(|| format!("there is no function `{name}`"))?;
        if !self.eat(")") {
            return Err(format!("`{name}()` takes no arguments"));
        }
        Ok(Step::Function(function))
    }

    fn bracket(&mut self, depth: usize) -> Result<Step, String> {
        self.eat("[");
        self.blanks();
        let step = match self.peek() {
            Some('\'' | '"') => self.quoted_names()?,
            Some('*') => {
                self.eat("*");
                Step::Wildcard
            }
            Some('?') => {
                self.eat("?");
                Step::Filter(filter::parse(self, depth + 1)?)
            }
            _ => self.positions()?,
        };
        self.blanks();
        if self.eat("]") {
            Ok(step)
        } else {
            Err(self.unexpected())
        }
    }

    fn quoted_names(&mut self) -> Result<Step, String> {
        let first = self.quoted()?;
        let mut names = vec![first];
        loop {
            self.blanks();
            if !self.eat(",") {
                break;
            }
            self.blanks();
            names.push(self.quoted()?);
        }
        Ok(match <[String; 1]>::try_from(names) {
            Ok([name]) => Step::Name(name),
            Err(names) => Step::Names(names),
        })
    }

    /// A text in single or double quotes; a backslash before the quote makes it part of the text.
    pub(super) fn quoted(&mut self) -> Result<String, String> {
        let Some(quote @ ('\'' | '"')) = self.peek() else {
            return Err(self.unexpected());
        };
        self.next();
        let mut text = String::new();
        while let Some(found) = self.next() {
            match found {
                '\\' => match self.peek() {
                    Some(next) if next == quote => text.extend(self.next()),
                    _ => text.push('\\'),
                },
                found if found == quote => return Ok(text),
                found => text.push(found),
            }
        }
        Err("a quote is not closed".to_owned())
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        self.blanks();
        let text = self.take_while(|c| c.is_ascii_digit() || c == '-');
        self.blanks();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse()
            .map(Some)
            .map_err(|_| format!("`{text}` is not a position"))
    }

    fn positions(&mut self) -> Result<Step, String> {
        let first = self.integer()?;
        if self.eat(":") {
            return Ok(Step::Slice(first, self.integer()?));
        }
        let Some(first) = first else {
            return Err(self.unexpected());
        };
        let mut list = vec![first];
        while self.eat(",") {
            let Some(more) = self.integer()? else {
                return Err(self.unexpected());
            };
            list.push(more);
        }
        Ok(match <[i64; 1]>::try_from(list) {
            Ok([at]) => Step::Index(at),
            Err(list) => Step::Indices(list),
        })
    }
}
