//! `UpdateDocument`: a new version behind the latest one; the default stays.

use model::document::{DocumentHead, DocumentVersion};
use model::resource::Expect;
use serde_json::json;

use super::{attachments, documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;

/// Most versions of one document.
const MAX_VERSIONS: usize = 1000;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    let base = fields
        .text("DocumentVersion", names::VERSION)?
        .unwrap_or_default();
    let version_name = fields.text("VersionName", names::VERSION_NAME)?;
    let display_name = fields.text("DisplayName", Text::length(0, 1024))?;
    let target_type = fields.text("TargetType", Text::length(0, 200))?;
    documents::existing(&call, &name).await?;
    let checked = documents::checked(&fields)?;
    let attached = attachments::read(&call, &fields, &checked.document).await?;
    let at = call.handle().now();
    let body = catalog::to_body(&checked.content)?;
    let key = names::head_key(&call, &name);
    let (head, version) = catalog::edit_with(call.handle(), &key, |found: Option<DocumentHead>| {
        let mut head = found.ok_or_else(|| names::no_document(&name))?;
        require_latest(&head, base)?;
        let same = (checked.hash.as_str(), attached.as_slice());
        require_new(&head, same, version_name)?;
        let version = DocumentVersion {
            number: head.latest_version.saturating_add(1),
            name: version_name.map(str::to_owned),
            created: at,
            hash: checked.hash.clone(),
            format: checked.content.format.clone(),
            attachments: attached.iter().map(|one| one.attachment.clone()).collect(),
            // What the document needs is said when it is created, and holds for its later versions.
            requires: documents::numbered(&head, "$LATEST")?.requires.clone(),
        };
        head.latest_version = version.number;
        head.versions.push(version.clone());
        head.display_name = display_name
            .map(str::to_owned)
            .or(head.display_name)
            .filter(|text| !text.is_empty());
        head.target_type = target_type
            .map(str::to_owned)
            .or(head.target_type)
            .filter(|text| !text.is_empty());
        let text_key = names::content_key(&call, &name, version.number);
        let text = catalog::change(&text_key, Expect::Any, Some(body.clone()));
        let mut writes = attachments::writes(&call, (&name, version.number), &attached)?;
        writes.push(text);
        Ok((Edit::Put(head.clone()), writes, (head, version)))
    })
    .await?;
    Ok(Reply::ok(
        json!({ "DocumentDescription": documents::description(&head, &version, Some(&checked.document)) }),
    ))
}

/// Only the latest version can be built upon.
fn require_latest(head: &DocumentHead, base: &str) -> Result<(), ApiError> {
    let wanted = if base.is_empty() { "$LATEST" } else { base };
    match documents::numbered(head, wanted)?.number {
        number if number == head.latest_version => Ok(()),
        _ => Err(ApiError::new(
            "InvalidDocumentVersion",
            format!(
                "Only the latest version can be updated: give `$LATEST` or {}.",
                head.latest_version
            ),
        )),
    }
}

fn require_new(
    head: &DocumentHead,
    (hash, attached): (&str, &[attachments::Read]),
    version_name: Option<&str>,
) -> Result<(), ApiError> {
    if head.versions.len() >= MAX_VERSIONS {
        let message = "The document has too many versions. Delete one or more document versions and try again.";
        return Err(ApiError::new("DocumentVersionLimitExceeded", message));
    }
    let is_same = |version: &DocumentVersion| {
        let new = attached.iter().map(|one| &one.attachment);
        version.hash == hash && version.attachments.iter().eq(new)
    };
    if documents::numbered(head, "$LATEST").is_ok_and(is_same) {
        let message = "The content of the document matches its latest version. Change the content and try again.";
        return Err(ApiError::new("DuplicateDocumentContent", message));
    }
    if version_name.is_some()
        && head
            .versions
            .iter()
            .any(|version| version.name.as_deref() == version_name)
    {
        let message = "The version name has already been used in this document. Specify a different version name.";
        return Err(ApiError::new("DuplicateDocumentVersionName", message));
    }
    Ok(())
}
