//! Explanations name the field, what was wanted and what was there.

use rules::{Event, Mismatch, Pattern};

fn explain(pattern: &str, event: &str) -> Vec<(String, Mismatch, String)> {
    let pattern = Pattern::parse(pattern).expect("a pattern");
    let why = pattern.why_not(&Event::parse(event).expect("an event"));
    why.fields
        .into_iter()
        .map(|f| (f.path, f.mismatch, f.found.join(",")))
        .collect()
}

#[test]
fn explanations() {
    let of = |path: &str, mismatch, found: &str| (path.to_owned(), mismatch, found.to_owned());
    assert_eq!(explain(r#"{"a":[1]}"#, r#"{"a":1}"#), []);
    assert_eq!(
        explain(
            r#"{"a":[1],"b":{"c":["x"]},"d":[{"exists":false}]}"#,
            r#"{"b":{"c":["y",7]},"d":null}"#
        ),
        [
            of("a", Mismatch::Missing, ""),
            of("b.c", Mismatch::Different, "\"y\",7"),
            of("d", Mismatch::Unwanted, "null"),
        ]
    );
    assert_eq!(
        explain(
            r#"{"l":{"a":[1],"b":[2]},"z":[3]}"#,
            r#"{"l":[{"a":1},{"b":2}],"z":3}"#
        ),
        [
            of("l.a", Mismatch::OtherElement, "1"),
            of("l.b", Mismatch::OtherElement, "2")
        ]
    );
    // The nearest alternative is explained.
    assert_eq!(
        explain(
            r#"{"$or":[{"a":[1],"b":[1]},{"c":[1],"a":[2]}]}"#,
            r#"{"a":2}"#
        ),
        [of("c", Mismatch::Missing, "")]
    );
}

#[test]
fn long_values_are_cut() {
    let event = format!(r#"{{"a":["{}",1,2,3,4,5,6]}}"#, "é".repeat(500));
    let why = Pattern::parse(r#"{"a":["x",{"prefix":"y"}]}"#)
        .unwrap()
        .why_not(&Event::parse(&event).unwrap());
    let field = &why.fields[0];
    assert_eq!(field.wanted, ["\"x\"", "{\"prefix\":\"y\"}"]);
    assert_eq!((field.found.len(), field.more), (5, 2));
    assert_eq!(field.found[0].chars().count(), 83);
    assert!(
        why.to_string()
            .starts_with("`a`: wanted \"x\" or {\"prefix\":\"y\"}, found \"é")
    );
}
