//! A text's data together with the places it stands at, whichever notation it was written in.
//!
//! Knows the limits that hold for both notations, but no notation and no document.

use std::collections::HashMap;

use serde_json::Value;

/// Longest document text, in bytes (SSM's own limit of 64 KB).
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// Most scalars, lists and maps in one text.
pub(crate) const MAX_NODES: usize = 20_000;
/// Deepest nesting of lists and maps.
pub(crate) const MAX_DEPTH: usize = 32;
/// Places are kept for the outer levels only: `/mainSteps/0/inputs/Steps/0/inputs/Choices/0`.
pub(crate) const PLACE_DEPTH: usize = 9;

/// A place in a text, both parts from 1; 0 when unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Place {
    /// Line.
    pub(crate) line: u32,
    /// Column, in characters.
    pub(crate) column: u32,
}

/// Parsed data and where its parts stand, by JSON pointer.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The data.
    pub(crate) value: Value,
    places: HashMap<String, Place>,
}

/// Why a text is not data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Where.
    pub(crate) place: Place,
    /// What is wrong.
    pub(crate) message: String,
}

impl Source {
    /// Joins data with its places.
    pub(crate) fn new(value: Value, places: HashMap<String, Place>) -> Self {
        Self { value, places }
    }

    /// Where the part at `pointer` stands, or the nearest part around it.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let mut rest = pointer;
        loop {
            if let Some(place) = self.places.get(rest) {
                return *place;
            }
            match rest.rfind('/') {
                Some(cut) => rest = &rest[..cut],
                None => return Place::default(),
            }
        }
    }
}

/// `pointer/key`, with the key escaped as RFC 6901 wants it.
pub(crate) fn child_pointer(pointer: &str, key: &str) -> String {
    if key.contains(['~', '/']) {
        format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"))
    } else {
        format!("{pointer}/{key}")
    }
}
