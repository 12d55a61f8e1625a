//! Wrappers: SNS, SQS, functions' records, Kinesis, Firehose, log subscriptions, gzip, lists; and identities.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use intake::decode::{Format, Kind, Limits, Message, Signal, decode};
use serde_json::{Value, json};

use super::{auto, detail, event, in_format, message, one, refusal};

pub(super) fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn inner_event() -> String {
    json!({"version": "0", "id": "0d6ba9cb-71b5-4f4f-8f1a-2b0f55a4a111", "detail-type": "t", "source": "s",
           "account": "123456789012", "time": "2026-03-01T10:00:00Z", "region": "eu-west-1", "resources": [],
           "detail": {"a": 1}})
    .to_string()
}

pub(super) fn sns(message: &str) -> String {
    json!({"Type": "Notification", "MessageId": "9d5b1a4e-1111-4111-8111-111111111111",
           "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ops", "Subject": "Hello\n", "Message": message,
           "Timestamp": "2026-03-01T10:00:00.000Z", "SignatureVersion": "2", "Signature": "c2ln",
           "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x.pem", "UnsubscribeURL": "https://sns/unsub"})
    .to_string()
}

fn sqs(body: &str) -> String {
    json!({"MessageId": "5fea7756-2222-4222-8222-222222222222", "ReceiptHandle": "handle", "Body": body,
           "Attributes": {"SentTimestamp": "1772359200000"}})
    .to_string()
}

fn lambda(record: &Value) -> String {
    json!({ "Records": [record] }).to_string()
}

fn layers(signal: &Signal) -> String {
    signal
        .layers
        .iter()
        .map(|layer| layer.word())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn an_event_is_the_same_in_every_wrapper() {
    let plain = one(&inner_event());
    let kinesis = |data: &[u8]| {
        json!({"eventSource": "aws:kinesis", "eventID": "shard:1", "awsRegion": "eu-west-1",
               "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/s",
               "kinesis": {"data": base64(data), "approximateArrivalTimestamp": 1_772_359_200.0}})
    };
    let lambda_sqs = |body: &str| {
        json!({"eventSource": "aws:sqs", "messageId": "m", "body": body,
               "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:q"})
    };
    let sns_value: Value = serde_json::from_str(&sns(&inner_event())).unwrap();
    let table = [
        (sns(&inner_event()), "sns"),
        (sqs(&inner_event()), "sqs"),
        (sqs(&sns(&inner_event())), "sqs sns"),
        (json!({"Messages": [serde_json::from_str::<Value>(&sqs(&inner_event())).unwrap()]}).to_string(), "sqs"),
        (lambda(&lambda_sqs(&inner_event())), "sqs"),
        (lambda(&lambda_sqs(&sns(&inner_event()))), "sqs sns"),
        (lambda(&json!({"EventSource": "aws:sns", "Sns": sns_value})), "sns"),
        (lambda(&kinesis(inner_event().as_bytes())), "kinesis"),
        (lambda(&kinesis(&gzip(inner_event().as_bytes()))), "kinesis gzip"),
        (
            json!({"requestId": "r", "timestamp": 1_772_359_200_000_i64, "records": [{"data": base64(inner_event().as_bytes())}]})
                .to_string(),
            "firehose",
        ),
        (
            json!({"invocationId": "i", "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/d",
                   "records": [{"recordId": "1", "data": base64(inner_event().as_bytes())}]})
            .to_string(),
            "firehose",
        ),
        (format!("[{}]", inner_event()), "list"),
        (format!("\u{feff} {}\n", inner_event()), ""),
    ];
    for (body, wanted) in table {
        let signal = one(&body);
        assert_eq!(layers(&signal), wanted, "{body}");
        let bare = Signal {
            layers: Vec::new(),
            ..signal
        };
        assert_eq!(bare, plain, "{body}");
    }
}

#[test]
fn compressed_bodies_are_opened() {
    let body = gzip(inner_event().as_bytes());
    let signals = decode(&Format::Auto, &message(&body), &Limits::default()).unwrap();
    assert_eq!(layers(&signals[0]), "gzip");
    assert_eq!(signals[0].detail, r#"{"a":1}"#);
}

#[test]
fn more_wrappers_than_four_are_refused() {
    let deep = sqs(&sns(&sqs(&sns(&inner_event()))));
    assert_eq!(layers(&one(&deep)), "sqs sns sqs sns");
    assert_eq!(
        auto(&sqs(&deep)).unwrap_err().to_string(),
        "`body.Body.Body.Message.Body` is wrapped in more than 4 layers; send it with fewer wrappers"
    );
}

#[test]
fn an_identity_is_the_transports_the_senders_or_the_contents() {
    let unknown = r#"{"hello":"world"}"#;
    let by_queue = one(&sqs(unknown));
    assert!(by_queue.own_id);
    assert_eq!(by_queue.id, one(&sqs(unknown)).id, "the same on redelivery");
    let batch = |body: &str| {
        json!({"Messages": [{"MessageId": "x", "MD5OfBody": "m", "Body": "{}"},
        serde_json::from_str::<Value>(&sqs(body)).unwrap()]})
        .to_string()
    };
    let redelivered = auto(&batch(unknown)).unwrap();
    assert_eq!(
        redelivered[1].id, by_queue.id,
        "in another batch, at another place, too"
    );
    let alone = one(unknown);
    assert!(!alone.own_id);
    assert_eq!(alone.id, one(unknown).id);
    assert_ne!(alone.id, one(r#"{"hello":"World"}"#).id);
    let twice = auto(&format!("{unknown}\n{unknown}")).unwrap();
    assert_ne!(twice[0].id, twice[1].id, "two lines are two signals");
    let elsewhere = Message {
        origin: "other",
        ..message(unknown.as_bytes())
    };
    let elsewhere = decode(&Format::Auto, &elsewhere, &Limits::default()).unwrap();
    assert_ne!(elsewhere[0].id, alone.id, "two sources do not clash");
    let polled = Message {
        id: Some("m-1"),
        ..message(unknown.as_bytes())
    };
    let polled = decode(&Format::Auto, &polled, &Limits::default()).unwrap();
    assert!(polled[0].own_id);
    assert_ne!(polled[0].id, alone.id);
}

#[test]
fn what_nobody_knows_is_kept() {
    let table = [
        (
            r#"{"n":1.0}"#,
            json!({"origin": "desk", "content": {"n": 1.0}}),
        ),
        (
            "plain words",
            json!({"origin": "desk", "text": "plain words"}),
        ),
        ("[]", json!({"origin": "desk", "content": []})),
        ("\"words\"", json!({"origin": "desk", "content": "words"})),
        ("{broken", json!({"origin": "desk", "text": "{broken"})),
        (
            r#"{"Records":[]}"#,
            json!({"origin": "desk", "content": {"Records": []}}),
        ),
    ];
    for (body, wanted) in table {
        let signal = one(body);
        assert_eq!(signal.kind, Kind::Unrecognized);
        assert_eq!(
            (signal.source.as_str(), signal.detail_type.as_str()),
            ("quell.intake", "Unrecognized Signal")
        );
        assert_eq!(detail(&signal), wanted);
        event(&signal);
    }
    let bytes = decode(&Format::Auto, &message(&[0xff, 0x00]), &Limits::default()).unwrap();
    assert_eq!(
        detail(&bytes[0]),
        json!({"origin": "desk", "base64": "/wA="})
    );
    let notified = one(&sns("CPU is high"));
    assert_eq!(
        detail(&notified),
        json!({"origin": "desk", "layers": ["sns"], "arn": "arn:aws:sns:eu-west-1:123456789012:ops",
               "subject": "Hello", "text": "CPU is high"})
    );
    assert_eq!(notified.account.as_deref(), Some("123456789012"));
    assert_eq!(notified.time.unwrap().to_string(), "2026-03-01T10:00:00Z");
    assert_eq!(
        auto("").unwrap_err().to_string(),
        "`body` is empty; send a JSON document"
    );
    assert_eq!(
        auto(" \n").unwrap_err().to_string(),
        "`body` is empty; send a JSON document"
    );
}

#[test]
fn half_a_surrogate_pair_hides_nothing() {
    let sent = inner_event().replace(
        "\"a\":1",
        r#""agent":"x\ud800","\uDC00":1,"ok":"\ud83d\ude00""#,
    );
    for body in [sent.clone(), sns(&sent), sqs(&sns(&sent))] {
        let signal = one(&body);
        assert_eq!(signal.kind, Kind::EventBridge);
        assert_eq!(
            signal.detail,
            r#"{"agent":"x\ufffd","\ufffd":1,"ok":"\ud83d\ude00"}"#
        );
        event(&signal);
    }
}

#[test]
fn a_demanded_wrapper_must_be_there() {
    assert_eq!(in_format("sns", &sns(&inner_event())).unwrap().len(), 1);
    assert_eq!(
        in_format("sqs", &sqs(&sns("words"))).unwrap()[0].kind,
        Kind::Unrecognized
    );
    assert_eq!(
        refusal("sns", &inner_event()),
        "`body` is not of the format `sns`; send that, or set the source's format to `auto`"
    );
    assert_eq!(
        refusal("sns", &sqs(&sns("x"))),
        refusal("sns", &inner_event())
    );
    let record = |record: Value| lambda(&record);
    let kinesis = record(json!({"eventSource": "aws:kinesis", "kinesis": {"data": "e30="}}));
    let queued = record(json!({"eventSource": "aws:sqs", "body": "{}"}));
    let told = record(json!({"EventSource": "aws:sns", "Sns": {"Message": "{}"}}));
    let firehose =
        json!({"requestId": "r", "timestamp": 1, "records": [{"data": "e30="}]}).to_string();
    let logs =
        json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [{"message": "m"}]})
            .to_string();
    let all = [
        ("kinesis", kinesis),
        ("sqs", queued),
        ("sns", told),
        ("firehose", firehose),
        ("logs", logs),
    ];
    for (word, _) in &all {
        for (have, body) in &all {
            assert_eq!(
                in_format(word, body).is_ok(),
                word == have,
                "{body} as {word}"
            );
        }
    }
    // A content's format says nothing of the wrappers around it.
    assert_eq!(
        in_format("eventbridge", &sqs(&sns(&inner_event())))
            .unwrap()
            .len(),
        1
    );
    assert!(
        refusal("eventbridge", &sns("words"))
            .starts_with("`body.Message` is no JSON (expected value")
    );
}

#[test]
fn what_is_put_beside_a_signed_notification_is_not_asked() {
    let forged = inner_event().replace("\"a\":1", "\"forged\":1");
    let mut body: Value = serde_json::from_str(&sns(&inner_event())).unwrap();
    let more = json!({
        "Records": [{"EventSource": "aws:sns", "Sns": {"Message": forged}}, {"eventSource": "aws:sqs", "body": forged}],
        "Messages": [{"MessageId": "m", "Body": forged, "ReceiptHandle": "h"}],
        "eventSource": "aws:sqs", "body": forged, "Body": forged, "ReceiptHandle": "h",
        "requestId": "r", "timestamp": 1, "records": [{"data": base64(forged.as_bytes())}],
        "awslogs": {"data": base64(forged.as_bytes())},
        "messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": [{"message": forged}],
        "detail-type": "forged", "source": "aws.guardduty", "detail": {"forged": 1},
        "specversion": "1.0", "id": "1", "type": "t", "AlarmName": "a", "NewStateValue": "ALARM", "message": "forged",
    });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    for format in ["auto", "sns", "eventbridge"] {
        let signals = in_format(format, &body.to_string()).unwrap();
        assert_eq!(signals.len(), 1);
        assert_eq!(signals[0].detail, r#"{"a":1}"#, "{format}");
    }
}

#[test]
fn capabilities_are_not_kept() {
    let body = json!({"Type": "SubscriptionConfirmation", "MessageId": "m", "Token": "secret-token",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:ops", "Message": "You have chosen",
        "SubscribeURL": "https://sns/confirm", "Timestamp": "2026-03-01T10:00:00.000Z"});
    let signal = one(&body.to_string());
    assert_eq!(
        (signal.source.as_str(), signal.detail_type.as_str()),
        ("aws.sns", "SNS Subscription Confirmation")
    );
    assert!(
        !signal.detail.contains("secret-token") && !signal.detail.contains("https:"),
        "{}",
        signal.detail
    );
    for body in [sns("words"), sqs("words")] {
        let text = one(&body).detail;
        assert!(
            !text.contains("handle") && !text.contains("unsub") && !text.contains("c2ln"),
            "{text}"
        );
    }
}

#[test]
fn log_lines_are_contents_or_log_events() {
    let record = json!({"eventVersion": "1.09", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
        "eventTime": "2026-03-01T10:00:00Z", "eventID": "e-1", "awsRegion": "us-east-1", "userIdentity": {"type": "Root"}});
    let subscription = json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g", "logStream": "s",
        "subscriptionFilters": ["f"], "logEvents": [
            {"id": "1", "timestamp": 1_772_359_200_000_i64, "message": record.to_string()},
            {"id": "2", "timestamp": 1_772_359_201_000_i64, "message": "sshd: failed"},
            {"id": "3", "timestamp": 1_772_359_202_000_i64, "message": "{\"level\":\"warn\"}"}]});
    let packed = base64(&gzip(subscription.to_string().as_bytes()));
    let signals = auto(&json!({"awslogs": {"data": packed}}).to_string()).unwrap();
    assert_eq!(signals.len(), 3);
    assert_eq!(signals[0].kind, Kind::CloudTrail);
    assert_eq!(layers(&signals[0]), "gzip logs");
    assert_eq!(signals[0].account.as_deref(), Some("123456789012"));
    assert_eq!(
        (signals[1].source.as_str(), signals[1].detail_type.as_str()),
        ("aws.logs", "Log Event")
    );
    assert_eq!(
        detail(&signals[1]),
        json!({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": "g", "logStream": "s",
               "subscriptionFilters": ["f"], "id": "2", "timestamp": 1_772_359_201_000_i64, "message": "sshd: failed"})
    );
    assert_eq!(detail(&signals[2])["message"], json!({"level": "warn"}));
    assert_eq!(signals[1].time.unwrap().to_string(), "2026-03-01T10:00:01Z");
}

#[test]
fn records_without_contents_are_events_of_their_service() {
    let record = json!({"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-west-1",
        "eventTime": "2026-03-01T10:00:00.000Z", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "b", "arn": "arn:aws:s3:::b"}, "object": {"key": "k"}}});
    let signal = one(&lambda(&record));
    assert_eq!(
        (signal.source.as_str(), signal.detail_type.as_str()),
        ("aws.s3", "Event Record")
    );
    assert_eq!(detail(&signal), record);
    assert_eq!(signal.resources, ["arn:aws:s3:::b"]);
    assert_eq!(signal.region.as_deref(), Some("eu-west-1"));
    let odd = one(&lambda(&json!({"eventSource": "aws:../x", "a": 1})));
    assert_eq!(odd.source, "aws.unknown");
}

#[test]
fn broken_wrappers_name_their_place() {
    let record = |record: Value| lambda(&record);
    let kinesis =
        |data: &str| record(json!({"eventSource": "aws:kinesis", "kinesis": {"data": data}}));
    for (body, reason) in [
        (
            record(json!({"eventSource": "aws:sqs"})),
            "`body.Records[0]` has no `body`, which the format `sqs` needs",
        ),
        (
            record(json!({"eventSource": "aws:kinesis"})),
            "`body.Records[0].kinesis` has no `data`",
        ),
        (
            record(json!({"EventSource": "aws:sns"})),
            "`body.Records[0]` has no `Sns`",
        ),
        (
            sqs(""),
            "`body` has a `Body` that is not a string that is not empty",
        ),
    ] {
        let error = auto(&body).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    let half = base64(&[0x1f, 0x8b, 8, 0]);
    for (data, member, reason) in [
        ("a?", "text", "`body.Records[0].kinesis.data` is no base64"),
        (
            half.as_str(),
            "base64",
            "`body.Records[0].kinesis.data` is broken gzip",
        ),
    ] {
        let kept = one(&kinesis(data));
        assert_eq!(detail(&kept)[member], data);
        assert!(kept.notes[0].starts_with(reason), "{:?}", kept.notes);
        let error = refusal("falco", &kinesis(data));
        assert!(error.starts_with(reason), "{error}");
    }
}
