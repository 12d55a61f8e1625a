//! Why a request cannot be taken, and where in it the fault is.

use std::fmt;

/// A request that is not taken.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum InboundError {
    /// The request means no operation of the service.
    #[error("{0}")]
    UnknownOperation(String),
    /// The request is not what its protocol says, or over a limit.
    #[error("{0}")]
    Malformed(String),
    /// The body's encoding is none that is read here, or none that the operation takes.
    #[error("{0}")]
    Encoding(String),
    /// The body, which came compressed, is too long once it is not.
    #[error(
        "the request body is longer than {limit} bytes before its compression: send less in one call"
    )]
    TooLarge {
        /// Most bytes.
        limit: usize,
    },
    /// A member has a value of another type than the model says.
    #[error("`{place}` must be {wanted}")]
    WrongType {
        /// Where it stands, spelled as AWS does in validation messages: `entries.2.member.detail`.
        place: String,
        /// What it must be, with its article.
        wanted: &'static str,
    },
}

impl InboundError {
    /// Where the fault is, if it is one member's.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        match self {
            Self::WrongType { place, .. } => Some(place),
            Self::UnknownOperation(_)
            | Self::Malformed(_)
            | Self::Encoding(_)
            | Self::TooLarge { .. } => None,
        }
    }

    /// A fault of the XML reader, which speaks of answers.
    pub(super) fn of_xml(reason: &str) -> Self {
        Self::Malformed(reason.replacen("the answer", "the request body", 1))
    }
}

/// A place in the parameters: a chain of steps that lives on the reader's own stack, so that it costs nothing until
/// it is spelled.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'p> {
    /// The parameters themselves.
    Root,
    /// A member.
    Member(&'p Place<'p>, &'p str),
    /// An element of a list, counted from 1.
    Item(&'p Place<'p>, usize),
    /// A value of a map.
    Key(&'p Place<'p>, &'p str),
}

impl Place<'_> {
    /// The fault of a value here that is not `wanted`.
    pub(super) fn must_be(&self, wanted: &'static str) -> InboundError {
        InboundError::WrongType {
            place: self.to_string(),
            wanted,
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, step) = match self {
            Self::Root => return Ok(()),
            Self::Item(list, at) => return write!(f, "{list}.{at}.member"),
            Self::Member(before, step) | Self::Key(before, step) => (before, step),
        };
        if !matches!(before, Self::Root) {
            write!(f, "{before}.")?;
        }
        match (self, step.chars().next()) {
            (Self::Member(..), Some(first)) => {
                let rest = step.get(first.len_utf8()..).unwrap_or_default();
                write!(f, "{}{rest}", first.to_lowercase())
            }
            _ => f.write_str(step),
        }
    }
}

/// Longest piece of a request that is repeated in a message, in characters.
const ECHO_CHARS: usize = 128;

/// A piece of the request, cut for a message.
pub(super) fn echo(text: &str) -> String {
    match text.char_indices().nth(ECHO_CHARS) {
        Some((cut, _)) => format!("{}...", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spelled_as_aws_does() {
        let list = Place::Member(&Place::Root, "Entries");
        let item = Place::Item(&list, 2);
        let detail = Place::Member(&item, "Detail");
        assert_eq!(detail.to_string(), "entries.2.member.detail");
        let map = Place::Member(&Place::Root, "tags");
        assert_eq!(Place::Key(&map, "Äb c").to_string(), "tags.Äb c");
        let error = detail.must_be("a string");
        assert_eq!(
            error.to_string(),
            "`entries.2.member.detail` must be a string"
        );
        assert_eq!(error.place(), Some("entries.2.member.detail"));
        assert_eq!(echo(&"é".repeat(200)).chars().count(), 131);
    }
}
