//! Automation documents, as stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Resource kind of document heads. Name: the document's name.
pub const DOCUMENT: &str = "ssm-document";
/// Resource kind of document contents, immutable. Name: `<document>/<version>`.
pub const DOCUMENT_CONTENT: &str = "ssm-document-content";

/// Resource kind of the contents of attachments, immutable. Name: `<document>/<version>/<attachment>`.
pub const DOCUMENT_ATTACHMENT: &str = "ssm-document-attachment";

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
    /// Files that scripts of this version come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Documents that this version needs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<Requirement>,
}

/// One attachment of a version. Its content is an [`AttachedContent`] resource of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Name, e.g. `tools.zip`: 3 to 128 letters, digits and `_-.`.
    pub name: String,
    /// SHA-256 of the content, lower-case hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// The content of an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedContent {
    /// The bytes in base64.
    pub base64: String,
}

/// A document that another one needs (`Requires`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Name or ARN, as given.
    pub name: String,
    /// `$LATEST`, `$DEFAULT` or a number; `None` is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `RequireType`: type of the document, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_type: Option<String>,
    /// `VersionName` that a version must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_name: Option<String>,
}

impl DocumentHead {
    /// The version that a number, `$LATEST`, `$DEFAULT` or nothing (the default one) means.
    #[must_use]
    pub fn version(&self, wanted: &str) -> Option<&DocumentVersion> {
        let number = match wanted {
            "" | "$DEFAULT" => self.default_version,
            "$LATEST" => self.latest_version,
            number => number.parse().ok()?,
        };
        self.versions
            .iter()
            .find(|version| version.number == number)
    }

    /// Whether there is a version that fits a requirement.
    #[must_use]
    pub fn fits(&self, requirement: &Requirement) -> bool {
        let named = |version: &DocumentVersion| {
            let wanted = requirement.version_name.as_deref();
            wanted.is_none_or(|wanted| version.name.as_deref() == Some(wanted))
        };
        match requirement
            .version
            .as_deref()
            .filter(|text| !text.is_empty())
        {
            Some(number) => self.version(number).is_some_and(named),
            None => self.versions.iter().any(named),
        }
    }
}

/// The text of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentContent {
    /// `JSON` or `YAML`.
    pub format: String,
    /// Text as given.
    pub content: String,
}
