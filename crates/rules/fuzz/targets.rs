//! What is fuzzed: one function for each reader of bytes from outside, which any bytes may be given and which must not
//! panic. Shared by the fuzzer (`fuzz/src/main.rs`, nightly) and by the replay of the kept corpora
//! (`tests/it/corpora.rs`, stable).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rules::{
    Event, InputTransformer, Matcher, Pattern, Schedule, TargetInput, TransformContext, explain,
};
use serde_json::Value;

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; the name is also that of the corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("event", event),
    ("pattern", pattern),
    ("matcher", matcher),
    ("transformer", transformer),
    ("schedule", schedule),
];

/// Rules of one run: enough to meet each other.
const RULES: usize = 40;

/// Events that any pattern is put to.
const EVENTS: [&str; 3] = [
    "{}",
    r#"{"version":"0","id":"7","detail-type":"t","source":"aws.ec2","account":"123456789012","time":"2026-03-01T10:00:00Z",
        "region":"eu-west-1","resources":["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"],
        "detail":{"state":"running","n":1.5e0,"ip":"10.0.0.7","list":[{"a":1,"b":"x"},{"a":2,"b":"y"}],"nothing":null}}"#,
    r#"{"a":"a","a":["b",1,-0.0,1e300],"b":{"c":[[],[{"d":true}]]},"":"","\u00e9":"\ud83d\ude00"}"#,
];

/// An event's text: what our reader takes, serde's takes too (but not what is beyond a double), and the other way round
/// within the limits.
fn event(data: &[u8]) {
    let ours = Event::parse_bytes(data);
    let theirs = serde_json::from_slice::<Value>(data);
    if let (Ok(event), Ok(value)) = (&ours, &theirs) {
        assert!(value.is_object(), "an event is an object");
        for name in ["source", "detail-type"] {
            let read = value.get(name).and_then(Value::as_str);
            if let (Some(text), true) = (event.text(name), is_once(data, name)) {
                assert_eq!(Some(text), read);
            }
        }
    }
    if let Ok(event) = ours {
        let _ = event.missing_envelope_field();
        for pattern in [
            r#"{"source":[{"prefix":"a"}]}"#,
            r#"{"a":{"b":[{"exists":false}]}}"#,
        ] {
            if let Ok(pattern) = Pattern::parse(pattern) {
                assert_eq!(pattern.matches(&event), explain(&pattern, &event).matches);
            }
        }
    }
}

/// Whether a name stands once in a text, as far as that can be seen without reading it.
fn is_once(data: &[u8], name: &str) -> bool {
    let text = String::from_utf8_lossy(data);
    !text.contains('\\') && text.matches(&format!("\"{name}\"")).count() == 1
}

/// A pattern's text: compiled or refused; compiled, both ways of asking agree.
fn pattern(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(pattern) = Pattern::parse(text) else {
        return;
    };
    for event in EVENTS {
        if let Ok(event) = Event::parse(event) {
            assert_eq!(pattern.matches(&event), explain(&pattern, &event).matches);
        }
    }
}

/// Lines: patterns, then one event. The matcher of all answers as each pattern alone, whichever way it is asked, also
/// when every other rule is taken away, and when some are put back.
fn matcher(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(event) = lines.pop() else {
        return;
    };
    let patterns: Vec<Pattern> = lines
        .into_iter()
        .take(RULES)
        .filter_map(|line| Pattern::parse(line).ok())
        .collect();
    let matcher = Matcher::new();
    matcher.extend(patterns.iter().cloned().enumerate());
    agrees(&matcher, &patterns, event, |_| true);
    for key in (0..patterns.len()).step_by(2) {
        assert!(matcher.remove(&key).is_some(), "the key was there");
    }
    agrees(&matcher, &patterns, event, |key| key % 2 == 1);
    for (key, pattern) in patterns.iter().enumerate().step_by(4) {
        let before = matcher.insert(key, pattern.clone());
        assert!(before.is_none(), "the key was free");
    }
    agrees(&matcher, &patterns, event, |key| {
        key % 2 == 1 || key % 4 == 0
    });
}

fn agrees(
    matcher: &Matcher<usize>,
    patterns: &[Pattern],
    text: &str,
    is_in: impl Fn(usize) -> bool,
) {
    let (event, found) = match (Event::parse(text), matcher.matching_text(text)) {
        (Ok(event), Ok(found)) => (event, found),
        (Err(one), Err(other)) => {
            assert_eq!(one, other, "both ways of reading refuse alike");
            return;
        }
        (one, other) => panic!("one way of reading refuses: {one:?} {other:?}"),
    };
    let one_by_one: Vec<usize> = patterns
        .iter()
        .enumerate()
        .filter(|(key, pattern)| is_in(*key) && pattern.matches(&event))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(found, one_by_one, "as each pattern alone");
    assert_eq!(matcher.matching(&event), one_by_one, "as read before");
    assert_eq!(
        matcher.len(),
        (0..patterns.len()).filter(|key| is_in(*key)).count()
    );
}

/// Lines: `name=path` of the variables, then a template, then (last) an event; or an input path and an event.
fn transformer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(Ok(event)) = lines.pop().map(serde_json::from_str::<Value>) else {
        return;
    };
    let Some(last) = lines.pop() else {
        return;
    };
    let variables = lines.iter().filter_map(|line| line.split_once('='));
    let paths: BTreeMap<String, String> = variables
        .map(|(name, path)| (name.to_owned(), path.to_owned()))
        .collect();
    let template = last.to_owned();
    let context = TransformContext {
        rule_arn: "arn:aws:events:eu-west-1:123456789012:rule/r",
        rule_name: "r",
        ingestion_time: Timestamp::UNIX_EPOCH,
    };
    for input in [
        TargetInput::Transformer(InputTransformer {
            paths,
            template: template.clone(),
        }),
        TargetInput::InputPath(template.clone()),
        TargetInput::Input(template),
    ] {
        let is_valid = input.validate("target").is_ok();
        let rendered = input.render(&event, &context);
        if let (true, Ok(text)) = (is_valid, rendered) {
            assert!(
                text.len() <= rules::transform::MAX_RENDERED_BYTES,
                "{} bytes",
                text.len()
            );
        }
    }
}

/// A schedule, behind eight bytes that are seconds since 1970: firings go on, and are the same however they are asked.
fn schedule(data: &[u8]) {
    let Some((seconds, expression)) = data.split_first_chunk::<8>() else {
        return;
    };
    let Ok(expression) = std::str::from_utf8(expression) else {
        return;
    };
    let Ok(schedule) = Schedule::parse(expression) else {
        return;
    };
    let seconds = i64::from_le_bytes(*seconds) % 100_000_000_000;
    let Ok(at) = Timestamp::from_second(seconds) else {
        return;
    };
    let Some(next) = schedule.next_after(at, at) else {
        return;
    };
    assert!(next > at, "{next} is after {at}");
    let Ok(before) = next.checked_sub(SignedDuration::from_secs(1)) else {
        return;
    };
    if before > at {
        assert_eq!(
            schedule.next_after(before, at),
            Some(next),
            "the next is the next until it comes"
        );
    }
    assert_eq!(schedule.last_between(at, next, at), Some(next));
    if let Some(later) = schedule.next_after(next, at) {
        assert!(later > next, "{later} is after {next}");
    }
}
