//! `CreateEventBus`: custom buses only.

use model::bus::Bus;
use serde_json::{Map, Value};

use super::bus_settings::{self, Settings};
use super::names::{self, BUS_NAME, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept};
use crate::error::ApiError;
use crate::tags;

/// Most buses of one account and region (the quota of AWS).
const MAX_BUSES: usize = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", BUS_NAME)?;
    let settings = Settings::read(&fields)?;
    let tags = tags::read(&fields, "Tags")?;
    if name.contains('/') || name.starts_with("aws.") {
        return Err(ApiError::validation(
            "Parameter Name is not valid: the name of a custom event bus has no `/` and does not begin with `aws.`.",
        ));
    }
    if fields.raw("EventSourceName").is_some() {
        return Err(ApiError::validation(
            "Parameter EventSourceName is not valid: Quell has no partner event sources, leave it out.",
        ));
    }
    if tags.len() > tags::MAX_TAGS {
        return Err(names::limit_exceeded("50 tags on one resource"));
    }
    let family = names::bus_key(&call, "");
    let all: Vec<Kept<Bus>> = catalog::list(call.handle(), &family, None, MAX_BUSES).await?;
    let full = all.len() >= MAX_BUSES;
    let mut made = Bus::new(name);
    made.tags = tags;
    settings.apply(&mut made);
    catalog::edit(
        call.handle(),
        &names::bus_key(&call, name),
        |found: Option<Bus>| {
            if found.is_some() || name == DEFAULT_BUS {
                let message = format!("Event bus {name} already exists.");
                return Err(ApiError::new("ResourceAlreadyExistsException", message));
            }
            if full {
                return Err(names::limit_exceeded("100 event buses in one region"));
            }
            Ok((Edit::Put(made.clone()), ()))
        },
    )
    .await?;
    let mut body = Map::new();
    body.insert("EventBusArn".to_owned(), names::bus_arn(&call, name).into());
    bus_settings::show(&made, &mut body);
    Ok(Reply::ok(Value::Object(body)))
}
