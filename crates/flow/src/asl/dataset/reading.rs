//! Which call comes next to read a data set, and what its answer brings: the small state of a reader between two calls.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::effect::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::decoder::{Decoder, Sink};
use super::inflate::{self, Inflate};
use super::manifest::{self, Place};
use super::{MAX_MANIFEST, Unreadable, WINDOW, csv, json, lines, listing};
use crate::asl::definition::{Format, Source};

/// Most items that one answer brings; what is left of its window is asked for again.
const ITEMS: u64 = 20_000;
/// How zstd begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A call to S3.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// `GetObject` or `ListObjectsV2`.
    pub operation: &'static str,
    /// Its parameters.
    pub parameters: Map<String, Value>,
}

/// A data set being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// What the definition gives the first call.
    given: Map<String, Value>,
    /// A decoder for each object; `None` for a listing whose entries are the items, and before a manifest was read.
    fresh: Option<Decoder>,
    /// The manifest that is to be read first.
    manifest: Option<ManifestKind>,
    listing: Pages,
    /// Objects that wait to be read.
    places: VecDeque<Place>,
    open: Option<Open>,
    /// How many more items are wanted; `None`: all.
    left: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ManifestKind {
    Inventory,
    Athena,
}

/// How far a listing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pages", rename_all = "snake_case")]
enum Pages {
    /// There is none, or nothing is left of it.
    None,
    /// A page comes next.
    Next { token: Option<String> },
}

/// An object that is being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    place: Place,
    /// Bytes of it that are done with.
    offset: u64,
    /// What it was when reading began; it must stay that.
    etag: Option<String>,
    decoder: Option<Decoder>,
    inflate: Option<Inflate>,
    /// What came out of it and is no whole item yet.
    #[serde(
        serialize_with = "inflate::to_text",
        deserialize_with = "inflate::from_text"
    )]
    tail: Vec<u8>,
}

/// A window of an object.
struct Window {
    bytes: Vec<u8>,
    /// Whether nothing follows it.
    last: bool,
}

fn refused(why: impl Into<String>) -> Unreadable {
    Unreadable::Object(why.into())
}

impl Reading {
    /// Begins to read. `given` are the filled-in arguments of the definition, `pointer` is `ItemsPointer`.
    ///
    /// # Errors
    /// What is missing in the arguments, or does not fit.
    pub fn begin(
        source: &Source,
        given: Value,
        (pointer, most): (&str, Option<u64>),
    ) -> Result<Self, Unreadable> {
        let Value::Object(given) = given else {
            return Err(refused("the arguments of the ItemReader are no object"));
        };
        let bucket = text(&given, "Bucket")?;
        let (format, listing) = match source {
            Source::Object(format) => (Some(format), Pages::None),
            Source::Listing(format) => (format.as_ref(), Pages::Next { token: None }),
        };
        let mut places = VecDeque::new();
        if listing == Pages::None {
            places.push_back(Place {
                bucket,
                key: text(&given, "Key")?,
                version: given
                    .get("VersionId")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
            });
        }
        let (fresh, manifest) = match format {
            None => (None, None),
            Some(Format::Inventory) => (None, Some(ManifestKind::Inventory)),
            Some(Format::Athena(inner)) => (decoder(inner, pointer)?, Some(ManifestKind::Athena)),
            Some(format) => (decoder(format, pointer)?, None),
        };
        let mut reading = Self {
            given,
            fresh,
            manifest,
            listing,
            places,
            open: None,
            left: most,
        };
        reading.go_on();
        Ok(reading)
    }

    /// The call that comes next; `None` when all has been read.
    #[must_use]
    pub fn wanted(&self) -> Option<Wanted> {
        if self.left == Some(0) {
            return None;
        }
        if let Some(open) = &self.open {
            return Some(self.window(open));
        }
        let Pages::Next { token } = &self.listing else {
            return None;
        };
        let mut parameters = self.given.clone();
        if let Some(token) = token {
            parameters.insert("ContinuationToken".to_owned(), json!(token));
        }
        Some(Wanted {
            operation: "ListObjectsV2",
            parameters,
        })
    }

    fn window(&self, open: &Open) -> Wanted {
        let mut parameters = Map::new();
        let mut put = |name: &str, value: Value| parameters.insert(name.to_owned(), value);
        let Place {
            bucket,
            key,
            version,
        } = &open.place;
        if self.given.get("Bucket") == Some(&json!(bucket)) {
            for name in ["ExpectedBucketOwner", "RequestPayer"] {
                if let Some(value) = self.given.get(name) {
                    put(name, value.clone());
                }
            }
        }
        put("Bucket", json!(bucket));
        put("Key", json!(key));
        if let Some(version) = version {
            put("VersionId", json!(version));
        }
        let most = u64::try_from(WINDOW).unwrap_or(u64::MAX);
        let end = open.offset.saturating_add(most - 1);
        put("Range", json!(format!("bytes={}-{end}", open.offset)));
        if let Some(etag) = &open.etag {
            put("IfMatch", json!(etag));
        }
        Wanted {
            operation: "GetObject",
            parameters,
        }
    }

    /// Takes the answer to the call that was wanted and gives the items that it brings.
    ///
    /// # Errors
    /// Why the data set cannot be read.
    pub fn take(&mut self, answer: Result<&Value, &Failure>) -> Result<Vec<Value>, Unreadable> {
        let mut items = match self.open.take() {
            Some(open) => self.took(open, answer)?,
            None => self.listed(answer.map_err(cause)?)?,
        };
        if let Some(left) = &mut self.left {
            items.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= u64::try_from(items.len()).unwrap_or(*left);
        }
        self.go_on();
        Ok(items)
    }

    /// Opens the next object, if none is open.
    fn go_on(&mut self) {
        if self.open.is_some() {
            return;
        }
        self.open = self.places.pop_front().map(|place| Open {
            place,
            offset: 0,
            etag: None,
            decoder: self.fresh.clone(),
            inflate: None,
            tail: Vec::new(),
        });
    }

    fn listed(&mut self, answer: &Value) -> Result<Vec<Value>, Unreadable> {
        let page = listing::page(answer)?;
        self.listing = match page.next {
            Some(token) => Pages::Next { token: Some(token) },
            None => Pages::None,
        };
        if self.fresh.is_none() {
            return Ok(page.objects);
        }
        let bucket = text(&self.given, "Bucket")?;
        let places = page
            .objects
            .iter()
            // What has no bytes is a folder's mark, or brings no items.
            .filter(|object| object["Size"] != json!(0))
            .filter_map(|object| object["Key"].as_str())
            .map(|key| Place {
                bucket: bucket.clone(),
                key: key.to_owned(),
                version: None,
            });
        self.places.extend(places);
        Ok(Vec::new())
    }

    fn took(
        &mut self,
        mut open: Open,
        answer: Result<&Value, &Failure>,
    ) -> Result<Vec<Value>, Unreadable> {
        let window = received(&mut open, answer)?;
        if let Some(kind) = self.manifest.take() {
            self.unfold(kind, &window)?;
            return Ok(Vec::new());
        }
        // What has been decompressed is decoded at once: it cannot be asked for again.
        let packed = open.begins_packed(&window) || open.inflate.is_some();
        let most = if packed { u64::MAX } else { ITEMS };
        let mut sink = Sink::new(Some(self.left.unwrap_or(u64::MAX).min(most)));
        let ended = open.decode(&window, &mut sink)?;
        if !ended {
            self.open = Some(open);
        }
        Ok(sink.items)
    }

    /// Reads a manifest: the objects that it lists come next.
    fn unfold(&mut self, kind: ManifestKind, window: &Window) -> Result<(), Unreadable> {
        if !window.last {
            return Err(refused(format!(
                "the manifest has more than {MAX_MANIFEST} bytes: split it"
            )));
        }
        match kind {
            ManifestKind::Inventory => {
                let (places, csv) = manifest::inventory(&window.bytes)?;
                self.places.extend(places);
                self.fresh = Some(Decoder::Csv(csv::Decoder::new(&csv)?));
            }
            ManifestKind::Athena => self.places.extend(manifest::athena(&window.bytes)?),
        }
        Ok(())
    }
}

impl Open {
    /// Whether a compressed object begins in this window.
    fn begins_packed(&self, window: &Window) -> bool {
        self.offset == 0 && window.bytes.starts_with(&inflate::MAGIC)
    }

    /// Decodes a window; `true` when the object is done with.
    fn decode(&mut self, window: &Window, sink: &mut Sink) -> Result<bool, Unreadable> {
        let packed = self.begins_packed(window);
        let Some(decoder) = &mut self.decoder else {
            return Err(refused("it is not known how the object is written"));
        };
        if packed {
            self.inflate.get_or_insert_default();
        }
        if self.offset == 0 && window.bytes.starts_with(&ZSTD) {
            let message = "it is compressed with zstd: this server reads what is not compressed, or with gzip";
            return Err(refused(message));
        }
        let short = || refused("the answer is shorter than what was asked for");
        let Some(inflate) = &mut self.inflate else {
            let used = decoder.decode(&window.bytes, window.last, sink)?;
            self.offset += count(used);
            if used == 0 && !window.last && !sink.is_full() {
                return Err(short());
            }
            let all = window.last && used == window.bytes.len();
            return Ok(decoder.is_done() || all);
        };
        let (used, out) = inflate
            .open(&window.bytes, window.last, WINDOW)
            .map_err(|why| refused(format!("it cannot be decompressed: {why}")))?;
        self.offset += count(used);
        let ended = window.last && used == window.bytes.len() && inflate.is_between();
        if used == 0 && out.is_empty() && !ended {
            return Err(short());
        }
        self.tail.extend(out);
        let used = decoder.decode(&self.tail, ended, sink)?;
        self.tail.drain(..used);
        Ok(decoder.is_done() || (ended && self.tail.is_empty()))
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn text(given: &Map<String, Value>, name: &str) -> Result<String, Unreadable> {
    given
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .ok_or_else(|| {
            refused(format!(
                "`{name}` in the arguments of the ItemReader is no text"
            ))
        })
}

/// A decoder for objects of this format.
fn decoder(format: &Format, pointer: &str) -> Result<Option<Decoder>, Unreadable> {
    Ok(Some(match format {
        Format::Csv(csv) => Decoder::Csv(csv::Decoder::new(csv)?),
        Format::Json { .. } => Decoder::Json(json::Decoder::new(pointer)?),
        Format::JsonLines => Decoder::Lines(lines::Decoder::default()),
        Format::Inventory | Format::Athena(_) => return Ok(None),
    }))
}

/// The window that an answer brings; an empty object has none that could be asked for.
fn received(open: &mut Open, answer: Result<&Value, &Failure>) -> Result<Window, Unreadable> {
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
    let length = answer["ContentLength"].as_u64();
    if length.is_none_or(|length| length == count(shown.len())) {
        return Ok(shown.into_bytes());
    }
    STANDARD
        .decode(shown)
        .ok()
        .filter(|bytes| length == Some(count(bytes.len())))
        .ok_or_else(|| refused("the answer has other bytes than it says"))
}

/// A failed call as the cause says it.
fn cause(failure: &Failure) -> Unreadable {
    Unreadable::Call(s3_words(failure))
}

/// A failed call to S3 in the words of the service's SDK.
#[must_use]
pub fn s3_words(failure: &Failure) -> String {
    format!(
        "{} (Service: Amazon S3; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: null)",
        failure.message,
        failure.status.unwrap_or(0),
        failure.code,
        failure.request_id.as_deref().unwrap_or("null"),
    )
}
