//! Limits, and the errors that name them.

use rules::{Event, EventError, Pattern};

#[test]
fn events() {
    let large = format!(r#"{{"x":"{}"}}"#, "a".repeat(1024 * 1024));
    assert!(matches!(
        Event::parse(&large),
        Err(EventError::TooLarge { .. })
    ));
    let deep = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(Event::parse(&deep(63)).is_ok());
    assert!(matches!(
        Event::parse(&deep(64)),
        Err(EventError::TooDeep { line: 1, .. })
    ));
    assert!(matches!(
        Event::parse(&deep(100_000)),
        Err(EventError::TooDeep { .. })
    ));
    let many = |count: usize| format!(r#"{{"x":[{}1]}}"#, "1,".repeat(count));
    assert!(Event::parse(&many(90_000)).is_ok());
    assert!(matches!(
        Event::parse(&many(100_000)),
        Err(EventError::TooManyNodes { .. })
    ));
    let dots = format!(r#"{{"{}":1}}"#, ".".repeat(200_000));
    assert!(matches!(
        Event::parse(&dots),
        Err(EventError::TooManyNodes { .. })
    ));
    assert!(matches!(
        Event::parse_bytes(b"{\"a\":\"\xff\"}"),
        Err(EventError::NotUtf8 { offset: 6 })
    ));
    assert!(Event::parse_bytes(br#"{"a":1}"#).unwrap().has("a"));
    for text in ["", "[]", "1", "null"] {
        assert_eq!(
            Event::parse(text).unwrap_err(),
            EventError::NotObject,
            "{text}"
        );
    }
    for text in [
        "{",
        r#"{"a":1} x"#,
        r#"{"a":1}{}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":1,}"#,
        "{\"a\":\"\n\"}",
    ] {
        assert!(
            matches!(Event::parse(text), Err(EventError::Syntax { .. })),
            "{text}"
        );
    }
}

#[test]
fn a_long_event_is_not_repeated_in_its_error() {
    let text = format!(r#"{{"x":"{}""#, "secret".repeat(10_000));
    assert!(Event::parse(&text).unwrap_err().to_string().len() < 1000);
}

#[test]
fn patterns() {
    let long = format!(r#"{{"x":["{}"]}}"#, "a".repeat(4096));
    let error = Pattern::parse(&long).unwrap_err();
    assert!(error.reason.contains("at most 4096"), "{error}");
    let fits = format!(r#"{{"x":["{}"]}}"#, "é".repeat(4096 - 10));
    assert!(Pattern::parse(&fits).is_ok());
    let deep = format!("{}[1]{}", r#"{"a":"#.repeat(70), "}".repeat(70));
    assert!(
        Pattern::parse(&deep)
            .unwrap_err()
            .reason
            .contains("64 levels")
    );
    let dots = format!(r#"{{"{}":[1]}}"#, ".".repeat(300));
    assert!(
        Pattern::parse(&dots)
            .unwrap_err()
            .reason
            .contains("256 steps")
    );
    let complex = r#"{"x":[{"wildcard":"*:*:*:*:*:event-bus/*"}]}"#;
    let message = Pattern::parse(complex).unwrap_err().aws_message();
    assert!(message.starts_with("Event pattern is not valid. Reason: Rule is too complex - try using fewer wildcard characters"), "{message}");
}
