//! An event's text that is known to be an event.

use crate::event::{Event, EventError};

/// A text that was checked to be an event: one JSON object within the limits. Matching takes
/// only such texts, so each is checked once, however often it is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventText<'a> {
    /// INVARIANT: [`Event::parse`] accepts it.
    text: &'a str,
}

impl<'a> EventText<'a> {
    /// Checks a text.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn check(text: &'a str) -> Result<EventText<'a>, EventError> {
        Event::parse(text).map(|_| EventText { text })
    }

    /// The text of an event that has been read.
    #[must_use]
    pub fn of(event: &'a Event) -> EventText<'a> {
        EventText {
            text: event.source(),
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.text
    }
}
