//! Intrinsic functions: `States.Format('Hello {}', $.name)` and the seventeen others.
//!
//! A call is parsed when the definition is, and applied when its state is entered. Random ones draw from the entropy
//! that they are given.

mod functions;
mod parse;
mod text;

use serde_json::Value;

use super::path::{Path, PathError};

pub use functions::Randomness;
pub(crate) use functions::hash;

/// Deepest nesting of calls (the service's limit).
pub const MAX_NESTING: usize = 10;

/// One parsed call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub(crate) function: Function,
    pub(crate) arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Argument {
    /// A text, number, `true`, `false` or `null`.
    Literal(Value),
    /// A template: a literal text as it was written, with its escapes, which `Format` alone wants.
    Template(String),
    /// A path.
    Path(Path),
    /// A call.
    Call(Call),
}

/// The functions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Format,
    StringToJson,
    JsonToString,
    Array,
    ArrayPartition,
    ArrayContains,
    ArrayRange,
    ArrayGetItem,
    ArrayLength,
    ArrayUnique,
    Base64Encode,
    Base64Decode,
    Hash,
    JsonMerge,
    MathRandom,
    MathAdd,
    StringSplit,
    Uuid,
}

impl Function {
    const ALL: [(&'static str, Self, (usize, usize)); 18] = [
        ("Format", Self::Format, (1, usize::MAX)),
        ("StringToJson", Self::StringToJson, (1, 1)),
        ("JsonToString", Self::JsonToString, (1, 1)),
        ("Array", Self::Array, (0, usize::MAX)),
        ("ArrayPartition", Self::ArrayPartition, (2, 2)),
        ("ArrayContains", Self::ArrayContains, (2, 2)),
        ("ArrayRange", Self::ArrayRange, (3, 3)),
        ("ArrayGetItem", Self::ArrayGetItem, (2, 2)),
        ("ArrayLength", Self::ArrayLength, (1, 1)),
        ("ArrayUnique", Self::ArrayUnique, (1, 1)),
        ("Base64Encode", Self::Base64Encode, (1, 1)),
        ("Base64Decode", Self::Base64Decode, (1, 1)),
        ("Hash", Self::Hash, (2, 2)),
        ("JsonMerge", Self::JsonMerge, (3, 3)),
        ("MathRandom", Self::MathRandom, (2, 3)),
        ("MathAdd", Self::MathAdd, (2, 2)),
        ("StringSplit", Self::StringSplit, (2, 2)),
        ("UUID", Self::Uuid, (0, 0)),
    ];

    /// Its name without `States.`.
    pub(crate) fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, function, _)| *function == self)
            .map_or("", |(name, ..)| name)
    }
}

/// Why a call cannot be read or applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntrinsicError {
    /// The text is no call.
    #[error("`{text}` is not a call of an intrinsic function: {reason}")]
    Unreadable {
        /// The text.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A path in it is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A path in it leads nowhere.
    #[error("the path `{path}` in the arguments leads nowhere: {reason}")]
    Missing {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The function does not take these arguments.
    #[error("States.{function} cannot be applied: {reason}")]
    Arguments {
        /// The function.
        function: &'static str,
        /// What is wrong with them.
        reason: String,
    },
}

impl Call {
    /// Whether a text looks like a call, so that errors speak of calls and not of paths.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.starts_with("States.")
    }

    /// Applies the call. `look` answers what a path means.
    ///
    /// # Errors
    /// Arguments that the function does not take, and paths that lead nowhere.
    pub fn apply(
        &self,
        look: &dyn Fn(&Path) -> Result<Value, IntrinsicError>,
        randomness: &mut Randomness,
    ) -> Result<Value, IntrinsicError> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Template(raw)
                    if self.function == Function::Format && values.is_empty() =>
                {
                    Value::String(raw.clone())
                }
                Argument::Template(raw) => Value::String(text::unescape(raw)),
                Argument::Path(path) => look(path)?,
                Argument::Call(call) => call.apply(look, randomness)?,
            });
        }
        functions::apply(self.function, &values, randomness).map_err(|reason| {
            IntrinsicError::Arguments {
                function: self.function.as_str(),
                reason,
            }
        })
    }

    /// All paths in it, those of inner calls included.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => paths.extend(call.paths()),
                Argument::Literal(_) | Argument::Template(_) => {}
            }
        }
        paths
    }
}
