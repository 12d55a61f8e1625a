//! A text's data together with the places it stands at, whichever notation it was written in.
//!
//! Places form a tree of the same shape as the data: pointers are made only where something is to be told.
//!
//! Knows the limits that hold for documents in both notations, but no notation and no document.

use serde_json::Value;

/// Longest document text, in bytes (SSM's own limit of 64 KB).
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// Most scalars, lists and maps in one text.
pub(crate) const MAX_NODES: usize = 20_000;
/// Deepest nesting of lists and maps.
pub(crate) const MAX_DEPTH: usize = 32;

/// How large a text may be. Reading recurses, so `depth` must stay below the 128 levels that serde_json allows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most bytes.
    pub(crate) bytes: usize,
    /// Most scalars, lists and maps.
    pub(crate) nodes: usize,
    /// Deepest nesting of lists and maps.
    pub(crate) depth: usize,
}

/// Limits of an automation document.
pub(crate) const DOCUMENT: Limits = Limits {
    bytes: MAX_BYTES,
    nodes: MAX_NODES,
    depth: MAX_DEPTH,
};

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
    places: Places,
}

/// Where a value begins, and where its parts do, in the order of the data.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// The value itself.
    pub(crate) here: Place,
    /// Items of a list, values of a map.
    pub(crate) parts: Vec<Places>,
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
    pub(crate) fn new(value: Value, places: Places) -> Self {
        Self { value, places }
    }

    /// Where the part at `pointer` stands, or the nearest part around it.
    pub(crate) fn place(&self, pointer: &str) -> Place {
        let (mut value, mut places) = (&self.value, &self.places);
        for part in pointer.split('/').skip(1) {
            let inner = match value {
                Value::Object(map) => {
                    let key = part.replace("~1", "/").replace("~0", "~");
                    let mut members = map.iter().enumerate();
                    members
                        .find(|(_, (name, _))| **name == key)
                        .map(|(at, (_, inner))| (at, inner))
                }
                Value::Array(items) => {
                    let at = part.parse::<usize>().ok();
                    at.and_then(|at| Some((at, items.get(at)?)))
                }
                _ => None,
            };
            let Some((inner, deeper)) =
                inner.and_then(|(at, inner)| Some((inner, places.parts.get(at)?)))
            else {
                break;
            };
            (value, places) = (inner, deeper);
        }
        places.here
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
