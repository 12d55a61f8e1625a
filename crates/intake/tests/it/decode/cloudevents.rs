//! CloudEvents: three modes, data of all kinds, the handshake.

use intake::decode::cloudevents::{Mode, handshake, mode};
use intake::decode::{Format, Kind, Limits, Message, Signal, decode};
use serde_json::{Value, json};

use super::{auto, detail, event, one};

fn headers(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn sent(list: &[(&str, &str)], body: &[u8]) -> Result<Vec<Signal>, String> {
    let headers = headers(list);
    let message = Message {
        origin: "desk",
        id: None,
        headers: &headers,
        body,
    };
    decode(&Format::Auto, &message, &Limits::default()).map_err(|error| error.to_string())
}

const STRUCTURED: &str = r#"{"specversion":"1.0","id":"A-1","source":"/shop/orders","type":"com.example.order",
    "time":"2026-03-01T10:00:00Z","subject":"arn:aws:sqs:eu-west-1:123456789012:q","datacontenttype":"application/json",
    "traceparent":"00-1","data":{"n":1.50}}"#;

#[test]
fn one_event_is_one_signal_in_all_modes() {
    let structured = one(STRUCTURED);
    assert_eq!(structured.kind, Kind::CloudEvent);
    assert_eq!(
        (structured.source.as_str(), structured.detail_type.as_str()),
        ("/shop/orders", "com.example.order")
    );
    assert!(structured.detail.contains(r#""data":{"n":1.50}"#));
    assert_eq!(
        structured.resources,
        ["arn:aws:sqs:eu-west-1:123456789012:q"]
    );
    assert_eq!(structured.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    let binary = sent(
        &[
            ("CE-SpecVersion", "1.0"),
            ("ce-id", "A-1"),
            ("ce-source", "/shop/orders"),
            ("ce-type", "com.example.order"),
            ("ce-time", "2026-03-01T10:00:00Z"),
            ("ce-subject", "arn:aws:sqs:eu-west-1:123456789012:q"),
            ("ce-traceparent", "00-1"),
            ("content-type", "application/json"),
            ("x-other", "no"),
        ],
        br#"{"n":1.50}"#,
    )
    .unwrap();
    assert_eq!(binary[0].id, structured.id);
    assert_eq!(detail(&binary[0]), detail(&structured));
    let batch = sent(
        &[(
            "content-type",
            "application/cloudevents-batch+json; charset=utf-8",
        )],
        format!("[{STRUCTURED},{}]", STRUCTURED.replace("A-1", "A-2")).as_bytes(),
    )
    .unwrap();
    assert_eq!(batch.len(), 2);
    assert_eq!(batch[0].id, structured.id);
    assert_ne!(batch[1].id, structured.id);
    event(&structured);
}

#[test]
fn data_is_json_text_or_bytes() {
    let with =
        |data: &str| format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"t",{data}}}"#);
    let data = |data: &str| {
        let found = detail(&one(&with(data)));
        (found["data"].clone(), found["data_base64"].clone())
    };
    assert_eq!(data(r#""data":1.5"#), (json!(1.5), Value::Null));
    assert_eq!(
        data(r#""datacontenttype":"text/xml","data":"<a/>""#),
        (json!("<a/>"), Value::Null)
    );
    assert_eq!(
        data(r#""data_base64":"eyJ4IjoxfQ==""#),
        (json!({"x": 1}), Value::Null)
    );
    assert_eq!(
        data(r#""datacontenttype":"text/plain","data_base64":"aGk=""#),
        (json!("hi"), Value::Null)
    );
    assert_eq!(
        data(r#""datacontenttype":"image/png","data_base64":"/wA=""#),
        (Value::Null, json!("/wA="))
    );
    assert_eq!(
        data(r#""data_base64":"... not base64 ...""#),
        (Value::Null, json!("... not base64 ..."))
    );
    assert_eq!(data(r#""subject":null"#), (Value::Null, Value::Null));
}

#[test]
fn binary_mode_reads_headers_strictly() {
    let base = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "s"),
        ("ce-type", "t"),
    ];
    let with = |more: &[(&str, &str)], body: &[u8]| sent(&[&base[..], more].concat(), body);
    let named = with(&[("ce-name", "Caf%C3%A9%20%22x%22")], b"").unwrap();
    assert_eq!(
        detail(&named[0]),
        json!({"specversion": "1.0", "id": "1", "source": "s", "type": "t", "name": "Café \"x\""})
    );
    let binary = with(&[("content-type", "application/octet-stream")], &[0xff]).unwrap();
    assert_eq!(detail(&binary[0])["data_base64"], "/w==");
    assert_eq!(
        with(&[("CE-Id", "2")], b"").unwrap_err(),
        "`headers` names `ce-id` twice; send every member once"
    );
    assert_eq!(
        sent(&base[..3], b"{}").unwrap_err(),
        "`headers` has no `ce-type`, which the format `cloudevents` needs; send it, or choose another format"
    );
    assert!(
        sent(&[("ce-specversion", "0.3")], b"{}")
            .unwrap_err()
            .contains("`specversion` that is not `1.0`")
    );
    let deep = "[".repeat(70) + &"]".repeat(70);
    assert_eq!(
        with(&[], deep.as_bytes()).unwrap_err(),
        "`body` is nested deeper than 60; flatten it"
    );
    // A source that demands another format does not look at these headers.
    let list = headers(&base);
    let message = Message {
        origin: "desk",
        id: None,
        headers: &list,
        body: b"{}",
    };
    assert!(decode(&"falco".parse().unwrap(), &message, &Limits::default()).is_err());
}

#[test]
fn an_event_that_lacks_something_is_kept_as_unrecognized() {
    assert_eq!(
        one(r#"{"specversion":"1.0","id":"","source":"s","type":"t"}"#).kind,
        Kind::Unrecognized
    );
    assert_eq!(
        auto(r#"{"specversion":"2.0","id":"1","source":"s","type":"t"}"#).unwrap()[0].kind,
        Kind::Unrecognized
    );
}

#[test]
fn the_handshake_allows_only_known_origins() {
    let asked = headers(&[
        ("WebHook-Request-Origin", "eventemitter.example.com"),
        ("WebHook-Request-Rate", "120"),
    ]);
    let message = Message {
        origin: "desk",
        id: None,
        headers: &asked,
        body: b"",
    };
    let allowed = |origins: &[&str]| {
        let origins: Vec<String> = origins.iter().map(|origin| (*origin).to_owned()).collect();
        handshake(&message, &origins, Some(100))
    };
    assert_eq!(
        allowed(&["other", "eventemitter.example.com"]).unwrap(),
        [
            (
                "webhook-allowed-origin",
                "eventemitter.example.com".to_owned()
            ),
            ("webhook-allowed-rate", "100".to_owned()),
            ("allow", "POST, OPTIONS".to_owned()),
        ]
    );
    assert_eq!(allowed(&["*"]).unwrap()[0].1, "*");
    assert_eq!(allowed(&["example.com"]), None);
    let silent = Message {
        headers: &[],
        ..message
    };
    assert_eq!(handshake(&silent, &["*".to_owned()], None), None);
    assert_eq!(mode(&silent), None);
    let list = headers(&[("Content-Type", "application/cloudevents+json")]);
    assert_eq!(
        mode(&Message {
            headers: &list,
            ..message
        }),
        Some(Mode::Structured)
    );
}
