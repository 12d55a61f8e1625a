//! Limits: each is met exactly, and broken by one more.

use intake::decode::{DecodeError, Format, Limits, Signal, decode};
use serde_json::json;

use super::message;
use super::wrappers::gzip;

fn with(limits: Limits, body: &[u8]) -> Result<Vec<Signal>, DecodeError> {
    decode(&Format::Auto, &message(body), &limits)
}

fn reason(limits: Limits, body: &[u8]) -> String {
    with(limits, body)
        .map(|signals| signals.len())
        .unwrap_err()
        .to_string()
}

#[test]
fn bodies_have_a_size() {
    let limits = Limits {
        body: 10,
        ..Limits::default()
    };
    assert_eq!(with(limits, br#"{"a":"xy"}"#).unwrap().len(), 1);
    assert_eq!(
        reason(limits, br#"{"a":"xyz"}"#),
        "`body` has 11 bytes, more than 10; send less at once, or raise the source's limit"
    );
}

#[test]
fn compressed_data_has_a_size_and_a_ratio() {
    let plain = format!("{{\"a\":\"{}\"}}", "x".repeat(100_000));
    let packed = gzip(plain.as_bytes());
    assert!(packed.len() < 1000, "{}", packed.len());
    let generous = Limits {
        ratio: 1000,
        ..Limits::default()
    };
    assert_eq!(with(generous, &packed).unwrap().len(), 1);
    let most = packed.len() * 100;
    let wanted = format!(
        "`body` inflates to more than {most} bytes; send less at once, or raise the source's limit"
    );
    assert_eq!(reason(Limits::default(), &packed), wanted);
    let small = Limits {
        inflated: 99_999,
        ..generous
    };
    assert!(reason(small, &packed).starts_with("`body` inflates to more than 99999 bytes"));
    let nested = gzip(&gzip(&gzip(&gzip(&gzip(b"{}")))));
    assert!(reason(generous, &nested).contains("is wrapped in more than 4 layers"));
}

#[test]
fn the_sum_of_all_compressed_parts_is_bounded() {
    let part = gzip("y".repeat(6000).as_bytes());
    let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, part);
    let body = |count: usize| {
        let records = vec![json!({ "data": data }); count];
        json!({"requestId": "r", "timestamp": 1, "records": records}).to_string()
    };
    let limits = Limits {
        inflated: 12_000,
        ratio: 1000,
        ..Limits::default()
    };
    assert_eq!(with(limits, body(2).as_bytes()).unwrap().len(), 2);
    assert!(
        reason(limits, body(3).as_bytes())
            .starts_with("`body.records[2].data` inflates to more than")
    );
}

#[test]
fn nesting_is_bounded_at_every_layer() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let limits = Limits {
        depth: 5,
        layers: 9,
        ..Limits::default()
    };
    assert_eq!(
        with(limits, format!("{{\"a\":{}}}", nested(4)).as_bytes())
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        reason(limits, format!("{{\"a\":{}}}", nested(5)).as_bytes()),
        "`body` is nested deeper than 5; flatten it"
    );
    let wrapped = super::wrappers::sns(&format!("{{\"a\":{}}}", nested(5)));
    assert_eq!(
        reason(limits, wrapped.as_bytes()),
        "`body.Message` is nested deeper than 5; flatten it"
    );
    // JSON that was a string within JSON counts as well, once it is opened.
    let opened =
        json!({"configRuleName": "r", "invokingEvent": format!("{{\"a\":{}}}", nested(7))});
    assert!(reason(limits, opened.to_string().as_bytes()).contains("is nested deeper than 5"));
    let unclosed = "[".repeat(1_000_000);
    assert!(reason(Limits::default(), unclosed.as_bytes()).starts_with("`body` is nested deeper"));
}

#[test]
fn records_are_counted() {
    let limits = Limits {
        records: 2,
        ..Limits::default()
    };
    let alert = json!({"labels": {}, "fingerprint": "f"});
    let alerts = |count: usize| {
        json!({"status": "firing", "receiver": "r", "alerts": vec![alert.clone(); count]})
            .to_string()
    };
    let records = |count: usize| {
        json!({ "Records": vec![json!({"eventSource": "aws:s3"}); count] }).to_string()
    };
    let lines = |count: usize| "{}\n".repeat(count);
    let list = |count: usize| json!(vec![json!({}); count]).to_string();
    for body in [&alerts as &dyn Fn(usize) -> String, &records, &lines, &list] {
        assert_eq!(with(limits, body(2).as_bytes()).unwrap().len(), 2);
        assert_eq!(
            reason(limits, body(3).as_bytes()),
            "`body` holds more than 2 records; send fewer at once, or raise the source's limit"
        );
    }
}

#[test]
fn details_are_bounded_alone_and_together() {
    let limits = Limits {
        detail: 60,
        ..Limits::default()
    };
    assert!(
        reason(
            limits,
            format!("{{\"a\":\"{}\"}}", "x".repeat(60)).as_bytes()
        )
        .starts_with("`body` has 96 bytes, more than 60")
    );
    // A few hundred alerts that share a large part of their notification must not multiply it without end.
    let alert = json!({"labels": {}, "fingerprint": "f"});
    let labels = json!({"x": "y".repeat(10_000)});
    let body = json!({"status": "firing", "receiver": "r", "groupLabels": labels, "alerts": vec![alert; 200]}).to_string();
    let limits = Limits {
        output: 1_000_000,
        ..Limits::default()
    };
    assert!(reason(limits, body.as_bytes()).contains("inflates to more than 1000000 bytes"));
}
