//! `DescribeArchive`.

use model::bus::Archive;
use serde_json::Value;

use super::archives::{self, ARCHIVE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog;

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("ArchiveName", ARCHIVE_NAME)?;
    let kept = catalog::read::<Archive>(call.handle(), &archives::key(&call, name)).await?;
    let kept = kept.ok_or_else(|| archives::no_archive(name))?;
    let mut body = archives::summary(&call, &kept).await?;
    body.insert("ArchiveArn".to_owned(), archives::arn(&call, name).into());
    for (member, text) in [
        ("Description", kept.body.description),
        ("EventPattern", kept.body.event_pattern),
    ] {
        if let Some(text) = text {
            body.insert(member.to_owned(), text.into());
        }
    }
    Ok(Reply::ok(Value::Object(body)))
}
