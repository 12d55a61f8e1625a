//! `ListEventBuses`, in order of name; the default bus is always there.

use model::bus::Bus;
use serde_json::{Value, json};

use super::describe_event_bus::summary;
use super::names::{self, BUS_NAME, DEFAULT_BUS};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", BUS_NAME)?.unwrap_or_default();
    let limit = fields.page_size("Limit", 100, 100)?;
    let cursor = Cursor::new(&call, "ListEventBuses", prefix);
    let after = names::position(&call, &cursor)?;
    let stored: Vec<Kept<Bus>> =
        catalog::all(call.handle(), &names::bus_key(&call, prefix)).await?;
    let mut all: Vec<(&str, Option<&Kept<Bus>>)> = stored
        .iter()
        .map(|kept| (kept.body.name.as_str(), Some(kept)))
        .collect();
    if DEFAULT_BUS.starts_with(prefix) && all.iter().all(|(name, _)| *name != DEFAULT_BUS) {
        all.push((DEFAULT_BUS, None));
    }
    all.sort_by_key(|(name, _)| *name);
    all.retain(|(name, _)| after.as_deref().is_none_or(|after| *name > after));
    let page: Vec<Value> = all
        .iter()
        .take(limit)
        .map(|(name, kept)| Value::Object(summary(&call, name, *kept)))
        .collect();
    let mut body = json!({ "EventBuses": page });
    if let (true, Some((last, _))) = (all.len() > limit, all.get(limit - 1)) {
        body["NextToken"] = cursor.token(last).into();
    }
    Ok(Reply::ok(body))
}
