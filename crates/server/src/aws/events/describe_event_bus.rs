//! `DescribeEventBus`.

use model::bus::Bus;
use serde_json::{Map, Value};

use super::bus_settings;
use super::names::{self, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::decode::epoch;

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::bus_name(&call, "Name")?;
    let found = catalog::read::<Bus>(call.handle(), &names::bus_key(&call, &name)).await?;
    match found {
        None if name != DEFAULT_BUS => Err(names::no_bus(&name)),
        found => Ok(Reply::ok(view(&call, &name, found.as_ref()))),
    }
}

/// A bus as `DescribeEventBus` shows it. The default bus may have nothing stored.
fn view(call: &Call, name: &str, kept: Option<&Kept<Bus>>) -> Value {
    let mut body = summary(call, name, kept);
    if let Some(kept) = kept {
        bus_settings::show(&kept.body, &mut body);
    }
    Value::Object(body)
}

/// A bus as `ListEventBuses` shows it.
pub(super) fn summary(call: &Call, name: &str, kept: Option<&Kept<Bus>>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("Name".to_owned(), name.into());
    body.insert("Arn".to_owned(), names::bus_arn(call, name).into());
    if let Some(kept) = kept {
        body.insert("CreationTime".to_owned(), epoch(kept.created));
        body.insert("LastModifiedTime".to_owned(), epoch(kept.updated));
        if let Some(description) = &kept.body.description {
            body.insert("Description".to_owned(), description.as_str().into());
        }
        if let Some(policy) = &kept.body.policy {
            body.insert("Policy".to_owned(), policy.to_string().into());
        }
    }
    body
}
