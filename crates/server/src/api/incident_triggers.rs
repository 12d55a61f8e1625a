//! `GET /api/v1/incidents/{id}/triggers?after=&limit=`: every event that went into an incident, whole.
//!
//! `id` is the incident's UUID. The AWS API cuts `rawData` at 10,000 characters; here nothing is cut.

use model::AggregateId;
use ports::store::Frames;
use serde_json::{Value, json};

use super::runs::{number, uuid};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let after = number(&call, "after", 0, u64::MAX)?.unwrap_or(0);
    let limit = number(&call, "limit", 1, 100)?.unwrap_or(20);
    let incident = AggregateId::incident(id);
    let owner = call
        .handle()
        .load(incident, Frames::RootAnd(Vec::new()))
        .await?;
    if owner.is_none_or(|stored| stored.scope.global() != call.scope.global()) {
        return Err(ApiError::not_found(format!(
            "there is no incident `{id}`: give the UUID at the end of its ARN"
        )));
    }
    let stored = call
        .handle()
        .load(incident, Frames::Prefix("trigger/".to_owned()))
        .await?;
    let mut triggers: Vec<(u64, Value)> = stored
        .map(|stored| stored.frames)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(key, body)| Some((key.strip_prefix("trigger/")?.parse().ok()?, body)))
        .filter(|(number, _)| *number > after)
        .collect();
    triggers.sort_by_key(|(number, _)| *number);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = triggers.len() > limit;
    triggers.truncate(limit);
    let next = triggers.last().map(|(number, _)| *number).filter(|_| more);
    let list: Vec<Value> = triggers
        .into_iter()
        .map(|(number, body)| view(number, body))
        .collect();
    Ok(Reply::ok(
        json!({ "incidentId": id, "triggers": list, "nextAfter": next }),
    ))
}

fn view(number: u64, mut body: Value) -> Value {
    if let Some(map) = body.as_object_mut() {
        map.shift_remove("v");
        map.insert("number".to_owned(), number.into());
        // A raw text that is JSON is shown as JSON, so that a reader need not unpack it twice.
        let parsed = map
            .get("rawData")
            .and_then(Value::as_str)
            .and_then(|raw| serde_json::from_str::<Value>(raw).ok());
        if let Some(event) = parsed {
            map.insert("event".to_owned(), event);
        }
    }
    body
}
