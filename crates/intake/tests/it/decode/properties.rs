//! Properties: nothing panics, envelopes keep what is put in them, decoding is a function.

use intake::decode::{Format, Kind, Limits, Message, decode};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::wrappers::{gzip, sns};
use super::{auto, event, message};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("\\PC{0,4}", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Members that decoders look for, with values of any kind.
fn tempting() -> impl Strategy<Value = Value> {
    let names = vec![
        "Records",
        "records",
        "Messages",
        "MessageId",
        "Body",
        "body",
        "eventSource",
        "EventSource",
        "Sns",
        "kinesis",
        "data",
        "Type",
        "TopicArn",
        "Message",
        "awslogs",
        "messageType",
        "logGroup",
        "logEvents",
        "detail-type",
        "source",
        "detail",
        "specversion",
        "id",
        "type",
        "data_base64",
        "AlarmName",
        "NewStateValue",
        "Trigger",
        "Metrics",
        "alarmData",
        "alarmArn",
        "invokingEvent",
        "configRuleName",
        "eventVersion",
        "eventName",
        "eventTime",
        "eventID",
        "userIdentity",
        "alerts",
        "status",
        "receiver",
        "orgId",
        "event_action",
        "payload",
        "dedup_key",
        "rule",
        "priority",
        "output",
        "time",
        "timestamp",
        "agent",
        "requestId",
        "signal",
        "labels",
        "state",
        "message",
        "level",
    ];
    let words = vec![
        "aws:sqs",
        "aws:sns",
        "aws:kinesis",
        "aws:s3",
        "Notification",
        "SubscriptionConfirmation",
        "DATA_MESSAGE",
        "1.0",
        "trigger",
        "resolve",
        "Critical",
        "arn:aws:sns:eu-west-1:123456789012:t",
        "e30=",
        "{}",
        "{\"a\":1}",
        "2026-03-01T10:00:00Z",
        "",
    ];
    let leaf = prop_oneof![
        3 => prop::sample::select(words).prop_map(Value::from),
        1 => value(),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        let entries = prop::collection::vec((prop::sample::select(names.clone()), inner.clone()), 0..7);
        prop_oneof![
            3 => entries.prop_map(|entries| {
                Value::Object(entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
            1 => prop::collection::vec(inner, 0..3).prop_map(Value::from),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_give_signals_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for word in Format::WORDS {
            let format: Format = word.parse().unwrap();
            let first = decode(&format, &message(&bytes), &Limits::default());
            prop_assert_eq!(&first, &decode(&format, &message(&bytes), &Limits::default()));
            for signal in first.iter().flatten() {
                event(signal);
            }
        }
    }

    #[test]
    fn any_json_of_tempting_names_gives_events_or_an_error(value in tempting()) {
        let text = value.to_string();
        for word in Format::WORDS {
            let format: Format = word.parse().unwrap();
            for signal in decode(&format, &message(text.as_bytes()), &Limits::default()).iter().flatten() {
                event(signal);
            }
        }
    }

    #[test]
    fn an_events_envelope_goes_through(
        id in any::<u128>(),
        source in "[a-z.]{1,20}",
        kind in "\\PC{1,20}",
        account in "[0-9]{12}",
        resources in prop::collection::vec("\\PC{0,20}", 0..4),
        detail in prop::collection::vec(("\\PC{0,4}", value()), 0..4),
    ) {
        let id = uuid::Uuid::from_u128(id);
        let detail = Value::Object(detail.into_iter().collect());
        let sent = json!({"version": "0", "id": id, "detail-type": kind, "source": source, "account": account,
            "time": "2026-03-01T10:00:00Z", "region": "eu-west-1", "resources": resources, "detail": detail});
        let text = sent.to_string();
        for body in [text.clone().into_bytes(), gzip(text.as_bytes()), sns(&text).into_bytes()] {
            let signals = decode(&Format::Auto, &message(&body), &Limits::default()).unwrap();
            prop_assert_eq!(signals.len(), 1);
            prop_assert_eq!(signals[0].id, id);
            prop_assert_eq!(&signals[0].detail, &detail.to_string());
            prop_assert_eq!(event(&signals[0]), sent.clone());
        }
    }

    #[test]
    fn what_a_notification_says_comes_out(words in "\\PC{1,60}") {
        prop_assume!(!words.trim().is_empty());
        let signals = auto(&sns(&words)).unwrap();
        let text = serde_json::from_str::<Value>(&signals[0].detail).unwrap();
        if signals[0].kind == Kind::Unrecognized && text.get("text").is_some() {
            prop_assert_eq!(text["text"].as_str().unwrap(), words.trim_start_matches('\u{feff}').trim());
        }
    }

    #[test]
    fn headers_of_any_kind_do_no_harm(
        list in prop::collection::vec(("(ce-)?[a-z]{1,12}", "\\PC{0,20}"), 0..8),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut headers = vec![("ce-specversion".to_owned(), "1.0".to_owned())];
        headers.extend(list);
        headers.extend([("ce-id", "1"), ("ce-source", "s"), ("ce-type", "t")].map(|(name, value)| (name.to_owned(), value.to_owned())));
        let message = Message { origin: "desk", id: None, headers: &headers, body: &body };
        for signal in decode(&Format::Auto, &message, &Limits::default()).iter().flatten() {
            event(signal);
        }
    }
}
