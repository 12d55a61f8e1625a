//! The strings of a frame, read in place: a number gives a slice of the frame, and nothing is copied.

use std::sync::OnceLock;

use super::Name;
use super::bytes::Reader;

/// Numbered strings in one piece of text that lives as long as the process.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: Name,
    /// Where each string ends in the text; the next one begins there.
    ends: Vec<u32>,
    /// The text with each string's first letter in lower case; made when first asked for.
    lower: OnceLock<Name>,
}

impl Strings {
    /// Reads what `Writer::strings` wrote.
    pub(super) fn read(reader: &mut Reader<'static>) -> Option<Self> {
        let count = reader.count()?;
        let mut lengths = Reader::new(reader.bytes()?);
        let text = std::str::from_utf8(reader.bytes()?).ok()?;
        let mut ends = Vec::with_capacity(count);
        let mut end = 0_u32;
        for _ in 0..count {
            end = end.checked_add(lengths.number()?)?;
            ends.push(end);
        }
        let whole = usize::try_from(end).ok()? == text.len() && lengths.is_empty();
        whole.then(|| Self {
            text,
            ends,
            lower: OnceLock::new(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, number: usize) -> Option<Name> {
        self.slice(self.text, number)
    }

    /// The string with its first letter in lower case.
    pub(super) fn lower(&self, number: usize) -> Option<Name> {
        let lower = self.lower.get_or_init(|| self.lowered());
        self.slice(lower, number)
    }

    fn slice(&self, text: Name, number: usize) -> Option<Name> {
        let end = usize::try_from(*self.ends.get(number)?).ok()?;
        let start = match number.checked_sub(1) {
            None => 0,
            Some(before) => usize::try_from(*self.ends.get(before)?).ok()?,
        };
        text.get(start..end)
    }

    fn lowered(&self) -> Name {
        let mut bytes = self.text.as_bytes().to_vec();
        let ends = self
            .ends
            .iter()
            .filter_map(|end| usize::try_from(*end).ok());
        for start in std::iter::once(0).chain(ends) {
            if let Some(first) = bytes.get_mut(start) {
                first.make_ascii_lowercase();
            }
        }
        // Lower case keeps the length of ASCII letters and leaves other bytes alone, so this is UTF-8 again.
        match String::from_utf8(bytes) {
            Ok(text) => Box::leak(text.into_boxed_str()),
            Err(_) => "",
        }
    }
}
