//! An event's text that is known to be an event.

mod check;

use check::Verdict;

use crate::event::{Event, EventError};

/// A text that was checked to be an event: one JSON object within the limits. Matching takes
/// only such texts, so each is checked once, however often it is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventText<'a> {
    /// INVARIANT: [`Event::parse`] accepts it.
    text: &'a str,
    /// INVARIANT: true only if no path is spelled twice or in an unusual way.
    plain: bool,
}

impl<'a> EventText<'a> {
    /// Checks a text.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn check(text: &'a str) -> Result<EventText<'a>, EventError> {
        let verdict = check::verdict(text);
        if verdict == Verdict::Unsure {
            Event::parse(text)?;
        }
        let plain = verdict == Verdict::Plain;
        Ok(EventText { text, plain })
    }

    /// The text of an event that has been read.
    #[must_use]
    pub fn of(event: &'a Event) -> EventText<'a> {
        let text = event.source();
        let plain = check::verdict(text) == Verdict::Plain;
        EventText { text, plain }
    }

    /// Whether a walk may stop at what it has found: no key occurs twice in one object, and no key
    /// has a dot or a backslash.
    pub(crate) fn is_plain(self) -> bool {
        self.plain
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.text
    }
}
