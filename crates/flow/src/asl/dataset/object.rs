//! One object that is being read: its windows, whether it is compressed or not, and what waits of them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::effect::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::decoder::{Decoder, Sink};
use super::inflate::{self, Inflate};
use super::manifest::Place;
use super::reading::cause;
use super::{Unreadable, WINDOW};

/// How zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Bytes that are decompressed before what came out is decoded.
const PORTION: usize = 262_144;
/// Portions of one answer.
const PORTIONS: usize = WINDOW / PORTION;

/// An object that is being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Open {
    pub(super) place: Place,
    /// Bytes of it that are done with.
    pub(super) offset: u64,
    /// What it was when reading began; it must stay that.
    pub(super) etag: Option<String>,
    decoder: Option<Decoder>,
    inflate: Option<Inflate>,
    /// What came out of it and is no whole item yet.
    #[serde(
        serialize_with = "inflate::to_text",
        deserialize_with = "inflate::from_text"
    )]
    tail: Vec<u8>,
    /// Whether whole items may stand in `tail`: there was no room for more at once.
    #[serde(default)]
    pub(super) full: bool,
    /// Whether nothing follows `tail`.
    #[serde(default)]
    ended: bool,
}

/// A window of an object.
pub(super) struct Window {
    pub(super) bytes: Vec<u8>,
    /// Whether nothing follows it.
    pub(super) last: bool,
}

pub(super) fn refused(why: impl Into<String>) -> Unreadable {
    Unreadable::Object(why.into())
}

impl Open {
    /// An object of which nothing has been read.
    pub(super) fn new(place: Place, decoder: Option<Decoder>) -> Self {
        Self {
            place,
            offset: 0,
            etag: None,
            decoder,
            inflate: None,
            tail: Vec::new(),
            full: false,
            ended: false,
        }
    }

    /// Whether a compressed object begins in this window.
    fn begins_packed(&self, window: &Window) -> bool {
        self.offset == 0 && window.bytes.starts_with(&inflate::MAGIC)
    }

    /// Decodes a window; `true` when the object is done with.
    pub(super) fn decode(&mut self, window: &Window, sink: &mut Sink) -> Result<bool, Unreadable> {
        if self.offset == 0 && window.bytes.starts_with(&ZSTD) {
            let message = "it is compressed with zstd: this server reads what is not compressed, or with gzip";
            return Err(refused(message));
        }
        if self.begins_packed(window) || self.inflate.is_some() {
            return self.unpack(window, sink);
        }
        let decoder = self.decoder.as_mut().ok_or_else(unknown)?;
        let used = decoder.decode(&window.bytes, window.last, sink)?;
        self.offset += count(used);
        if used == 0 && !window.last && !sink.is_full() {
            return Err(short());
        }
        let all = window.last && used == window.bytes.len();
        Ok(decoder.is_done() || all)
    }

    /// Decompresses a window by portions, each of which is decoded before the next; what there is no room for waits.
    fn unpack(&mut self, window: &Window, sink: &mut Sink) -> Result<bool, Unreadable> {
        let (mut taken, mut out) = (0, 0);
        for _ in 0..PORTIONS {
            let rest = window.bytes.get(taken..).unwrap_or_default();
            let inflate = self.inflate.get_or_insert_default();
            let (used, portion) = inflate
                .open(rest, window.last, PORTION)
                .map_err(|why| refused(format!("it cannot be decompressed: {why}")))?;
            self.ended = window.last && used == rest.len() && inflate.is_between();
            taken += used;
            self.offset += count(used);
            out += portion.len();
            let stands = used == 0 && portion.is_empty();
            self.tail.extend(portion);
            if self.decode_tail(sink)? {
                return Ok(true);
            }
            if self.full || sink.is_full() {
                return Ok(false);
            }
            if stands {
                break;
            }
        }
        if taken == 0 && out == 0 {
            return Err(short());
        }
        Ok(false)
    }

    /// Decodes what has been decompressed; `true` when the object is done with.
    pub(super) fn decode_tail(&mut self, sink: &mut Sink) -> Result<bool, Unreadable> {
        let decoder = self.decoder.as_mut().ok_or_else(unknown)?;
        let used = decoder.decode(&self.tail, self.ended, sink)?;
        self.tail.drain(..used);
        self.full = sink.is_full() && !self.tail.is_empty();
        if self.ended && !self.tail.is_empty() && !self.full {
            return Err(short());
        }
        Ok(decoder.is_done() || (self.ended && self.tail.is_empty()))
    }
}

fn short() -> Unreadable {
    refused("the answer is shorter than what was asked for")
}

fn unknown() -> Unreadable {
    refused("it is not known how the object is written")
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The window that an answer brings; an empty object has none that could be asked for.
pub(super) fn received(
    open: &mut Open,
    answer: Result<&Value, &Failure>,
) -> Result<Window, Unreadable> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(failure) if failure.code == "InvalidRange" && open.offset == 0 => {
            return Ok(Window {
                bytes: Vec::new(),
                last: true,
            });
        }
        Err(failure) if failure.code == "PreconditionFailed" => {
            let Place { bucket, key, .. } = &open.place;
            return Err(refused(format!(
                "s3://{bucket}/{key} was changed while it was read"
            )));
        }
        Err(failure) => return Err(cause(failure)),
    };
    let bytes = body(answer)?;
    let behind = open.offset + count(bytes.len());
    let total = answer["ContentRange"]
        .as_str()
        .and_then(|range| range.rsplit_once('/'))
        .and_then(|(_, total)| total.parse::<u64>().ok());
    if total.is_none() && open.offset > 0 {
        return Err(refused(
            "the bucket's service does not answer with a part of the object",
        ));
    }
    if open.etag.is_none() {
        open.etag = answer["ETag"].as_str().map(str::to_owned);
    }
    Ok(Window {
        bytes,
        last: total.is_none_or(|total| behind >= total),
    })
}

/// The bytes of an answer: they are shown as text where they are one, else in base64. Their number tells which.
fn body(answer: &Value) -> Result<Vec<u8>, Unreadable> {
    let shown = match &answer["Body"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        // A rehearsal's mock may give what the object holds.
        other => other.to_string(),
    };
    let length = answer["ContentLength"].as_u64().or_else(|| ranged(answer));
    let Some(length) = length else {
        // A text, unless it can only be a compressed object.
        let opened = STANDARD.decode(&shown).ok();
        let opened = opened.filter(|bytes| bytes.starts_with(&inflate::MAGIC));
        return Ok(opened.unwrap_or_else(|| shown.into_bytes()));
    };
    if length == count(shown.len()) {
        return Ok(shown.into_bytes());
    }
    STANDARD
        .decode(shown)
        .ok()
        .filter(|bytes| length == count(bytes.len()))
        .ok_or_else(|| refused("the answer has other bytes than it says"))
}

/// How many bytes an answer has by the range that it names, such as `bytes 0-9/100`.
fn ranged(answer: &Value) -> Option<u64> {
    let range = answer["ContentRange"].as_str()?.strip_prefix("bytes ")?;
    let (from, to) = range.split_once('/')?.0.split_once('-')?;
    let (from, to): (u64, u64) = (from.parse().ok()?, to.parse().ok()?);
    to.checked_sub(from)?.checked_add(1)
}
