//! `DeleteArchive`: it keeps nothing more from now on; its events go soon after.

use model::bus::{ARCHIVE_GONE, Archive};
use model::resource::Expect;
use serde_json::json;

use super::archives::{self, ARCHIVE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Key};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("ArchiveName", ARCHIVE_NAME)?;
    let key = archives::key(&call, name);
    catalog::edit_with(call.handle(), &key, |found: Option<Archive>| {
        let archive = found.ok_or_else(|| archives::no_archive(name))?;
        // Committed with the deletion, so that the events cannot be forgotten.
        let gone = Key {
            scope: call.scope.clone(),
            kind: ARCHIVE_GONE,
            name: archive.id.to_string(),
        };
        let note = catalog::change(&gone, Expect::Any, Some(json!({ "name": name })));
        Ok((Edit::Delete, vec![note], ()))
    })
    .await?;
    Ok(Reply::empty())
}
