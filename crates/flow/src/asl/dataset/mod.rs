//! Data sets of distributed Maps: objects of a bucket become items, results become objects.
//!
//! | step | where |
//! |---|---|
//! | which call comes next, and what its answer brings | [`reading`] |
//! | bytes to items, a window at a time | [`decoder`]: [`csv`], [`json`], [`lines`]; [`inflate`] before them |
//! | lists of further objects | [`manifest`], [`listing`] |
//! | items to batches | [`batch`] |
//! | results to files | [`writing`] |
//!
//! Everything here is pure and can be stored between two calls: an object of any size is read in windows of bounded size,
//! and what has to be remembered from one to the next is small. Knows nothing of map runs.

pub mod batch;
pub mod csv;
pub mod decoder;
pub mod inflate;
pub mod json;
pub mod lines;
pub(crate) mod listing;
pub(crate) mod manifest;
mod object;
pub mod reading;
pub(crate) mod weight;
pub(crate) mod writing;

pub use decoder::{Decoder, Sink};
pub use manifest::Place;

/// Largest item in bytes of JSON: what an execution may be started with.
pub const MAX_ITEM: usize = 262_144;
/// Largest item in bytes as an object holds it, with its spaces and escapes.
pub const MAX_RAW_ITEM: usize = 524_288;
/// Bytes of an object that are asked for at once; more than any item has.
pub const WINDOW: usize = 1_048_576;
/// What the items weigh together that are decoded at once: about the bytes of memory that they take. The last one may be
/// more than is left of it.
pub const MAX_WEIGHT: usize = 8_388_608;
/// Largest manifest in bytes.
pub const MAX_MANIFEST: usize = 1_048_576;

/// A data set that cannot be read: the cause of `States.ItemReaderFailed`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The service's words for a header that names a column twice.
    #[error("CSV headers cannot contain duplicates.")]
    RepeatedHeader,
    /// The service's words for what is no array.
    #[error("Attempting to map over non-iterable node.")]
    NotIterable,
    /// The header of a CSV file is too large.
    #[error("the CSV header has more than {0} bytes: shorten it, or give CSVHeaders")]
    LongHeader(usize),
    /// One item is too large.
    #[error("item {number} is larger than {most} bytes: make the items of the data set smaller")]
    LargeItem {
        /// Position of the item in its object, from 0.
        number: u64,
        /// The limit.
        most: usize,
    },
    /// One item is written wrongly.
    #[error("item {number} cannot be read: {why}")]
    Item {
        /// Position of the item in its object, from 0.
        number: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A call failed.
    #[error("{0}")]
    Call(String),
    /// The object as a whole is written wrongly.
    #[error("the object cannot be read: {0}")]
    Object(String),
}
