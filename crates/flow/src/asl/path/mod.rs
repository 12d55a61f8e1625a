//! JSONPath as Amazon States Language takes it: what the service's own parser accepts, which is Jayway's dialect.
//!
//! RFC 9535 differs where it hurts: a path of this dialect is *definite* (one value or an error) or *indefinite* (a
//! list, perhaps an empty one), names may hold hyphens without quotes, a dot may stand before a bracket. The texts of
//! failures are the service's, since they end up in histories. Knows nothing of states.

mod filter;
mod parse;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

use filter::Filter;

/// Most characters of a path: a definition is bounded anyway, this bounds one path's work.
pub const MAX_PATH_CHARS: usize = 4_096;

/// A parsed path.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    text: String,
    root: Root,
    steps: Vec<Step>,
}

/// What a path begins at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// `$`: the document it is applied to.
    Document,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable.
    Variable(String),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// `.name`, `['name']`.
    Name(String),
    /// `['a','b']`: an object of those that are there.
    Names(Vec<String>),
    /// `[n]`; negative counts from the end.
    Index(i64),
    /// `[1,2]`.
    Indices(Vec<i64>),
    /// `[from:to]`.
    Slice(Option<i64>, Option<i64>),
    /// `.*`, `[*]`.
    Wildcard,
    /// `..`: the next step is applied to every container below, too.
    Descend,
    /// `[?(...)]`.
    Filter(Filter),
    /// `.length()` and its like, always last.
    Function(Function),
}

/// The functions that a path may end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    Length,
    Min,
    Max,
    Avg,
    Sum,
    Keys,
    First,
    Last,
}

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a JSONPath: {reason}")]
pub struct PathError {
    /// The text.
    pub text: String,
    /// What is wrong, and where.
    pub reason: String,
}

/// A definite path that leads nowhere, in Jayway's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

/// Why a value cannot be put where a reference path points.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unplaceable(pub String);

impl Path {
    /// Whether it means exactly one place: names and single indices only (a function's result counts as one).
    #[must_use]
    pub fn is_definite(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step, Step::Name(_) | Step::Index(_) | Step::Function(_)))
    }

    /// Whether it is a Reference Path: one place that may be written to.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        self.root != Root::Context
            && self.steps.iter().all(|step| match step {
                Step::Name(_) => true,
                Step::Index(at) => *at >= 0,
                _ => false,
            })
    }

    /// What it begins at.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Its steps behind the root.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the root alone.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The path so far, in the bracket notation that failure texts use.
pub(crate) fn bracketed(steps: &[Step]) -> String {
    let mut text = String::from("$");
    for step in steps {
        match step {
            Step::Name(name) => {
                text.push_str("['");
                text.push_str(name);
                text.push_str("']");
            }
            Step::Index(at) => text.push_str(&format!("[{at}]")),
            Step::Names(names) => {
                let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
                text.push_str(&format!("[{}]", quoted.join(",")));
            }
            Step::Indices(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                text.push_str(&format!("[{}]", list.join(",")));
            }
            Step::Slice(from, to) => {
                let show = |end: &Option<i64>| end.map(|n| n.to_string()).unwrap_or_default();
                text.push_str(&format!("[{}:{}]", show(from), show(to)));
            }
            Step::Wildcard => text.push_str("[*]"),
            Step::Descend => text.push_str(".."),
            Step::Filter(_) => text.push_str("[?]"),
            Step::Function(function) => text.push_str(&format!(".{}()", function.as_str())),
        }
    }
    text
}

impl Function {
    const ALL: [Self; 8] = [
        Self::Length,
        Self::Min,
        Self::Max,
        Self::Avg,
        Self::Sum,
        Self::Keys,
        Self::First,
        Self::Last,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Sum => "sum",
            Self::Keys => "keys",
            Self::First => "first",
            Self::Last => "last",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == name)
    }
}
