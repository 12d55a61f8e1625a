//! Third-party cases: verdicts recorded from AWS and from AWS's matcher library.

use std::path::PathBuf;

use super::through_matcher;
use rules::{Event, Pattern};
use serde_json::Value;

/// Pattern and event where we differ from the library on purpose: an address range never matches
/// the other family or a number. [`the_library_s_verdict_on_what_differs`] says what the library does there.
const DEVIATIONS: &[(&str, &str)] = &[
    (r#"{"x":[{"cidr":"::/0"}]}"#, r#"{"x":"10.0.0.1"}"#),
    (r#"{"x":[{"cidr":"::/0"}]}"#, r#"{"x":"10.0.0.01"}"#),
    (r#"{"x":[{"cidr":"::/0"}]}"#, r#"{"x":10}"#),
];

fn cases(file: &str) -> Option<Vec<Value>> {
    let folder = std::env::var_os("QUELL_CASES").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/cases"
            ))
        },
        PathBuf::from,
    );
    let path = folder.join("event-patterns").join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("not run: no cases at {}; set QUELL_CASES", path.display());
        return None;
    };
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).expect("a case is JSON"))
            .collect(),
    )
}

/// The verdict of the pattern alone, which must be that of a matcher as well.
fn both_ways(pattern: &Pattern, event: &Event) -> bool {
    let matches = pattern.matches(event);
    assert_eq!(
        through_matcher(pattern, event),
        matches,
        "{}",
        pattern.as_str()
    );
    matches
}

fn field<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_default()
}

#[test]
fn aws_validated() {
    let Some(cases) = cases("aws-validated.jsonl") else {
        return;
    };
    assert!(cases.len() >= 70, "{} cases", cases.len());
    let (mut places, mut exact) = (0, 0);
    for case in &cases {
        let name = field(case, "name");
        let pattern = Pattern::parse(field(case, "pattern"));
        let event = Event::parse(field(case, "event")).unwrap();
        assert_eq!(event.missing_envelope_field(), None, "{name}");
        match field(case, "expect") {
            "MATCH" => assert!(both_ways(&pattern.unwrap(), &event), "{name} should match"),
            "NEG" => assert!(
                !both_ways(&pattern.unwrap(), &event),
                "{name} should not match"
            ),
            "EXC" => {
                let error = pattern.expect_err(name);
                let message = error.aws_message();
                let wanted = field(&case["aws_error"], "Message");
                assert_eq!(message.lines().next(), wanted.lines().next(), "{name}");
                // The place as well, where the recording kept the pattern as it was sent.
                let raw = field(&case["aws_error"], "MessageRaw");
                if raw.contains(&format!("\"{}\"", field(case, "pattern"))) {
                    places += 1;
                    exact += usize::from(raw.starts_with(&message));
                    assert!(
                        raw.starts_with(&message),
                        "{name}: {message} is not in {raw}"
                    );
                }
            }
            other => panic!("{name}: unknown expectation {other}"),
        }
    }
    println!("{} cases, {exact} of {places} places", cases.len());
}

#[test]
fn reference_matcher() {
    let Some(cases) = cases("reference-matcher.jsonl") else {
        return;
    };
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let mut deviations = 0;
    for case in &cases {
        let (pattern, event) = (field(case, "pattern"), field(case, "event"));
        let parsed = Pattern::parse(pattern);
        let matched = |expected: bool| {
            let event = Event::parse(event).unwrap();
            let matched = both_ways(parsed.as_ref().unwrap(), &event);
            assert_eq!(matched, expected, "{pattern} on {event:?}");
        };
        if DEVIATIONS.contains(&(pattern, event)) {
            deviations += 1;
            matched(false);
            continue;
        }
        match field(case, "expect") {
            "MATCH" => matched(true),
            "NO_MATCH" => matched(false),
            "INVALID" => {
                let error = parsed.expect_err(pattern);
                assert_eq!(error.reason, field(case, "reason"), "{pattern}");
            }
            other => panic!("{pattern}: unknown expectation {other}"),
        }
    }
    assert_eq!(
        deviations,
        DEVIATIONS.len(),
        "every named deviation is a case"
    );
    println!("{} cases, {deviations} named deviations", cases.len());
}

/// What the deviations mean to somebody who comes from AWS: each, with the library's verdict and ours. For who wants to
/// see it: `cargo test -p rules --test it -- --ignored --nocapture the_library_s`.
#[test]
#[ignore = "shows the deliberate differences from the library to who asks for them"]
fn the_library_s_verdict_on_what_differs() {
    let Some(cases) = cases("reference-matcher.jsonl") else {
        return;
    };
    let mut shown = 0;
    for case in &cases {
        let (pattern, event) = (field(case, "pattern"), field(case, "event"));
        if !DEVIATIONS.contains(&(pattern, event)) {
            continue;
        }
        let parsed = Pattern::parse(pattern).unwrap();
        let ours = both_ways(&parsed, &Event::parse(event).unwrap());
        let theirs = field(case, "expect") == "MATCH";
        println!("{pattern} on {event}: the library {theirs}, ours {ours}");
        assert_ne!(ours, theirs, "no deviation any more: take it off the list");
        shown += 1;
    }
    assert_eq!(shown, DEVIATIONS.len());
}
