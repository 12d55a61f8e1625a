//! Why a message gave no signals.

use model::text::one_line;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` {problem}")]
pub struct DecodeError {
    /// Where: `body`, or a path into it such as `body.Records[3].Sns.Message`.
    pub place: String,
    /// What.
    pub problem: Problem,
}

/// What is wrong. Each message ends with what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is nothing.
    #[error("is empty; send a JSON document")]
    Empty,
    /// It is no JSON.
    #[error(
        "is no JSON ({reason}); send one JSON document, or set the source's format to `auto` to keep it as text"
    )]
    NotJson {
        /// The reader's words.
        reason: String,
    },
    /// It is no text.
    #[error("is no UTF-8 text; send JSON, or gzip of JSON")]
    NotText,
    /// It should be base64.
    #[error("is no base64; encode it with the standard alphabet")]
    NotBase64,
    /// It begins like gzip and is none.
    #[error("is broken gzip ({reason}); send it again, or uncompressed")]
    NotGzip {
        /// The reader's words.
        reason: String,
    },
    /// A member that the format needs is absent.
    #[error(
        "has no `{field}`, which the format `{format}` needs; send it, or choose another format"
    )]
    Missing {
        /// The member.
        field: String,
        /// The format's word.
        format: &'static str,
    },
    /// A member is of the wrong kind.
    #[error("has a `{field}` that is not {wanted}; send {wanted}")]
    Wrong {
        /// The member.
        field: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A name stands twice in one object, so that two readers may see two messages.
    #[error("names `{name}` twice; send every member once")]
    Repeated {
        /// The name.
        name: String,
    },
    /// It is something else than the source demands.
    #[error("is not of the format `{format}`; send that, or set the source's format to `auto`")]
    NotFormat {
        /// The format's word.
        format: &'static str,
    },
    /// More bytes than allowed.
    #[error("has {bytes} bytes, more than {most}; send less at once, or raise the source's limit")]
    TooLarge {
        /// How many there are.
        bytes: usize,
        /// How many may be.
        most: usize,
    },
    /// Compressed data of which too much comes.
    #[error("inflates to more than {most} bytes; send less at once, or raise the source's limit")]
    Inflates {
        /// How many may come.
        most: usize,
    },
    /// Too deep.
    #[error("is nested deeper than {most}; flatten it")]
    TooDeep {
        /// How deep it may be.
        most: usize,
    },
    /// Too many signals.
    #[error("holds more than {most} records; send fewer at once, or raise the source's limit")]
    TooMany {
        /// How many may be.
        most: usize,
    },
    /// Too many wrappers.
    #[error("is wrapped in more than {most} layers; send it with fewer wrappers")]
    TooWrapped {
        /// How many may be.
        most: usize,
    },
    /// An expression of the source's mapping does not work on it.
    #[error("does not fit the mapping's `{field}`: {reason}; mend the expression")]
    Mapping {
        /// The mapping's member.
        field: &'static str,
        /// What happened.
        reason: String,
    },
}

impl Problem {
    /// The error at a place.
    pub(super) fn at(self, place: &str) -> DecodeError {
        DecodeError {
            place: place.to_owned(),
            problem: self,
        }
    }

    /// JSON that is none.
    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::NotJson {
            reason: one_line(&error.to_string(), 200),
        }
    }
}
