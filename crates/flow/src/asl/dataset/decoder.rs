//! Bytes to items, whatever the format: windows go in, items come out in their order.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{MAX_ITEM, MAX_WEIGHT, Unreadable, csv, json, lines, weight};

/// Where decoded items go, and how many are wanted.
#[derive(Debug, Default)]
pub struct Sink {
    /// What came so far.
    pub items: Vec<Value>,
    most: Option<u64>,
    /// What they may weigh before no further one is taken.
    room: Option<usize>,
    weight: usize,
}

impl Sink {
    /// Takes so many items, or all.
    #[must_use]
    pub fn new(most: Option<u64>) -> Self {
        Self {
            items: Vec::new(),
            most,
            room: None,
            weight: 0,
        }
    }

    /// Takes so many items, and no more than memory is given for at once.
    #[must_use]
    pub fn bounded(most: u64) -> Self {
        Self {
            room: Some(MAX_WEIGHT),
            ..Self::new(Some(most))
        }
    }

    /// What came so far weighs so much: about the bytes of memory that it takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Whether no further item is wanted.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let count = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        let heavy = self.room.is_some_and(|room| self.weight >= room);
        heavy || self.most.is_some_and(|most| count >= most)
    }

    /// Takes item `number` of its object.
    ///
    /// # Errors
    /// It is larger than an execution's input may be.
    pub(super) fn push(&mut self, number: u64, item: Value) -> Result<(), Unreadable> {
        let text = weight::text(&item);
        if text > MAX_ITEM {
            return Err(Unreadable::LargeItem {
                number,
                most: MAX_ITEM,
            });
        }
        self.weight = self.weight.saturating_add(weight::of(&item, text));
        self.items.push(item);
        Ok(())
    }
}

/// One object being decoded. What it remembers is small and can be stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
pub enum Decoder {
    /// Comma-separated values.
    Csv(csv::Decoder),
    /// An array of JSON.
    Json(json::Decoder),
    /// JSON Lines.
    Lines(lines::Decoder),
}

impl Decoder {
    /// Decodes what is complete in a window and says how many of its bytes are done with; the next window begins with
    /// the others. `last` tells that nothing follows the window.
    ///
    /// # Errors
    /// The object is not what it should be.
    pub fn decode(
        &mut self,
        window: &[u8],
        last: bool,
        sink: &mut Sink,
    ) -> Result<usize, Unreadable> {
        match self {
            Self::Csv(csv) => csv.decode(window, last, sink),
            Self::Json(json) => json.decode(window, last, sink),
            Self::Lines(lines) => lines.decode(window, last, sink),
        }
    }

    /// Whether nothing that follows matters.
    #[must_use]
    pub fn is_done(&self) -> bool {
        match self {
            Self::Json(json) => json.is_done(),
            Self::Csv(_) | Self::Lines(_) => false,
        }
    }
}

/// The mark that some programs put before UTF-8.
const MARK: &[u8] = b"\xEF\xBB\xBF";

/// How many bytes of an object's beginning say nothing: 0 or 3. `None` while that cannot be told.
pub(super) fn mark(window: &[u8], last: bool) -> Option<usize> {
    if window.starts_with(MARK) {
        Some(MARK.len())
    } else if MARK.starts_with(window) && !last {
        None
    } else {
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_from_data() {
        assert_eq!(mark(b"\xEF\xBB\xBFa", false), Some(3));
        assert_eq!(mark(b"\xEF\xBB", false), None);
        assert_eq!(mark(b"\xEF\xBB", true), Some(0));
        assert_eq!(mark(b"", true), Some(0));
        assert_eq!(mark(b"a", false), Some(0));
    }

    #[test]
    fn a_sink_knows_how_many_it_wants_and_how_large_they_may_be() {
        let mut sink = Sink::new(Some(1));
        assert!(!sink.is_full());
        let large = Value::String("x".repeat(MAX_ITEM));
        assert!(matches!(
            sink.push(7, large),
            Err(Unreadable::LargeItem { number: 7, .. })
        ));
        sink.push(8, Value::Null).expect("small");
        assert!(sink.is_full());
        let mut sink = Sink::bounded(u64::MAX);
        let wide = Value::Array(vec![Value::Null; 40_000]);
        while !sink.is_full() {
            sink.push(0, wide.clone()).expect("small");
        }
        assert_eq!(sink.items.len(), 3);
        assert!(sink.weight() < MAX_WEIGHT + weight::of(&wide, weight::text(&wide)));
    }
}
