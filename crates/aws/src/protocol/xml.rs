//! Reads XML without copying it: one pass, directed by whoever reads. No external entities, no document types,
//! bounded depth; names are without their namespace prefix. Knows nothing of models.

mod character_data;

use std::borrow::Cow;
use std::mem::take;

use memchr::{memchr, memchr3, memmem};

use super::MAX_DEPTH;
use character_data::{attribute_value, line_ends, plain};

/// Why a document cannot be read; says what is wrong with it.
pub(crate) type Fault = String;

/// What XML takes for a blank; other scripts' blanks are text to it.
const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Most attributes of one element: each is compared with all before it.
const MAX_ATTRIBUTES: usize = 256;

/// Name and value of an attribute.
type Attribute<'x> = (&'x str, Cow<'x, str>);

/// A place inside of an element, just after its start tag, to which the reader can return.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark<'x> {
    at: usize,
    depth: usize,
    name: &'x str,
    empty: bool,
}

/// A position in a document.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'x> {
    text: &'x str,
    at: usize,
    /// Whole names of the open elements.
    open: Vec<&'x str>,
    /// The element just opened was `<a/>`.
    empty: bool,
    /// Of the element just opened. Names without prefix.
    attributes: Vec<Attribute<'x>>,
}

fn malformed(what: &str) -> Fault {
    format!("the answer is not well-formed XML: {what}")
}

fn cut_short() -> Fault {
    "the answer ends within an element".to_owned()
}

impl<'x> Reader<'x> {
    /// Begins before the root.
    ///
    /// # Errors
    /// A body that is not UTF-8.
    pub(crate) fn new(body: &'x [u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
        Ok(Self {
            text: text.strip_prefix('\u{feff}').unwrap_or(text),
            at: 0,
            open: Vec::with_capacity(16),
            empty: false,
            attributes: Vec::new(),
        })
    }

    /// Number of open elements.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    fn rest(&self) -> &'x str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Value of an attribute of the element just opened; the name is without prefix.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(have, _)| *have == name);
        found.map(|(_, value)| value.as_ref())
    }

    /// Enters the root element, whose name it gives.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn root(&mut self) -> Result<&'x str, Fault> {
        match self.outside()? {
            true => self.start(),
            false => Err("the answer has no element".to_owned()),
        }
    }

    /// Checks that nothing but comments and blanks follows the root.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        if !self.open.is_empty() {
            return Err(cut_short());
        }
        match self.outside()? {
            true => Err("the answer has more than one root element".to_owned()),
            false => Ok(()),
        }
    }

    /// Passes what may stand outside of the root. Whether an element begins; then its `<` is passed.
    fn outside(&mut self) -> Result<bool, Fault> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(BLANKS);
            self.at += rest.len() - trimmed.len();
            match trimmed.as_bytes() {
                [] => return Ok(false),
                [b'<', b'!' | b'?', ..] => {
                    self.at += 1;
                    if self.aside()?.is_some() {
                        return Err(text_outside());
                    }
                }
                [b'<', b'/', ..] => {
                    return Err("the answer closes an element that is not open".to_owned());
                }
                [b'<', ..] => {
                    self.at += 1;
                    return Ok(true);
                }
                _ => return Err(text_outside()),
            }
        }
    }

    /// Passes a comment, a processing instruction or a CDATA section, whose text it gives. Its `<` is passed.
    fn aside(&mut self) -> Result<Option<&'x str>, Fault> {
        let rest = self.rest();
        let (inner, end, what) = if let Some(inner) = rest.strip_prefix("!--") {
            (inner, "-->", "a comment does not end")
        } else if let Some(inner) = rest.strip_prefix("![CDATA[") {
            (inner, "]]>", "a CDATA section does not end")
        } else if let Some(inner) = rest.strip_prefix('?') {
            let named = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
            if !inner.starts_with(named) {
                return Err(malformed("a processing instruction without a name"));
            }
            (inner, "?>", "a processing instruction does not end")
        } else if rest
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case("!doctype"))
        {
            return Err("the answer has a document type, which is refused".to_owned());
        } else {
            return Err(malformed("an unknown declaration"));
        };
        let length =
            memmem::find(inner.as_bytes(), end.as_bytes()).ok_or_else(|| malformed(what))?;
        self.at += (rest.len() - inner.len()) + length + end.len();
        Ok(if end == "]]>" {
            inner.get(..length)
        } else {
            None
        })
    }

    /// Reads a start tag whose `<` is passed.
    fn start(&mut self) -> Result<&'x str, Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!(
                "the answer is nested deeper than {MAX_DEPTH} levels"
            ));
        }
        let rest = self.rest();
        let (mut length, mut local, mut end) = (0, 0, None);
        for byte in rest.bytes() {
            match byte {
                b'>' | b'/' | b' ' | b'\t' | b'\r' | b'\n' => {
                    end = Some(byte);
                    break;
                }
                b':' => local = length + 1,
                b'<' | b'&' | b'"' | b'\'' | b'=' | b'!' | b'?' => {
                    return Err(malformed("a tag without a name"));
                }
                _ => {}
            }
            length += 1;
        }
        let (Some(end), Some(whole), Some(name)) =
            (end, rest.get(..length), rest.get(local..length))
        else {
            return Err(cut_short());
        };
        if name.is_empty() {
            return Err(malformed("a tag without a name"));
        }
        self.open.push(whole);
        self.at += length + 1;
        self.attributes.clear();
        if end != b'>' {
            self.at -= 1;
            self.read_attributes()?;
        }
        Ok(name)
    }

    /// Reads the rest of a start tag, behind its name.
    fn read_attributes(&mut self) -> Result<(), Fault> {
        let mut names: Vec<&str> = Vec::new();
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(BLANKS);
            let blanks = rest.len() - trimmed.len();
            self.at += blanks;
            if trimmed.starts_with('>') {
                self.at += 1;
                return Ok(());
            }
            if trimmed.starts_with("/>") {
                self.at += 2;
                self.empty = true;
                return Ok(());
            }
            if trimmed.is_empty() {
                return Err(cut_short());
            }
            let bad = || malformed("an attribute is not `name=\"value\"`");
            let (name, after) = trimmed
                .split_once('=')
                .filter(|_| blanks > 0)
                .ok_or_else(bad)?;
            let name = name.trim_end_matches(BLANKS);
            let after = after.trim_start_matches(BLANKS);
            if name.is_empty()
                || name.contains(['<', '>', '/', '"', '\'', '&'])
                || name.contains(BLANKS)
            {
                return Err(bad());
            }
            if names.contains(&name) {
                return Err(malformed("an attribute is given twice"));
            }
            if names.len() >= MAX_ATTRIBUTES {
                return Err(format!(
                    "the answer has an element with more than {MAX_ATTRIBUTES} attributes"
                ));
            }
            names.push(name);
            let quote = after
                .chars()
                .next()
                .filter(|c| matches!(c, '"' | '\''))
                .ok_or_else(bad)?;
            let (value, behind) = after
                .get(1..)
                .and_then(|inner| inner.split_once(quote))
                .ok_or_else(cut_short)?;
            if value.contains('<') {
                return Err(bad());
            }
            self.at = self.text.len() - behind.len();
            let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
            self.attributes.push((local, attribute_value(value)?));
        }
    }

    /// Reads the rest of an end tag whose `</` is passed.
    fn close(&mut self) -> Result<(), Fault> {
        let name = self.open.pop().unwrap_or_default();
        let after = self
            .rest()
            .strip_prefix(name)
            .ok_or_else(|| malformed(&format!("`{name}` is not closed by its own tag")))?;
        let trimmed = match after.as_bytes() {
            [b'>', ..] => after,
            _ => after.trim_start_matches(BLANKS),
        };
        if !trimmed.starts_with('>') {
            return Err(if trimmed.is_empty() {
                cut_short()
            } else {
                malformed(&format!("`{name}` is not closed by its own tag"))
            });
        }
        self.at = self.text.len() - trimmed.len() + 1;
        Ok(())
    }

    /// Enters the next child of the open element, or leaves the element when there is none left. Text between
    /// children is passed.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn child(&mut self) -> Result<Option<&'x str>, Fault> {
        if take(&mut self.empty) {
            self.open.pop();
            return Ok(None);
        }
        loop {
            let rest = self.rest();
            match rest.as_bytes() {
                [b'<', b'/', ..] => {
                    self.at += 2;
                    return self.close().map(|()| None);
                }
                [b'<', b'!' | b'?', ..] => {
                    self.at += 1;
                    self.aside()?;
                }
                [b'<', ..] => {
                    self.at += 1;
                    return self.start().map(Some);
                }
                bytes => {
                    let length = memchr(b'<', bytes).ok_or_else(cut_short)?;
                    let text = rest.get(..length).unwrap_or_default();
                    if text.contains('&') {
                        plain(text)?;
                    }
                    self.at += length;
                }
            }
        }
    }

    /// As [`Reader::child`] where the next child has the guessed name and no attributes; else `false`, and nothing is
    /// read.
    #[inline]
    pub(super) fn child_named(&mut self, guess: &str) -> bool {
        let bytes = self.text.as_bytes();
        let (from, to) = (self.at + 1, self.at + 1 + guess.len());
        let fits = !self.empty
            && self.open.len() < MAX_DEPTH
            && bytes.get(self.at) == Some(&b'<')
            && bytes.get(to) == Some(&b'>')
            && bytes.get(from..to) == Some(guess.as_bytes());
        if fits && let Some(name) = self.text.get(from..to) {
            self.open.push(name);
            self.at = to + 1;
            self.attributes.clear();
            return true;
        }
        false
    }

    /// Reads the text of the open element and leaves it. Children are passed; blanks beside children are layout.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) fn text(&mut self) -> Result<Cow<'x, str>, Fault> {
        if take(&mut self.empty) {
            self.open.pop();
            return Ok(Cow::Borrowed(""));
        }
        let rest = self.rest();
        let bytes = rest.as_bytes();
        if let Some(length) = memchr3(b'<', b'&', b'\r', bytes)
            && bytes.get(length) == Some(&b'<')
            && bytes.get(length + 1) == Some(&b'/')
        {
            self.at += length + 2;
            self.close()?;
            return Ok(Cow::Borrowed(rest.get(..length).unwrap_or_default()));
        }
        self.mixed_text().map(Cow::Owned)
    }

    fn mixed_text(&mut self) -> Result<String, Fault> {
        let (mut out, mut children) = (String::new(), false);
        loop {
            let rest = self.rest();
            match rest.as_bytes() {
                [b'<', b'/', ..] => {
                    self.at += 2;
                    self.close()?;
                    if children && out.trim_matches(BLANKS).is_empty() {
                        out.clear();
                    }
                    return Ok(out);
                }
                [b'<', b'!' | b'?', ..] => {
                    self.at += 1;
                    if let Some(data) = self.aside()? {
                        out.push_str(&line_ends(data));
                    }
                }
                [b'<', ..] => {
                    self.at += 1;
                    self.start()?;
                    self.skip()?;
                    children = true;
                }
                bytes => {
                    let length = memchr(b'<', bytes).ok_or_else(cut_short)?;
                    out.push_str(&plain(rest.get(..length).unwrap_or_default())?);
                    self.at += length;
                }
            }
        }
    }

    /// Leaves the open element without a look at it.
    ///
    /// # Errors
    /// [`Fault`]: what is passed must be well-formed, too.
    pub(crate) fn skip(&mut self) -> Result<(), Fault> {
        let outer = self.open.len();
        while self.open.len() >= outer && outer > 0 {
            self.child()?;
        }
        Ok(())
    }

    /// The place just after the start tag that was read last. Attributes are not kept.
    pub(crate) fn mark(&self) -> Mark<'x> {
        Mark {
            at: self.at,
            depth: self.open.len(),
            name: self.open.last().copied().unwrap_or_default(),
            empty: self.empty,
        }
    }

    /// Returns to a place in the same element.
    pub(crate) fn reset(&mut self, mark: Mark<'x>) {
        self.at = mark.at;
        self.empty = mark.empty;
        self.open.truncate(mark.depth.saturating_sub(1));
        self.open.push(mark.name);
    }
}

fn text_outside() -> Fault {
    "the answer has text outside of its root element".to_owned()
}

#[cfg(test)]
mod tests;
