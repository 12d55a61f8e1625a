//! What a member must be like: its length, its pattern, how many elements it has.

use crate::error::ApiError;

/// What a string member must be. Lengths are in characters, unless it is said that they are in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    min: usize,
    max: usize,
    bytes: bool,
    pattern: Option<Pattern>,
}

/// A regular expression as shown, and the check that stands for it.
type Pattern = (&'static str, fn(&str) -> bool);

impl Text {
    /// From `min` to `max` characters.
    pub(crate) const fn length(min: usize, max: usize) -> Self {
        Self {
            min,
            max,
            bytes: false,
            pattern: None,
        }
    }

    /// The length is that of the UTF-8 text in bytes: so payloads are measured.
    pub(crate) const fn in_bytes(self) -> Self {
        Self {
            bytes: true,
            ..self
        }
    }

    /// Also of a pattern: the regular expression as shown in the message, and the check that stands for it.
    pub(crate) const fn matching(self, shown: &'static str, check: fn(&str) -> bool) -> Self {
        Self {
            pattern: Some((shown, check)),
            ..self
        }
    }

    /// Checks a value at a place.
    pub(crate) fn check(&self, place: &str, value: &str) -> Result<(), ApiError> {
        match self.broken(value) {
            Some(rule) => Err(ApiError::constraint(place, Some(value), &rule)),
            None => Ok(()),
        }
    }

    /// As [`Text::check`], for a value that no message may show.
    pub(crate) fn check_secret(&self, place: &str, value: &str) -> Result<(), ApiError> {
        match self.broken(value) {
            Some(rule) => Err(ApiError::secret_constraint(place, &rule)),
            None => Ok(()),
        }
    }

    /// The rule that a value breaks.
    fn broken(&self, value: &str) -> Option<String> {
        let length = if self.bytes {
            value.len()
        } else {
            value.chars().count()
        };
        if length < self.min {
            return Some(format!(
                "Member must have length greater than or equal to {}",
                self.min
            ));
        }
        if length > self.max {
            let rule = format!("Member must have length less than or equal to {}", self.max);
            return Some(rule);
        }
        match self.pattern {
            Some((shown, check)) if !check(value) => Some(format!(
                "Member must satisfy regular expression pattern: {shown}"
            )),
            _ => None,
        }
    }
}

pub(super) fn check_count(
    place: &str,
    count: usize,
    min: usize,
    max: usize,
) -> Result<(), ApiError> {
    let rule = if count < min {
        format!("Member must have length greater than or equal to {min}")
    } else if count > max {
        format!("Member must have length less than or equal to {max}")
    } else {
        return Ok(());
    };
    Err(ApiError::constraint(
        place,
        Some(&format!("[{count} elements]")),
        &rule,
    ))
}

/// Whether a text consists of letters and digits of ASCII and the characters of `more`.
pub(crate) fn is_word(text: &str, more: &str) -> bool {
    text.chars()
        .all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
}
