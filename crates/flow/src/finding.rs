//! What is said about a document or a definition before it runs: how grave it is, where it stands, and what to do.
//!
//! Knows neither notation nor language.

use serde_json::Value;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It is refused.
    Error,
    /// It is taken, and may not do what its author thinks.
    Warning,
}

/// One thing that is said about a document or a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// What it is, as a word that stays the same from version to version, e.g. `unused-parameter`.
    pub code: &'static str,
    /// Line from 1; 0 when unknown.
    pub line: u32,
    /// Column from 1, in characters; 0 when unknown.
    pub column: u32,
    /// The step or the state at fault.
    pub part: Option<String>,
    /// What is the case.
    pub message: String,
    /// What to do about it, unless the message says so.
    pub remedy: Option<String>,
}

/// Whether a call may be made again when nobody knows whether it happened: service, operation, parameters as written.
pub type Repeatable<'a> = dyn Fn(&str, &str, &Value) -> bool + 'a;

/// The name that was probably meant: at most a third of its letters are wrong.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(steps, candidate)| *steps * 3 <= candidate.chars().count().max(3))
        .min_by_key(|(steps, _)| *steps)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be put in, taken out or changed, whatever their case.
fn distance(left: &str, right: &str) -> usize {
    let lower = |text: &str| -> Vec<char> { text.to_lowercase().chars().take(128).collect() };
    let (left, right) = (lower(left), lower(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (n, a) in left.iter().enumerate() {
        let mut before = row.first().copied().unwrap_or_default();
        if let Some(first) = row.first_mut() {
            *first = n + 1;
        }
        let mut above_left;
        for (at, b) in right.iter().enumerate() {
            above_left = before;
            before = row.get(at + 1).copied().unwrap_or_default();
            let to_the_left = row.get(at).copied().unwrap_or_default();
            let cost = usize::from(a != b);
            if let Some(cell) = row.get_mut(at + 1) {
                *cell = (above_left + cost).min(before + 1).min(to_the_left + 1);
            }
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_meant() {
        for (left, right, steps) in [
            ("", "", 0),
            ("a", "", 1),
            ("kitten", "sitting", 3),
            ("Isolate", "isolate", 0),
            ("abc", "cab", 2),
        ] {
            assert_eq!(distance(left, right), steps, "{left} {right}");
        }
        let known = ["isolate", "release", "x"];
        assert_eq!(nearest("isolat", known), Some("isolate"));
        assert_eq!(nearest("Relaese", known), Some("release"));
        assert_eq!(nearest("quarantine", known), None);
    }
}
