//! Properties over random patterns and events.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rules::{Event, Matcher, Pattern};
use serde_json::{Value, json};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec!["a", "b", "ab", "", "10.0.0.1", "10.0.0.01"])
            .prop_map(Value::from),
        (0..3i64).prop_map(Value::from),
        Just(json!(1.0)),
        Just(json!(true)),
        Just(json!(null)),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "c", "a.b"]).prop_map(str::to_owned)
}

fn event_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key(), inner), 0..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), event_value()), 0..4)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => any::<bool>().prop_map(|exists| json!({ "exists": exists })),
        1 => Just(json!({ "prefix": "a" })),
        1 => Just(json!({ "wildcard": "*b" })),
        1 => Just(json!({ "anything-but": "a" })),
        1 => Just(json!({ "anything-but": [0, 1] })),
        1 => Just(json!({ "numeric": [">", 0] })),
        1 => Just(json!({ "cidr": "10.0.0.0/8" })),
        1 => Just(json!({ "equals-ignore-case": "AB" })),
    ]
}

fn pattern() -> impl Strategy<Value = Value> {
    let conditions = prop::collection::vec(condition(), 1..3).prop_map(Value::from);
    let fields = prop::collection::vec((key(), conditions), 1..3)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()));
    fields.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 1..3)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            (inner.clone(), inner).prop_map(|(one, other)| json!({ "$or": [one, other] })),
        ]
    })
}

/// Text that is nearly a pattern or an event.
fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d800",
        "0",
        "-",
        "1e9",
        ".",
        "true",
        "nul",
        " ",
        "\n",
        "\"a\"",
        "\"$or\"",
        "\"prefix\"",
        "\"wildcard\"",
        "\"*\"",
        "\"numeric\"",
        "\"<\"",
        "\"anything-but\"",
        "\"exists\"",
        "\"cidr\"",
        "\"::/0\"",
        "\"equals-ignore-case\"",
        "é",
        "\u{0}",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_index_never_changes_a_verdict(
        patterns in prop::collection::vec(pattern(), 1..12),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        events in prop::collection::vec(event(), 1..6),
    ) {
        let matcher = Matcher::new();
        let mut rules = BTreeMap::new();
        for (key, pattern) in patterns.iter().enumerate() {
            let pattern = Pattern::parse(&pattern.to_string()).unwrap();
            // Every key is used twice, so that replacing is tested as well.
            matcher.insert(key / 2, pattern.clone());
            rules.insert(key / 2, pattern);
        }
        for index in removed {
            let key = index.index(patterns.len()) / 2;
            prop_assert_eq!(matcher.remove(&key).is_some(), rules.remove(&key).is_some());
        }
        prop_assert_eq!(matcher.len(), rules.len());
        for event in events {
            let event = Event::parse(&event.to_string()).unwrap();
            let one_by_one: Vec<usize> = rules
                .iter()
                .filter(|(_, pattern)| pattern.matches(&event))
                .map(|(key, _)| *key)
                .collect();
            prop_assert_eq!(matcher.matching(&event), one_by_one);
        }
    }

    #[test]
    fn explanations_agree_with_matches(pattern in pattern(), event in event()) {
        let pattern = Pattern::parse(&pattern.to_string()).unwrap();
        let event = Event::parse(&event.to_string()).unwrap();
        let why = rules::explain(&pattern, &event);
        prop_assert_eq!(why.matches, pattern.matches(&event), "{}", why);
        prop_assert_eq!(why.matches, why.failed == 0, "{}", why);
        prop_assert_eq!(why.failed, why.failures().count(), "{}", why);
        for field in &why.fields {
            let used = field.found.iter().filter(|value| value.used);
            let meeting = used.clone().filter(|value| value.meets.contains(&true));
            prop_assert_eq!(used.count(), meeting.count(), "{}", why);
        }
    }

    #[test]
    fn no_text_makes_anything_panic(pattern in nearly_json(), event in nearly_json(), any in ".*") {
        for text in [&pattern, &event, &any] {
            if let Err(error) = Pattern::parse(text) {
                prop_assert!(!error.aws_message().is_empty());
            }
            let event = Event::parse(text);
            // What we read as an event is what a JSON parser reads as an object.
            let strict = serde_json::from_str::<Value>(text).is_ok_and(|value| value.is_object());
            prop_assert_eq!(event.is_ok(), strict || (event.is_ok() && text.contains("1e")), "{}", text);
        }
        if let (Ok(pattern), Ok(event)) = (Pattern::parse(&pattern), Event::parse(&event)) {
            let _ = pattern.matches(&event);
        }
    }
}

#[test]
fn work_does_not_grow_with_unrelated_rules() {
    // Ten thousand rules on one source and one path: the event meets the one it is about.
    let matcher = Matcher::new();
    for n in 0..10_000 {
        let text = format!(r#"{{"source":["aws.ec2"],"detail":{{"instance-id":["i-{n}"]}}}}"#);
        matcher.insert(n, Pattern::parse(&text).unwrap());
    }
    let event = Event::parse(r#"{"source":"aws.ec2","detail":{"instance-id":"i-77"}}"#).unwrap();
    for _ in 0..10_000 {
        assert_eq!(matcher.matching(&event), [77]);
    }
}
