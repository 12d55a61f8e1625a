//! What the document operations share: heads, versions, checks of a text, and the wire form.

use engine::views::documents::{self, Diagnostic, DiagnosticKind, Format};
use engine::views::{Document, automation};
use model::document::{DocumentContent, DocumentHead, DocumentVersion};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{attachments, names, requires};
use crate::call::Call;
use crate::catalog;
use crate::decode::{Fields, epoch};
use crate::error::ApiError;
use crate::tags;

/// Most mistakes that one message tells.
const SHOWN_MISTAKES: usize = 20;

/// A document's head, which must exist.
pub(super) async fn existing(call: &Call, name: &str) -> Result<DocumentHead, ApiError> {
    let found = catalog::read::<DocumentHead>(call.handle(), &names::head_key(call, name)).await?;
    found
        .map(|kept| kept.body)
        .ok_or_else(|| names::no_document(name))
}

/// The text of a version.
pub(super) async fn content(
    call: &Call,
    name: &str,
    version: u32,
) -> Result<DocumentContent, ApiError> {
    let found =
        catalog::read::<DocumentContent>(call.handle(), &names::content_key(call, name, version))
            .await?;
    let missing = || {
        ApiError::internal(format!(
            "the text of document `{name}` version {version} is missing"
        ))
    };
    found.map(|kept| kept.body).ok_or_else(missing)
}

/// The version that `DocumentVersion` and `VersionName` mean; neither means the default version.
pub(super) fn chosen<'a>(
    fields: &Fields<'_>,
    head: &'a DocumentHead,
) -> Result<&'a DocumentVersion, ApiError> {
    let version = fields
        .text("DocumentVersion", names::VERSION)?
        .filter(|text| !text.is_empty());
    let name = fields.text("VersionName", names::VERSION_NAME)?;
    let numbered = version.map(|version| numbered(head, version)).transpose()?;
    let named = name
        .map(|name| {
            let found = head
                .versions
                .iter()
                .find(|version| version.name.as_deref() == Some(name));
            found.ok_or_else(|| names::no_version(name))
        })
        .transpose()?;
    match (numbered, named) {
        (Some(one), Some(other)) if one.number != other.number => {
            Err(names::no_version(&other.number.to_string()))
        }
        (Some(one), _) | (None, Some(one)) => Ok(one),
        (None, None) => numbered_default(head),
    }
}

fn numbered_default(head: &DocumentHead) -> Result<&DocumentVersion, ApiError> {
    numbered(head, "$DEFAULT")
}

/// The version that a number, `$LATEST` or `$DEFAULT` means.
pub(super) fn numbered<'a>(
    head: &'a DocumentHead,
    version: &str,
) -> Result<&'a DocumentVersion, ApiError> {
    let number = match version {
        "$LATEST" => Some(head.latest_version),
        "$DEFAULT" | "" => Some(head.default_version),
        number => number.parse().ok(),
    };
    let found = head
        .versions
        .iter()
        .find(|version| Some(version.number) == number);
    found.ok_or_else(|| names::no_version(version))
}

/// A text that has passed all checks.
pub(super) struct Checked {
    /// What it says.
    pub(super) document: Document,
    /// Its stored form.
    pub(super) content: DocumentContent,
    /// SHA-256, lower-case hex.
    pub(super) hash: String,
}

/// Reads and checks the request's `Content` and `DocumentFormat`.
pub(super) fn checked(fields: &Fields<'_>) -> Result<Checked, ApiError> {
    let text = fields.required_text("Content", crate::decode::Text::length(1, usize::MAX))?;
    let format = match fields.one_of("DocumentFormat", &["YAML", "JSON", "TEXT"])? {
        Some("YAML") => Format::Yaml,
        Some("TEXT") => {
            return Err(ApiError::new(
                "InvalidDocumentContent",
                "Automation documents are JSON or YAML, not TEXT.",
            ));
        }
        _ => Format::Json,
    };
    let (document, mistakes) = documents::parse(text, format);
    match document {
        Some(document) if mistakes.is_empty() => Ok(Checked {
            document,
            content: DocumentContent {
                format: format.as_str().to_owned(),
                content: text.to_owned(),
            },
            hash: hex::encode(Sha256::digest(text.as_bytes())),
        }),
        _ => Err(refusal(&mistakes)),
    }
}

/// The exception for a text with mistakes: all of them, with their places.
fn refusal(mistakes: &[Diagnostic]) -> ApiError {
    let code = match mistakes.first().map(|mistake| mistake.kind) {
        Some(DiagnosticKind::TooLarge) => "MaxDocumentSizeExceeded",
        Some(DiagnosticKind::SchemaVersion) => "InvalidDocumentSchemaVersion",
        _ => "InvalidDocumentContent",
    };
    let mut lines: Vec<String> = mistakes
        .iter()
        .take(SHOWN_MISTAKES)
        .map(ToString::to_string)
        .collect();
    if mistakes.len() > SHOWN_MISTAKES {
        lines.push(format!("and {} more", mistakes.len() - SHOWN_MISTAKES));
    }
    ApiError::new(code, lines.join("\n"))
}

/// The stored text, read again for what it declares.
pub(super) fn parsed(content: &DocumentContent) -> Option<Document> {
    let format = Format::parse(&content.format)?;
    documents::parse(&content.content, format).0
}

/// A `DocumentDescription`.
pub(super) fn description(
    head: &DocumentHead,
    version: &DocumentVersion,
    document: Option<&Document>,
) -> Value {
    let mut body = identifier(head, version);
    body["Hash"] = version.hash.as_str().into();
    body["HashType"] = "Sha256".into();
    body["Status"] = "Active".into();
    body["CreatedDate"] = epoch(version.created);
    body["LatestVersion"] = head.latest_version.to_string().into();
    if !version.attachments.is_empty() {
        body["AttachmentsInformation"] = attachments::information(version);
    }
    body["DefaultVersion"] = head.default_version.to_string().into();
    if let Some(document) = document {
        if let Some(text) = &document.description {
            body["Description"] = text.as_str().into();
        }
        if !document.parameters.is_empty() {
            body["Parameters"] = automation::document_parameters(document).into();
        }
    }
    body
}

/// A `DocumentIdentifier`, as lists show it.
pub(super) fn identifier(head: &DocumentHead, version: &DocumentVersion) -> Value {
    let mut body = json!({
        "Name": head.name,
        "Owner": head.owner,
        "CreatedDate": epoch(head.created),
        "DocumentVersion": version.number.to_string(),
        "DocumentType": head.document_type,
        "DocumentFormat": version.format,
        "SchemaVersion": "0.3",
        "PlatformTypes": ["Windows", "Linux", "MacOS"],
        "Tags": tags::write(&head.tags),
    });
    if !version.requires.is_empty() {
        body["Requires"] = requires::shown(version);
    }
    let optional = [
        ("VersionName", &version.name),
        ("DisplayName", &head.display_name),
        ("TargetType", &head.target_type),
    ];
    for (member, value) in optional {
        if let Some(value) = value {
            body[member] = value.as_str().into();
        }
    }
    body
}
