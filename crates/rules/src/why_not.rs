//! Why an event does not match a pattern, field by field.
//!
//! For a pattern with `$or` the answer is about the combination that came nearest. Nothing here
//! decides a match; that is the `search` module's.

use std::fmt;

use crate::event::{Event, Leaf, Value};
use crate::pattern::{Field, Pattern};
use crate::search::{Search, wants_absence_only};

/// Values of the event quoted for one field.
const MAX_VALUES: usize = 5;
/// Characters quoted of one value.
const MAX_VALUE_CHARACTERS: usize = 80;

/// The answer to "why did this rule not fire".
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhyNot {
    /// Fields that did not hold, in path order; empty when the event matches.
    pub fields: Vec<FieldMismatch>,
    /// How many combinations of `$or` alternatives the pattern has; `fields` speaks of the one
    /// with the fewest mismatches.
    pub combinations: usize,
}

/// One field that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldMismatch {
    /// Dotted path of the field.
    pub path: String,
    /// What the pattern accepts there, as its author wrote it.
    pub wanted: Vec<String>,
    /// What the event has there, as JSON, long values cut short.
    pub found: Vec<String>,
    /// How many more values the event has there.
    pub more: usize,
    /// What is wrong.
    pub mismatch: Mismatch,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The event has no value at the path (an object or an empty list is no value).
    Missing,
    /// The event has values at the path, but none that is accepted.
    Different,
    /// The pattern wants no value at the path, but the event has one.
    Unwanted,
    /// Every field holds on its own, but not in the same element of a list.
    OtherElement,
}

impl WhyNot {
    /// Whether the event matches after all.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn find(pattern: &Pattern, event: &Event) -> WhyNot {
        let mut search = Search::new(pattern, event);
        let combinations = pattern.branches().len();
        let mut nearest: Option<Vec<FieldMismatch>> = None;
        for branch in pattern.branches() {
            if search.holds(branch) {
                return WhyNot {
                    fields: Vec::new(),
                    combinations,
                };
            }
            let mismatches = explain(pattern, event, branch, &mut search);
            if nearest
                .as_ref()
                .is_none_or(|best| mismatches.len() < best.len())
            {
                nearest = Some(mismatches);
            }
        }
        WhyNot {
            fields: nearest.unwrap_or_default(),
            combinations,
        }
    }
}

fn explain(
    pattern: &Pattern,
    event: &Event,
    branch: &[usize],
    search: &mut Search<'_>,
) -> Vec<FieldMismatch> {
    let mut failing = Vec::new();
    let mut in_arrays = Vec::new();
    for &index in branch {
        let Some(field) = pattern.fields().get(index) else {
            continue;
        };
        let leaves = event.leaves(field.parts());
        let alone = search
            .found(index)
            .is_some_and(|found| found.holds_alone(field.allows_absence()));
        if alone {
            if leaves
                .iter()
                .any(|leaf| event.membership(leaf.element).next().is_some())
            {
                in_arrays.push(mismatch(field, leaves, Mismatch::OtherElement));
            }
            continue;
        }
        let reason = if leaves.is_empty() {
            Mismatch::Missing
        } else if wants_absence_only(field) {
            Mismatch::Unwanted
        } else {
            Mismatch::Different
        };
        failing.push(mismatch(field, leaves, reason));
    }
    // Fields in lists are to blame only when nothing fails by itself.
    if failing.is_empty() {
        in_arrays
    } else {
        failing
    }
}

fn mismatch(field: &Field, leaves: &[Leaf], mismatch: Mismatch) -> FieldMismatch {
    FieldMismatch {
        path: field.path.clone(),
        wanted: field.wanted.clone(),
        found: leaves
            .iter()
            .take(MAX_VALUES)
            .map(|leaf| shown(&leaf.value))
            .collect(),
        more: leaves.len().saturating_sub(MAX_VALUES),
        mismatch,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => {
            let short = cut(text);
            serde_json::Value::String(short).to_string()
        }
        Value::Number { raw, .. } => cut(raw),
        Value::True => "true".to_owned(),
        Value::False => "false".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MAX_VALUE_CHARACTERS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.matches() {
            return f.write_str("the event matches");
        }
        for (index, field) in self.fields.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{field}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted.join(" or ");
        let mut found = self.found.join(", ");
        if self.more > 0 {
            found.push_str(&format!(" and {} more", self.more));
        }
        let path = &self.path;
        match self.mismatch {
            Mismatch::Missing => write!(f, "`{path}`: wanted {wanted}, the event has no value"),
            Mismatch::Different => write!(f, "`{path}`: wanted {wanted}, found {found}"),
            Mismatch::Unwanted => write!(f, "`{path}`: wanted no value, found {found}"),
            Mismatch::OtherElement => write!(
                f,
                "`{path}`: {wanted} is there, but not in the same list element as the other fields"
            ),
        }
    }
}
