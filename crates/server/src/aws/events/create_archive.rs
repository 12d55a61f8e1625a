//! `CreateArchive`: events of a bus are kept from the moment this is answered.

use model::bus::{Archive, Bus};
use serde_json::json;

use super::archives::{self, ARCHIVE_NAME, MAX_ARCHIVES};
use super::names::{self, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept};
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("ArchiveName", ARCHIVE_NAME)?;
    let bus_arn = fields.required_text("EventSourceArn", names::ARN)?;
    let given = archives::given(&call)?;
    let bus = archives::bus_of(&call, "EventSourceArn", bus_arn)?;
    let found = catalog::read::<Bus>(call.handle(), &names::bus_key(&call, &bus)).await?;
    if found.is_none() && bus != DEFAULT_BUS {
        return Err(names::no_bus(&bus));
    }
    let all: Vec<Kept<Archive>> = catalog::all(call.handle(), &archives::key(&call, "")).await?;
    let full = all.len() >= MAX_ARCHIVES;
    let archive = Archive {
        name: name.to_owned(),
        id: call.handle().new_id(),
        bus,
        bus_arn: bus_arn.to_owned(),
        description: given.description.filter(|text| !text.is_empty()),
        event_pattern: given.pattern.filter(|text| !text.is_empty()),
        retention_days: given.retention_days.unwrap_or(0),
    };
    let key = archives::key(&call, name);
    catalog::edit(call.handle(), &key, |found: Option<Archive>| {
        if found.is_some() {
            let message = format!("Archive {name} already exists.");
            return Err(ApiError::new("ResourceAlreadyExistsException", message));
        }
        if full {
            return Err(names::limit_exceeded("100 archives"));
        }
        Ok((Edit::Put(archive.clone()), ()))
    })
    .await?;
    let created = catalog::read::<Archive>(call.handle(), &key).await?;
    let created = created.map_or_else(|| call.handle().now(), |kept| kept.created);
    Ok(Reply::ok(json!({
        "ArchiveArn": archives::arn(&call, name),
        "State": "ENABLED",
        "CreationTime": epoch(created),
    })))
}
