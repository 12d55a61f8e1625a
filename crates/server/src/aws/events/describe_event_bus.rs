//! `DescribeEventBus`.

use model::bus::Bus;
use serde_json::{Value, json};

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

/// A bus as `DescribeEventBus` and `ListEventBuses` show it. The default bus may have nothing stored.
pub(super) fn view(call: &Call, name: &str, kept: Option<&Kept<Bus>>) -> Value {
    let mut body = json!({ "Name": name, "Arn": names::bus_arn(call, name) });
    if let Some(kept) = kept {
        body["CreationTime"] = epoch(kept.created);
        body["LastModifiedTime"] = epoch(kept.updated);
        if let Some(description) = &kept.body.description {
            body["Description"] = description.as_str().into();
        }
    }
    body
}
