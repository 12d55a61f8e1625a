//! `CreateEventBus`: custom buses only.

use model::bus::Bus;
use serde_json::json;

use super::names::{self, BUS_NAME, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;
use crate::tags;

/// Members that would change what the bus does and that Quell does not do.
const UNSERVED: [&str; 4] = [
    "EventSourceName",
    "KmsKeyIdentifier",
    "DeadLetterConfig",
    "LogConfig",
];

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", BUS_NAME)?;
    let description = fields
        .text("Description", Text::length(0, 512))?
        .filter(|text| !text.is_empty());
    let tags = tags::read(&fields, "Tags")?;
    if name.contains('/') || name.starts_with("aws.") {
        return Err(ApiError::validation(
            "Parameter Name is not valid: the name of a custom event bus has no `/` and does not begin with `aws.`.",
        ));
    }
    if let Some(member) = UNSERVED.iter().find(|member| fields.raw(member).is_some()) {
        return Err(ApiError::validation(format!(
            "Parameter {member} is not valid: Quell does not serve it, leave it out."
        )));
    }
    if tags.len() > tags::MAX_TAGS {
        return Err(names::limit_exceeded("50 tags on one resource"));
    }
    catalog::edit(
        call.handle(),
        &names::bus_key(&call, name),
        |found: Option<Bus>| {
            if found.is_some() || name == DEFAULT_BUS {
                let message = format!("Event bus {name} already exists.");
                return Err(ApiError::new("ResourceAlreadyExistsException", message));
            }
            let bus = Bus {
                name: name.to_owned(),
                description: description.map(str::to_owned),
                tags: tags.clone(),
            };
            Ok((Edit::Put(bus), ()))
        },
    )
    .await?;
    let mut body = json!({ "EventBusArn": names::bus_arn(&call, name) });
    if let Some(description) = description {
        body["Description"] = description.into();
    }
    Ok(Reply::ok(body))
}
