//! Tests of the crate through its public face.

mod arrays;
mod conformance;
mod corpora;
mod equivalence;
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
    assert_eq!(
        through_matcher(&pattern, &event),
        matches,
        "the matcher agrees"
    );
    matches
}

/// Whether a matcher that holds the pattern finds it for the event.
pub(crate) fn through_matcher(pattern: &Pattern, event: &Event) -> bool {
    let matcher = rules::Matcher::new();
    matcher.insert((), pattern.clone());
    !matcher.matching(event).is_empty()
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
