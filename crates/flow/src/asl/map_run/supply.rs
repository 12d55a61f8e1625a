//! Where the items of a map run come from and where its results go, as the parent's state has it, filled in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::asl::dataset::batch::BatchLimits;

/// What the fields `ItemReader`, `ItemBatcher` and `ResultWriter` came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Supply {
    /// The reader's arguments; `None`: the items are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) read: Option<Value>,
    /// `ItemsPointer`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) pointer: String,
    /// `MaxItems`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) most: Option<u64>,
    /// Why nothing can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batching: Option<Batching>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) destination: Option<Destination>,
}

/// How items are bundled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Batching {
    pub(crate) limits: BatchLimits,
    /// `BatchInput`.
    pub(crate) input: Option<Value>,
}

/// Where results are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    /// `ExpectedBucketOwner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<String>,
}
