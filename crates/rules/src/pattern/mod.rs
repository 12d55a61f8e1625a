//! A pattern: which events are meant.
//!
//! The text is compiled into branches (one for each combination of its `$or`s), each a list of
//! fields that must all hold. How fields are searched for in an event is the `search` module's.

mod compile;
mod operators;

use std::fmt;

use crate::condition::Condition;
use crate::event::{Event, ValueRef};
use crate::json::source_reference;
use crate::search::Search;

/// Longest pattern text, in characters (the `EventPattern` limit of `PutRule`).
pub(crate) const MAX_CHARACTERS: usize = 4096;

/// A pattern that AWS would refuse, with AWS's reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PatternError {
    /// What is wrong, in AWS's words where AWS has words for it.
    pub reason: String,
    /// Line of the pattern text, from 1; `None` where AWS names no place.
    pub line: Option<u32>,
    /// Column in UTF-16 units, from 1, of the place where reading stopped.
    pub column: Option<u32>,
    /// The pattern text.
    pub pattern: String,
}

impl PatternError {
    /// The message of AWS's `InvalidEventPatternException`.
    #[must_use]
    pub fn aws_message(&self) -> String {
        format!("Event pattern is not valid. Reason: {self}")
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(
                f,
                "\n at {}",
                source_reference(&self.pattern, (line, column))
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for PatternError {}

/// One path with the conditions of which one must hold there.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) path: String,
    pub(crate) conditions: Vec<Condition>,
    /// The conditions as the author wrote them.
    pub(crate) wanted: Vec<String>,
}

impl Field {
    pub(crate) fn parts(&self) -> impl Iterator<Item = &str> {
        self.path.split('.')
    }

    /// Whether one of the conditions accepts the value.
    pub(crate) fn is_met_by(&self, value: ValueRef<'_>) -> bool {
        self.conditions
            .iter()
            .any(|condition| condition.is_met_by(value))
    }

    fn memory(&self) -> usize {
        let wanted: usize = self.wanted.iter().map(String::len).sum();
        let conditions: usize = self.conditions.iter().map(Condition::memory).sum();
        size_of::<Field>()
            + self.path.len()
            + wanted
            + size_of_val(&*self.wanted)
            + conditions
            + size_of_val(&*self.conditions)
    }

    /// Whether the absence of a value satisfies the field.
    pub(crate) fn allows_absence(&self) -> bool {
        self.conditions.contains(&Condition::Absent)
    }
}

/// A compiled event pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// INVARIANT: every index in `branches` is within `fields`.
    fields: Vec<Field>,
    /// Indexes into `fields`, sorted by path.
    branches: Vec<Vec<usize>>,
    text: String,
}

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// With AWS's reason and place, for anything AWS refuses.
    ///
    /// ```
    /// let error = rules::Pattern::parse(r#"{"source":"aws.ec2"}"#).unwrap_err();
    /// assert_eq!(error.reason, r#""source" must be an object or an array"#);
    /// assert_eq!((error.line, error.column), (Some(1), Some(12)));
    /// ```
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        compile::compile(text)
    }

    /// Whether the event is meant.
    #[must_use]
    pub fn matches(&self, event: &Event) -> bool {
        Search::new(self, event).any_branch_holds()
    }

    /// The text the pattern was compiled from.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Bytes on the heap.
    pub(crate) fn memory(&self) -> usize {
        let fields: usize = self.fields.iter().map(Field::memory).sum();
        let branches: usize = self.branches.iter().map(|b| size_of_val(&**b)).sum();
        self.text.len() + fields + branches + size_of_val(&*self.branches)
    }

    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    pub(crate) fn branches(&self) -> &[Vec<usize>] {
        &self.branches
    }
}
