//! Automation documents, as stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Resource kind of document heads. Name: the document's name.
pub const DOCUMENT: &str = "ssm-document";
/// Resource kind of document contents, immutable. Name: `<document>/<version>`.
pub const DOCUMENT_CONTENT: &str = "ssm-document-content";

/// A document's head: which versions there are. The texts are [`DocumentContent`] resources of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentHead {
    /// Name.
    pub name: String,
    /// `DocumentType`, `Automation`.
    pub document_type: String,
    /// Number of the version that `$DEFAULT` means.
    pub default_version: u32,
    /// Number of the version that `$LATEST` means.
    pub latest_version: u32,
    /// Versions that exist.
    pub versions: Vec<DocumentVersion>,
    /// Owner account.
    pub owner: String,
    /// When it was created.
    pub created: Timestamp,
    /// `TargetType`, kept and shown.
    #[serde(default)]
    pub target_type: Option<String>,
    /// `DisplayName`, kept and shown.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Accounts the document is shared with (`ModifyDocumentPermission`).
    #[serde(default)]
    pub shared_with: Vec<String>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// One version in a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentVersion {
    /// Number, from 1.
    pub number: u32,
    /// `VersionName`.
    #[serde(default)]
    pub name: Option<String>,
    /// When it was created.
    pub created: Timestamp,
    /// SHA-256 of the content, lower-case hex.
    pub hash: String,
    /// `JSON` or `YAML`, as given.
    pub format: String,
}

/// The text of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentContent {
    /// `JSON` or `YAML`.
    pub format: String,
    /// Text as given.
    pub content: String,
}
