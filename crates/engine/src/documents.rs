//! Documents parsed before: a storm starts many runs of one document, and parsing costs more than a step.
//!
//! A version's text never changes under its hash, so an entry is never wrong, only unused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use flow::automation::Document;
use flow::automation::document::Format;

/// Documents kept; the oldest goes first.
const KEPT: usize = 64;

/// What names a text: document, version and SHA-256 of the content.
pub(crate) type Key = (String, u32, String);

/// A text and what it says.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) format: Format,
    pub(crate) content: Arc<str>,
    pub(crate) parsed: Option<Arc<Document>>,
}

#[derive(Default)]
struct Kept {
    known: HashMap<Key, Known>,
    order: VecDeque<Key>,
}

/// The documents.
#[derive(Default)]
pub(crate) struct Documents(Mutex<Kept>);

impl Documents {
    pub(crate) fn get(&self, key: &Key) -> Option<Known> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.known.get(key).cloned()
    }

    pub(crate) fn put(&self, key: Key, known: Known) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.known.insert(key.clone(), known).is_none() {
            kept.order.push_back(key);
        }
        if kept.order.len() > KEPT
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.known.remove(&oldest);
        }
    }
}
