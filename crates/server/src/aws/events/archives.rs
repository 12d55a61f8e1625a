//! What the operations on archives share: where an archive is kept, how it is shown, what is refused.

use engine::checks::Pattern;
use model::arn::Arn;
use model::bus::{ARCHIVE, Archive};
use serde_json::{Map, Value, json};

use super::names;
use super::put_rule::check_pattern;
use crate::call::Call;
use crate::catalog::{Kept, Key};
use crate::decode::{Text, epoch, is_word};
use crate::error::ApiError;

/// An archive's name.
pub(super) const ARCHIVE_NAME: Text =
    Text::length(1, 48).matching("[\\.\\-_A-Za-z0-9]+", |text| is_word(text, ".-_"));
/// States that an archive can be asked for by; one that is there keeps events.
pub(super) const STATES: &[&str] = &[
    "ENABLED",
    "DISABLED",
    "CREATING",
    "UPDATING",
    "CREATE_FAILED",
    "UPDATE_FAILED",
];
/// Most archives of one account and region.
pub(super) const MAX_ARCHIVES: usize = 100;

/// Where an archive is kept; with an empty name, the prefix of all.
pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: ARCHIVE,
        name: name.to_owned(),
    }
}

/// An archive's ARN.
pub(super) fn arn(call: &Call, name: &str) -> String {
    call.arn("events", &format!("archive/{name}"))
}

pub(super) fn no_archive(name: &str) -> ApiError {
    ApiError::not_found(format!("Archive {name} does not exist."))
}

/// What `CreateArchive` and `UpdateArchive` say alike.
pub(super) struct Given {
    pub(super) description: Option<String>,
    /// The pattern's text; empty for every event.
    pub(super) pattern: Option<String>,
    pub(super) retention_days: Option<u32>,
}

/// Reads and checks what both operations say alike.
pub(super) fn given(call: &Call) -> Result<Given, ApiError> {
    let fields = call.fields();
    let description = fields.text("Description", Text::length(0, 512))?;
    let pattern = fields.text("EventPattern", Text::length(0, 4096))?;
    let days = fields.integer("RetentionDays", 0, i64::from(i32::MAX))?;
    if fields.raw("KmsKeyIdentifier").is_some() {
        return Err(ApiError::validation(
            "Parameter KmsKeyIdentifier is not valid: Quell does not serve it, leave it out.",
        ));
    }
    let checked = pattern.filter(|text| !text.is_empty()).map(check_pattern);
    let _: Option<Pattern> = checked.transpose()?;
    Ok(Given {
        description: description.map(str::to_owned),
        pattern: pattern.map(str::to_owned),
        retention_days: days.and_then(|days| u32::try_from(days).ok()),
    })
}

/// The bus that a member names by its ARN, which must be one of this account and region.
pub(super) fn bus_of(call: &Call, member: &str, text: &str) -> Result<String, ApiError> {
    let arn = Arn::parse(text);
    let bus = arn.and_then(|_| names::bus_in(&call.scope, text));
    bus.ok_or_else(|| {
        ApiError::validation(format!(
            "Parameter {member} is not valid. Reason: Must contain an event bus ARN."
        ))
    })
}

/// An archive as `ListArchives` shows it.
pub(super) async fn summary(
    call: &Call,
    kept: &Kept<Archive>,
) -> Result<Map<String, Value>, ApiError> {
    let archive = &kept.body;
    let size = call.handle().archive_size(archive.id).await?;
    let body = json!({
        "ArchiveName": archive.name,
        "EventSourceArn": archive.bus_arn,
        "State": "ENABLED",
        "RetentionDays": archive.retention_days,
        "SizeBytes": size.bytes,
        "EventCount": size.events,
        "CreationTime": epoch(kept.created),
    });
    match body {
        Value::Object(members) => Ok(members),
        _ => Ok(Map::new()),
    }
}
