//! The numbers of minutes: what was counted of event buses, rules and targets.

use model::Scope;
use serde_json::Value;

/// Whose numbers they are: of everything (`bus` empty), a bus (`rule` empty), a rule (`target` empty) or a target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Owner and region.
    pub scope: Scope,
    /// Event bus.
    pub bus: String,
    /// Rule of the bus.
    pub rule: String,
    /// Target of the rule.
    pub target: String,
}

/// What was counted of a series in one minute, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredMinute {
    /// Whose.
    pub series: Series,
    /// Minutes since 1970 UTC.
    pub minute: i64,
    /// The numbers, versioned by their names.
    pub body: Value,
}

/// A stored minute.
#[derive(Debug, Clone, PartialEq)]
pub struct MeasuredRow {
    /// Minutes since 1970 UTC, and which part of that minute: parts add up.
    pub number: (i64, i64),
    /// The numbers.
    pub body: Value,
}

/// Which minutes of a series, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeasuredQuery {
    /// Whose.
    pub series: Series,
    /// First minute.
    pub from: i64,
    /// First minute that is no longer meant.
    pub until: i64,
    /// Strictly behind this row's number.
    pub after: Option<(i64, i64)>,
    /// At most so many, 1 to 1,000.
    pub limit: usize,
}
