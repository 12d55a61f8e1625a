//! What is fuzzed: each decoder, which any bytes may be given and which must not panic, and whose signals must be events
//! that rules can read. Shared by the fuzzer (`fuzz/src/main.rs`, nightly) and by the replay of the kept corpora
//! (`tests/it/corpora.rs`, stable).

use intake::decode::{
    DecodeError, Format, Layer, Limits, Mapping, MappingText, Message, Signal, cloudevents, decode,
    pagerduty,
};
use intake::verify::{
    self, Envelope, EnvelopeKind, Trust, certificate_address, pinned, signing_key,
};
use jiff::Timestamp;
use model::arn::Arn;
use serde_json::json;

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; the name is also that of the corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("auto", |data| in_format("auto", data)),
    ("eventbridge", |data| in_format("eventbridge", data)),
    ("sns", |data| in_format("sns", data)),
    ("sqs", |data| in_format("sqs", data)),
    ("records", records),
    ("kinesis", kinesis),
    ("firehose", |data| in_format("firehose", data)),
    ("logs", |data| in_format("logs", data)),
    ("cloudtrail", |data| in_format("cloudtrail", data)),
    ("alarm", |data| in_format("cloudwatch-alarm", data)),
    ("config_rule", |data| in_format("config-rule", data)),
    ("cloudevents", |data| in_format("cloudevents", data)),
    ("cloudevents_http", cloudevents_http),
    ("alertmanager", |data| in_format("alertmanager", data)),
    ("grafana", |data| in_format("grafana", data)),
    ("pagerduty", |data| in_format("pagerduty", data)),
    ("falco", |data| in_format("falco", data)),
    ("wazuh", |data| in_format("wazuh", data)),
    ("mapping", mapping),
    ("sns_verify", sns_verify),
    ("certificate", certificate),
];

/// A certificate of a test authority, and its name for the address that it stands for.
const AUTHORITY: &str = include_str!("authority.pem");

/// Small limits, so that they are met.
const LIMITS: Limits = Limits {
    body: 64 * 1024,
    inflated: 256 * 1024,
    ratio: 100,
    depth: 60,
    records: 200,
    layers: 4,
    detail: 64 * 1024,
    output: 512 * 1024,
};

fn message<'a>(headers: &'a [(String, String)], body: &'a [u8]) -> Message<'a> {
    Message {
        origin: "fuzz",
        id: None,
        headers,
        body,
    }
}

/// A body in a format.
fn in_format(word: &str, body: &[u8]) {
    let Ok(format) = word.parse::<Format>() else {
        panic!("`{word}` is a format");
    };
    taken(&format, &message(&[], body));
}

/// Decodes twice: the same comes out, and what comes out are events.
fn taken(format: &Format, message: &Message<'_>) {
    let signals = decode(format, message, &LIMITS);
    assert_eq!(
        signals,
        decode(format, message, &LIMITS),
        "decoding is a function"
    );
    match signals {
        Ok(signals) => {
            assert!(signals.len() <= LIMITS.records);
            let bytes: usize = signals.iter().map(|signal| signal.detail.len()).sum();
            assert!(bytes <= LIMITS.output);
            signals.iter().for_each(event);
            let _ = pagerduty::accepted(&signals);
        }
        Err(error) => told(&error),
    }
}

/// The event that the bus makes of a signal.
fn event(signal: &Signal) {
    assert!(signal.detail.len() <= LIMITS.detail);
    let head = json!({
        "version": "0",
        "id": signal.id,
        "detail-type": signal.detail_type,
        "source": signal.source,
        "resources": signal.resources,
    });
    let head = head.to_string();
    let open = head.trim_end_matches('}');
    let text = format!("{open},\"detail\":{}}}", signal.detail);
    assert!(signal.detail.starts_with('{'), "{}", signal.detail);
    // More members than rules read are refused by the bus, as they are from anybody.
    match rules::Event::parse(&text) {
        Ok(_) => {}
        Err(error) => assert!(error.to_string().contains("values"), "{error}: {text}"),
    }
}

/// Errors are one line and have a place.
fn told(error: &DecodeError) {
    let text = error.to_string();
    assert!(!error.place.is_empty() && !text.is_empty());
    let _ = pagerduty::refused(error);
}

/// A record as a function gets it, inside its list.
fn records(data: &[u8]) {
    let body = [&b"{\"Records\":["[..], data, &b"]}"[..]].concat();
    in_format("auto", &body);
}

/// The data of a Kinesis record: any bytes, also compressed ones.
fn kinesis(data: &[u8]) {
    let body = json!({ "Records": [{
        "eventSource": "aws:kinesis",
        "eventID": "shard:1",
        "eventSourceARN": "arn:aws:kinesis:eu-west-1:123456789012:stream/s",
        "kinesis": { "data": base64(data) },
    }] });
    in_format("auto", body.to_string().as_bytes());
}

fn base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in data.chunks(3) {
        let byte = |at: usize| u32::from(three.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..=three.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

/// Lines of headers up to an empty one, then the body.
fn cloudevents_http(data: &[u8]) {
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = match end {
        Some(end) => (&data[..end], &data[end + 2..]),
        None => (data, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let headers: Vec<(String, String)> = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect();
    let message = message(&headers, body);
    taken(&Format::Auto, &message);
    if let Some(answer) = cloudevents::handshake(&message, &["a.example".to_owned()], None) {
        assert!(answer.iter().any(|(_, value)| value == "a.example"));
    }
}

/// Lines: expressions for source, detail-type, records, detail, id, time, resources and severity (an empty one is left
/// out), then the document.
fn mapping(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut lines = text.splitn(9, '\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (source, detail_type) = (next(), next());
    let mut maybe = || Some(next()).filter(|line| !line.is_empty());
    let text = MappingText {
        source,
        detail_type,
        records: maybe(),
        detail: maybe(),
        id: maybe(),
        time: maybe(),
        resources: maybe(),
        severity: maybe(),
        ..MappingText::default()
    };
    if let Ok(mapping) = Mapping::compile(&text) {
        let body = next();
        taken(&Format::Mapped(mapping), &message(&[], body.as_bytes()));
    }
}

/// An envelope, put to the key of a certificate: a signature that was not made with it is never believed, and what is
/// believed of a notification is what is decoded.
fn sns_verify(data: &[u8]) {
    let Ok(envelope) = Envelope::parse(data) else {
        return;
    };
    let text = envelope.string_to_sign();
    assert!(text.ends_with('\n'), "every value ends its line");
    if let Ok(address) = certificate_address(&envelope.certificate_url, &envelope.topic) {
        let host = address.host();
        assert!(address.url().starts_with("https://sns.") && address.url().ends_with(".pem"));
        assert!(host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn"));
    }
    let keys = pinned(AUTHORITY).unwrap_or_default();
    let Some(key) = keys.first() else {
        panic!("the test's certificate has a key");
    };
    for version_1 in [false, true] {
        let believed = verify::verify(&envelope, key, version_1, envelope.timestamp);
        assert!(believed.is_err(), "nobody has the private key");
    }
    if envelope.kind == EnvelopeKind::Notification
        && let Ok(signals) = decode(&Format::Auto, &message(&[], data), &LIMITS)
    {
        let layers = |signal: &Signal| signal.layers.first().copied();
        assert!(
            signals
                .iter()
                .all(|signal| layers(signal) == Some(Layer::Sns)),
            "what is beside the signed members is not asked: {signals:?}"
        );
    }
}

/// A file with certificates, as fetched, as pinned and as an authority.
fn certificate(data: &[u8]) {
    let Some(topic) = Arn::parse("arn:aws:sns:eu-west-1:123456789012:t") else {
        panic!("it is an ARN");
    };
    let Ok(address) = certificate_address("https://sns.eu-west-1.amazonaws.com/x.pem", &topic)
    else {
        panic!("it is SNS's");
    };
    let text = String::from_utf8_lossy(data);
    let _ = pinned(&text);
    for trust in [Trust::Public, Trust::of_pem(AUTHORITY).unwrap_or_default()] {
        let _ = signing_key(data, &address, &trust, Timestamp::UNIX_EPOCH);
    }
    let _ = Trust::of_pem(&text);
}
