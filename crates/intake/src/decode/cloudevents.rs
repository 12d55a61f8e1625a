//! CloudEvents 1.0: binary (attributes in `ce-*` headers), structured and batch (JSON), and the handshake by which a
//! webhook says that it wants them.
//!
//! In all three modes the detail is the event in its structured form, so that a rule need not know how it came.
//! Facts: the CloudEvents specification 1.0.2, its JSON format, HTTP binding and "Web Hooks for Event Delivery".

use percent_encoding::percent_decode_str;

use super::Message;
use super::error::{DecodeError, Problem};
use super::format::Kind;
use super::json::{self, ObjectText, instant, quoted};
use super::limits::Limits;
use super::members::Members;
use super::packed;
use super::walk::{Draft, Drafts, Identity, Outer};

/// Attributes that are not extensions.
const KNOWN: [&str; 4] = ["specversion", "id", "source", "type"];
/// Longest attribute value that is taken from a header.
const VALUE_BYTES: usize = 8192;

/// How an HTTP message carries events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One event: attributes in headers, data in the body.
    Binary,
    /// One event as JSON.
    Structured,
    /// A list of events as JSON.
    Batch,
}

/// How a message carries CloudEvents, by its headers; `None` when they do not say that it does.
#[must_use]
pub fn mode(message: &Message<'_>) -> Option<Mode> {
    let media = message
        .header("content-type")
        .unwrap_or_default()
        .to_ascii_lowercase();
    if media.starts_with("application/cloudevents-batch") {
        return Some(Mode::Batch);
    }
    if media.starts_with("application/cloudevents") {
        return Some(Mode::Structured);
    }
    message.header("ce-specversion").map(|_| Mode::Binary)
}

/// The headers of the answer (status 200) to the `OPTIONS` request by which a sender asks whether it may send; `None`
/// when it does not ask, or its origin is not among `allowed`, where `*` is any. `rate` is how many events a minute may
/// come. The callback address that a request may name is never called.
#[must_use]
pub fn handshake(
    message: &Message<'_>,
    allowed: &[String],
    rate: Option<u32>,
) -> Option<Vec<(&'static str, String)>> {
    let origin = message.header("webhook-request-origin")?.trim();
    let any = allowed.iter().any(|one| one == "*");
    let known = allowed.iter().find(|one| one.eq_ignore_ascii_case(origin));
    let origin = if any { "*".to_owned() } else { known?.clone() };
    let rate = rate.map_or_else(|| "*".to_owned(), |rate| rate.max(1).to_string());
    Some(vec![
        ("webhook-allowed-origin", origin),
        ("webhook-allowed-rate", rate),
        ("allow", "POST, OPTIONS".to_owned()),
    ])
}

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&KNOWN)
}

/// An event in its structured form.
pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    let head = Head::read(
        |name| members.need(name, Kind::CloudEvent.word(), &outer.place),
        outer,
    )?;
    let media = members.text("datacontenttype");
    let mut detail = ObjectText::default();
    for (name, raw) in members
        .iter()
        .filter(|(name, _)| !["data", "data_base64"].contains(name))
    {
        detail.raw(name, raw);
    }
    if let Some(data) = members.raw("data") {
        detail.raw("data", data);
    } else if members.has("data_base64") {
        let encoded = members.text("data_base64").unwrap_or_default();
        match packed::unbase64(&encoded) {
            Some(bytes) => {
                let (name, raw) = data(&bytes, media.as_deref());
                detail.raw(name, &raw);
            }
            // The specification's own examples hold such; the event is kept as it came.
            None => {
                detail.string("data_base64", &encoded);
            }
        }
    }
    let subject = members.text("subject");
    Ok(vec![head.draft(
        detail.finish(),
        subject,
        members.text("time"),
    )])
}

/// An event in the headers and body of an HTTP message.
pub(super) fn binary(message: &Message<'_>, limits: &Limits) -> Result<Draft, DecodeError> {
    let outer = Outer {
        place: "headers".to_owned(),
        ..Outer::default()
    };
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (name, value) in message.headers {
        let name = name.to_ascii_lowercase();
        let Some(name) = name.strip_prefix("ce-") else {
            continue;
        };
        if attributes.iter().any(|(have, _)| have == name) {
            let name = format!("ce-{name}");
            return Err(Problem::Repeated { name }.at(&outer.place));
        }
        if value.len() > VALUE_BYTES {
            let (bytes, most) = (value.len(), VALUE_BYTES);
            return Err(Problem::TooLarge { bytes, most }.at(&format!("headers.ce-{name}")));
        }
        let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
        attributes.push((name.to_owned(), value));
    }
    let find = |name: &str| {
        attributes
            .iter()
            .find(|(have, _)| have == name)
            .map(|(_, value)| value.clone())
    };
    let format = Kind::CloudEvent.word();
    let need = |name: &str| {
        let field = || format!("ce-{name}");
        let value = find(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| {
            Problem::Missing {
                field: field(),
                format,
            }
            .at(&outer.place)
        })
    };
    let head = Head::read(need, &outer)?;
    let media = message.header("content-type");
    let mut detail = ObjectText::default();
    for (name, value) in attributes
        .iter()
        .filter(|(name, _)| !["data", "data_base64", "datacontenttype"].contains(&name.as_str()))
    {
        detail.string(name, value);
    }
    detail.maybe("datacontenttype", media);
    if !message.body.is_empty() {
        let (name, raw) = data(message.body, media);
        let most = limits.depth;
        if json::deeper_than(&raw, most) {
            return Err(Problem::TooDeep { most }.at("body"));
        }
        detail.raw(name, &raw);
    }
    Ok(head.draft(detail.finish(), find("subject"), find("time")))
}

/// The data's member: JSON to the letter, text as a string, other bytes as base64.
fn data(bytes: &[u8], media: Option<&str>) -> (&'static str, String) {
    let media = media.map(|media| {
        let media = media.split(';').next().unwrap_or_default();
        media.trim().to_ascii_lowercase()
    });
    let is_json = media
        .as_deref()
        .is_none_or(|media| media.ends_with("/json") || media.ends_with("+json"));
    match std::str::from_utf8(bytes) {
        Ok(text) if is_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            ("data", text.trim().to_owned())
        }
        Ok(text)
            if is_json
                || media
                    .is_some_and(|media| media.starts_with("text/") || media.ends_with("xml")) =>
        {
            ("data", quoted(text))
        }
        _ => ("data_base64", quoted(&packed::base64(bytes))),
    }
}

/// The attributes that every event has.
struct Head {
    id: String,
    source: String,
    kind: String,
}

impl Head {
    fn read(
        need: impl Fn(&str) -> Result<String, DecodeError>,
        outer: &Outer,
    ) -> Result<Self, DecodeError> {
        let version = need("specversion")?;
        if !version.starts_with("1.") {
            let (field, wanted) = ("specversion".to_owned(), "`1.0`");
            return Err(Problem::Wrong { field, wanted }.at(&outer.place));
        }
        Ok(Self {
            id: need("id")?,
            source: need("source")?,
            kind: need("type")?,
        })
    }

    fn draft(self, detail: String, subject: Option<String>, time: Option<String>) -> Draft {
        let mut draft = Draft::new(Kind::CloudEvent, &self.source, &self.kind, detail);
        draft.identity = Identity::Own(vec![self.source, self.id]);
        draft.time = time.as_deref().and_then(instant);
        if time.is_some() && draft.time.is_none() {
            draft
                .notes
                .push("the event's time could not be read".to_owned());
        }
        draft.resources = subject
            .into_iter()
            .filter(|subject| subject.starts_with("arn:"))
            .collect();
        draft
    }
}
