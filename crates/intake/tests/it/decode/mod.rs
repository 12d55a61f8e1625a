//! Decoding: each format, the wrappers, the limits.

mod aws;
mod cloudevents;
mod limits;
mod mapping;
mod properties;
mod samples;
mod tools;
mod wrappers;

use intake::decode::{DecodeError, Format, Limits, Message, Signal, decode};
use serde_json::{Value, json};

/// The page names every format, every event's source and detail-type.
#[test]
fn the_reference_is_complete() {
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/reference/intake-formats.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    for word in Format::WORDS {
        assert!(page.contains(&format!("`{word}`")), "`{word}`");
    }
    let limits = Limits::default();
    for (body, limit) in [
        ("body | 1 MiB", limits.body == 1 << 20),
        (
            "opened | 16 MiB, and 100 times",
            (limits.inflated, limits.ratio) == (16 << 20, 100),
        ),
        ("nesting | 60", limits.depth == 60),
        ("wrappers | 4", limits.layers == 4),
        ("events of one message | 10,000", limits.records == 10_000),
        (
            "all details | 1,000 KiB, 32 MiB",
            (limits.detail, limits.output) == (1000 << 10, 32 << 20),
        ),
    ] {
        assert!(limit && page.contains(body), "{body}");
    }
}

/// A message of the source `desk` without headers.
pub(crate) fn message(body: &[u8]) -> Message<'_> {
    Message {
        origin: "desk",
        id: None,
        headers: &[],
        body,
    }
}

/// What a body gives when its format is recognised.
pub(crate) fn auto(body: &str) -> Result<Vec<Signal>, DecodeError> {
    decode(&Format::Auto, &message(body.as_bytes()), &Limits::default())
}

/// What a body gives in a format.
pub(crate) fn in_format(word: &str, body: &str) -> Result<Vec<Signal>, DecodeError> {
    let format: Format = word.parse().unwrap();
    decode(&format, &message(body.as_bytes()), &Limits::default())
}

/// The one signal of a body.
pub(crate) fn one(body: &str) -> Signal {
    let mut signals = auto(body).unwrap_or_else(|error| panic!("{error}\n{body}"));
    assert_eq!(signals.len(), 1, "{signals:#?}");
    signals.remove(0)
}

/// What is wrong with a body in a format.
pub(crate) fn refusal(word: &str, body: &str) -> String {
    match in_format(word, body) {
        Ok(signals) => panic!("{body} was taken: {signals:#?}"),
        Err(error) => error.to_string(),
    }
}

/// The detail as a value.
pub(crate) fn detail(signal: &Signal) -> Value {
    serde_json::from_str(&signal.detail).unwrap()
}

/// The event that the bus makes of a signal, which must be one that rules can read.
pub(crate) fn event(signal: &Signal) -> Value {
    assert!(signal.detail.starts_with('{'), "{}", signal.detail);
    let head = json!({
        "version": "0",
        "id": signal.id,
        "detail-type": signal.detail_type,
        "source": signal.source,
        "account": signal.account.as_deref().unwrap_or("000000000000"),
        "time": signal.time.map(|time| time.to_string()),
        "region": signal.region.as_deref().unwrap_or("eu-west-1"),
        "resources": signal.resources,
    })
    .to_string();
    let text = format!(
        "{},\"detail\":{}}}",
        head.strip_suffix('}').unwrap(),
        signal.detail
    );
    rules::Event::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::from_str(&text).unwrap()
}
