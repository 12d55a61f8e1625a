//! What only a distributed Map has: where its items come from, how they are bundled, where results go.
//!
//! Plain data, as [`super::parse`] reads it; how a data set is decoded is `asl::dataset`'s.

use super::{MachineType, Number, Text};
use crate::asl::template::Template;

/// Longest label in characters (the service's limit).
pub const MAX_LABEL: usize = 40;
/// Most items that `MaxItems` may ask for (the service's limit).
pub const MAX_ITEMS: u64 = 100_000_000;
/// Largest batch in bytes: what an execution may be started with.
pub const MAX_BATCH_BYTES: u64 = 262_144;
/// Largest header of a CSV file in bytes (the service's limit).
pub const MAX_HEADER_BYTES: usize = 10_240;

/// A Map of mode `DISTRIBUTED`: each item, or batch of items, is an execution of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Distributed {
    /// `ProcessorConfig.ExecutionType`: what the children are.
    pub execution_type: MachineType,
    /// `Label`: stands in the names of the map run and the children; one is made up where none is given.
    pub label: Option<String>,
    /// `ItemReader`; without it the items are the state's input, as for an inline Map.
    pub reader: Option<ItemReader>,
    /// `ItemBatcher`; without it each item is a child.
    pub batcher: Option<ItemBatcher>,
    /// `ResultWriter`; without it the results are the state's result.
    pub writer: Option<ResultWriter>,
}

/// `ItemReader`: items from a bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemReader {
    /// What is read, and how it is understood.
    pub source: Source,
    /// `Parameters` or `Arguments`: bucket, key, version, prefix.
    pub arguments: Template,
    /// `ReaderConfig.MaxItems`; 0 means all.
    pub max_items: Option<Number>,
}

/// What an [`ItemReader`] reads.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// `s3:getObject`: one object.
    Object(Format),
    /// `s3:listObjectsV2`: what is said of each object; with a format, the items in all of them one after another
    /// (`Transformation: LOAD_AND_FLATTEN`).
    Listing(Option<Format>),
}

/// How an object's bytes are understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// `CSV`.
    Csv(Csv),
    /// `JSON`: an array, at `ItemsPointer` where that is given.
    Json {
        /// `ItemsPointer`, a JSON Pointer (RFC 6901).
        pointer: Option<Text>,
    },
    /// `JSONL`: a value in each line.
    JsonLines,
    /// `MANIFEST`: an S3 inventory; the items are the rows of its CSV files.
    Inventory,
    /// An Athena manifest (`ManifestType: ATHENA_DATA`): a list of objects, each in this format.
    Athena(Box<Format>),
}

/// How a CSV file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    /// `CSVHeaders` for `GIVEN`; `None` for `FIRST_ROW`.
    pub headers: Option<Vec<String>>,
    /// The byte between two fields.
    pub delimiter: u8,
}

/// `ItemBatcher`: several items for each child.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemBatcher {
    /// `MaxItemsPerBatch`.
    pub max_items: Option<Number>,
    /// `MaxInputBytesPerBatch`.
    pub max_bytes: Option<Number>,
    /// `BatchInput`: goes with each batch.
    pub input: Option<Template>,
}

/// `ResultWriter`: how results are shown, and into which bucket they go.
#[derive(Debug, Clone, PartialEq)]
pub struct ResultWriter {
    /// `Parameters` or `Arguments` of `s3:putObject`: bucket and prefix; `None`: the results are the state's result.
    pub destination: Option<Template>,
    /// `WriterConfig.Transformation`.
    pub transformation: Transformation,
    /// `WriterConfig.OutputType` is `JSONL`: a result in each line, instead of a JSON array.
    pub lines: bool,
}

/// `WriterConfig.Transformation`: what is kept of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transformation {
    /// All that describes its execution.
    None,
    /// Its output.
    Compact,
    /// Its output; an output that is an array counts as so many results.
    Flatten,
}
