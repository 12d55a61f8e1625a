//! Tests of the crate through its public face.

mod arrays;
mod conformance;
mod corpora;
mod explain;
mod limits;
mod named_patterns;
mod operators;
mod oracle;
mod properties;
mod transform;

use rules::{Event, Pattern};

/// Whether a pattern text matches an event text; both must be valid.
pub(crate) fn matches(pattern: &str, event: &str) -> bool {
    let pattern = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let event = Event::parse(event).unwrap_or_else(|error| panic!("{event}: {error}"));
    let matches = pattern.matches(&event);
    assert_eq!(
        rules::explain(&pattern, &event).matches,
        matches,
        "explain agrees"
    );
    matches
}

/// Checks a table of (pattern, event, expected).
pub(crate) fn check(table: &[(&str, &str, bool)]) {
    for (pattern, event, expected) in table {
        assert_eq!(matches(pattern, event), *expected, "{pattern} on {event}");
    }
}

/// The reason a pattern text is refused for.
pub(crate) fn reason(pattern: &str) -> String {
    match Pattern::parse(pattern) {
        Ok(_) => panic!("{pattern} was accepted"),
        Err(error) => error.reason,
    }
}
