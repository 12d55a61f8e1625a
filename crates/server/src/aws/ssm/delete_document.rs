//! `DeleteDocument`: the whole document, or one version that is not the default.

use model::document::{DocumentHead, DocumentVersion};
use model::resource::Expect;

use super::{attachments, documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    fields.boolean("Force")?;
    let one = fields
        .text("DocumentVersion", names::VERSION)?
        .is_some_and(|text| !text.is_empty())
        || fields.text("VersionName", names::VERSION_NAME)?.is_some();
    let key = names::head_key(&call, &name);
    catalog::edit_with(call.handle(), &key, |found: Option<DocumentHead>| {
        let mut head = found.ok_or_else(|| names::no_document(&name))?;
        let drop_text = |number| catalog::change(&names::content_key(&call, &name, number), Expect::Any, None);
        let drop_version = |version: Option<&DocumentVersion>| {
            let removals = version.map(|version| attachments::removals(&call, &name, version));
            removals.unwrap_or_default()
        };
        if one && head.versions.len() > 1 {
            let gone = documents::chosen(&fields, &head)?.number;
            if gone == head.default_version {
                return Err(operation("The default version of a document can't be deleted: choose another default first."));
            }
            let mut drops = drop_version(head.versions.iter().find(|version| version.number == gone));
            drops.push(drop_text(gone));
            head.versions.retain(|version| version.number != gone);
            head.latest_version = head.versions.iter().map(|version| version.number).max().unwrap_or(1);
            return Ok((Edit::Put(head), drops, ()));
        }
        if one {
            documents::chosen(&fields, &head)?;
        }
        if !head.shared_with.is_empty() {
            return Err(operation("The document is still shared: stop sharing it before you delete it."));
        }
        let mut drops: Vec<_> = head.versions.iter().map(|version| drop_text(version.number)).collect();
        drops.extend(head.versions.iter().flat_map(|version| drop_version(Some(version))));
        Ok((Edit::Delete, drops, ()))
    })
    .await?;
    Ok(Reply::empty())
}

fn operation(message: &str) -> ApiError {
    ApiError::new("InvalidDocumentOperation", message)
}
