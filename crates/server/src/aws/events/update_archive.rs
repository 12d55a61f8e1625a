//! `UpdateArchive`: what is not given stays; a changed pattern counts for events from now on.

use model::bus::Archive;
use serde_json::json;

use super::archives::{self, ARCHIVE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::epoch;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("ArchiveName", ARCHIVE_NAME)?;
    let given = archives::given(&call)?;
    let key = archives::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<Archive>| {
        let old = found.ok_or_else(|| archives::no_archive(name))?;
        let changed = |new: &Option<String>, old: Option<String>| match new {
            Some(new) => Some(new.clone()).filter(|text| !text.is_empty()),
            None => old,
        };
        let archive = Archive {
            description: changed(&given.description, old.description.clone()),
            event_pattern: changed(&given.pattern, old.event_pattern.clone()),
            retention_days: given.retention_days.unwrap_or(old.retention_days),
            ..old
        };
        Ok((Edit::Put(archive), ()))
    })
    .await?;
    let kept = catalog::read::<Archive>(call.handle(), &key).await?;
    let kept = kept.ok_or_else(|| archives::no_archive(name))?;
    Ok(Reply::ok(json!({
        "ArchiveArn": archives::arn(&call, name),
        "State": "ENABLED",
        "CreationTime": epoch(kept.created),
    })))
}
