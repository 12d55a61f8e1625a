//! JSON by a mapping.

use intake::decode::{Format, Kind, Limits, Mapping, MappingText, Signal, decode};
use serde_json::{Value, json};

use super::{detail, event, message};

fn mapping(text: Value) -> Mapping {
    let text: MappingText = serde_json::from_value(text).unwrap();
    Mapping::compile(&text).unwrap()
}

fn mapped(text: Value, body: &str) -> Result<Vec<Signal>, String> {
    let format = Format::Mapped(mapping(text));
    decode(&format, &message(body.as_bytes()), &Limits::default())
        .map_err(|error| error.to_string())
}

const BODY: &str = r#"{"rule-name":"Disk","level":85,"when":1772359200,"state":"FIRING","n":1.50,
    "host":{"arns":["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"],"owner":"123456789012"}}"#;

#[test]
fn each_part_has_its_expression() {
    let text = json!({"source": "'my.tool'", "detail_type": "$['rule-name']", "id": "join('/', [\"rule-name\", state])",
        "time": "when", "account": "$.host.owner", "region": "'eu-west-1'", "resources": "$.host.arns[*]",
        "title": "\"rule-name\"", "severity": "level", "status": "state", "key": "\"rule-name\""});
    let signals = mapped(text.clone(), BODY).unwrap();
    let signal = &signals[0];
    assert_eq!(
        (
            signal.kind,
            signal.source.as_str(),
            signal.detail_type.as_str()
        ),
        (Kind::Mapped, "my.tool", "Disk")
    );
    assert_eq!(signal.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(
        (signal.account.as_deref(), signal.region.as_deref()),
        (Some("123456789012"), Some("eu-west-1"))
    );
    assert_eq!(
        signal.resources,
        ["arn:aws:ec2:eu-west-1:123456789012:instance/i-1"]
    );
    assert_eq!(
        detail(signal)["signal"],
        json!({"title": "Disk", "severity": "HIGH", "score": 70, "status": "open", "key": "Disk"})
    );
    assert!(signal.detail.contains(r#""n":1.50"#), "{}", signal.detail);
    assert!(signal.own_id);
    event(signal);
    assert_eq!(
        mapped(text, &BODY.replace("1.50", "2")).unwrap()[0].id,
        signal.id,
        "the id is what the mapping says"
    );
    let bare = mapped(json!({"source": "'s'", "detail_type": "'t'"}), BODY).unwrap();
    assert_eq!(bare[0].detail, BODY, "to the letter");
    assert!(!bare[0].own_id);
}

#[test]
fn a_list_gives_many() {
    let text =
        json!({"records": "$.items", "source": "'s'", "detail_type": "kind", "detail": "body"});
    let body = r#"{"items":[{"kind":"a","body":{"x":1}},{"kind":"b","body":{"x":2}}]}"#;
    let signals = mapped(text.clone(), body).unwrap();
    assert_eq!(signals.len(), 2);
    assert_eq!(
        (signals[1].detail_type.as_str(), signals[1].detail.as_str()),
        ("b", r#"{"x":2}"#)
    );
    assert_eq!(
        mapped(text.clone(), r#"{"items":1}"#).unwrap_err(),
        "`body` does not fit the mapping's `records`: it gave no list; mend the expression"
    );
    assert_eq!(
        mapped(text, r#"{"items":[{"kind":"a","body":[]}]}"#).unwrap_err(),
        "`body` does not fit the mapping's `detail`: the detail is no object; give the mapping a `detail` that is one; \
         mend the expression"
    );
}

#[test]
fn wrappers_come_off_first() {
    let body = super::wrappers::sns(r#"{"kind":"a"}"#);
    let signals = mapped(json!({"source": "'s'", "detail_type": "kind"}), &body).unwrap();
    assert_eq!(signals[0].detail, r#"{"kind":"a"}"#);
    assert_eq!(signals[0].account.as_deref(), Some("123456789012"));
}

#[test]
fn names_that_wrappers_use_are_the_senders_own() {
    let text = json!({"records": "Records", "source": "'s'", "detail_type": "Type"});
    let body =
        r#"{"Records":[{"Type":"a","MessageId":"1","Body":"x"}],"Messages":[],"records":[]}"#;
    assert_eq!(mapped(text, body).unwrap()[0].detail_type, "a");
}

#[test]
fn what_does_not_fit_is_told() {
    for (text, reason) in [
        (
            json!({"source": "tool", "detail_type": "'t'"}),
            "the mapping's `source`: it gave nothing (a fixed word is written `'word'`)",
        ),
        (
            json!({"source": "host", "detail_type": "'t'"}),
            "the mapping's `source`: it gave a value of type object, not a word",
        ),
        (
            json!({"source": "abs(state)", "detail_type": "'t'"}),
            "the mapping's `source`: Runtime error",
        ),
    ] {
        let error = mapped(text, BODY).unwrap_err();
        assert!(error.contains(reason), "{error}");
    }
    assert!(
        mapped(json!({"source": "'s'", "detail_type": "'t'"}), "words")
            .unwrap_err()
            .starts_with("`body` is no JSON")
    );
}

#[test]
fn expressions_are_checked_when_they_are_written() {
    for (expression, reason) in [
        ("a..b", "Parse error"),
        (
            "$.a[?(@.b)]",
            "`[?(@.b)]` is no index; filters are written in JMESPath",
        ),
        ("$.a.", "a name is missing behind `.`"),
        ("$['a", "`['` without `']`"),
        ("$a", "`a` is no step"),
    ] {
        let text = MappingText {
            source: expression.to_owned(),
            detail_type: "'t'".to_owned(),
            ..MappingText::default()
        };
        let error = Mapping::compile(&text).map(|_| ()).unwrap_err();
        assert_eq!(error.field, "source");
        assert!(
            error.reason.contains(reason),
            "{expression}: {}",
            error.reason
        );
    }
    let long = MappingText {
        source: "(".repeat(600),
        ..MappingText::default()
    };
    assert!(
        Mapping::compile(&long)
            .map(|_| ())
            .unwrap_err()
            .reason
            .contains("600 bytes, more than 512")
    );
    assert!(
        serde_json::from_value::<MappingText>(
            json!({"source": "a", "detail_type": "b", "sourec": "c"})
        )
        .is_err()
    );
}
