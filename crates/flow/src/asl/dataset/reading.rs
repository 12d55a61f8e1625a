//! Which call comes next to read a data set, and what its answer brings: the small state of a reader between two calls.

use std::sync::Arc;

use model::effect::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::decoder::{Decoder, Sink};
use super::manifest::{self, Place};
use super::object::{Open, Window, received, refused};
use super::{MAX_MANIFEST, Unreadable, WINDOW, csv, json, lines, listing};
use crate::asl::definition::{Format, Source};

/// Most items that one answer brings; what is left of its window is asked for again.
const ITEMS: u64 = 20_000;

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
    /// Objects that are read one after another. They may be many and do not change: whoever stores a reading stores them
    /// beside it, once.
    #[serde(skip)]
    places: Arc<Vec<Place>>,
    /// How many of them have been opened.
    opened: usize,
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
        let mut places = Vec::new();
        if listing == Pages::None {
            places.push(Place {
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
            places: Arc::new(places),
            opened: 0,
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
        let items = match self.open.take() {
            Some(open) => self.took(open, answer)?,
            None => self.listed(answer.map_err(cause)?)?,
        };
        Ok(self.counted(items))
    }

    /// Whether items may be there that no call is needed for: those of a compressed object for which there was no room.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        self.left != Some(0) && self.open.as_ref().is_some_and(|open| open.full)
    }

    /// Gives the next of these items.
    ///
    /// # Errors
    /// Why the data set cannot be read.
    pub fn rest(&mut self) -> Result<Vec<Value>, Unreadable> {
        let Some(mut open) = self.open.take() else {
            return Ok(Vec::new());
        };
        let mut sink = self.sink();
        if !open.decode_tail(&mut sink)? {
            self.open = Some(open);
        }
        Ok(self.counted(sink.items))
    }

    /// Where the next items come from: the object that is open, or the bucket that is listed. In lower case, as the service
    /// shows it, not as its guide spells it.
    #[must_use]
    pub fn source(&self) -> String {
        match &self.open {
            Some(open) => format!("s3://{}/{}", open.place.bucket, open.place.key),
            None => {
                let bucket = self.given.get("Bucket").and_then(Value::as_str);
                format!("s3://{}", bucket.unwrap_or_default())
            }
        }
    }

    /// The objects that are read one after another, to be stored beside the reading.
    #[must_use]
    pub fn places(&self) -> &Arc<Vec<Place>> {
        &self.places
    }

    /// Takes back what [`Reading::places`] gave.
    pub fn restore_places(&mut self, places: Vec<Place>) {
        self.places = Arc::new(places);
    }

    fn sink(&self) -> Sink {
        Sink::bounded(self.left.unwrap_or(u64::MAX).min(ITEMS))
    }

    fn counted(&mut self, mut items: Vec<Value>) -> Vec<Value> {
        if let Some(left) = &mut self.left {
            items.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= u64::try_from(items.len()).unwrap_or(*left);
        }
        self.go_on();
        items
    }

    fn read_next(&mut self, places: Vec<Place>) {
        self.places = Arc::new(places);
        self.opened = 0;
    }

    /// Opens the next object, if none is open.
    fn go_on(&mut self) {
        if self.open.is_some() {
            return;
        }
        let place = self.places.get(self.opened).cloned();
        self.open = place.map(|place| Open::new(place, self.fresh.clone()));
        self.opened += 1;
        if self.opened >= self.places.len() && !self.places.is_empty() {
            self.read_next(Vec::new());
        }
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
        let places = places.collect();
        self.read_next(places);
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
        let mut sink = self.sink();
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
                self.read_next(places);
                self.fresh = Some(Decoder::Csv(csv::Decoder::new(&csv)?));
            }
            ManifestKind::Athena => {
                let places = manifest::athena(&window.bytes)?;
                self.read_next(places);
            }
        }
        Ok(())
    }
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

/// A failed call as the cause says it.
pub(super) fn cause(failure: &Failure) -> Unreadable {
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
