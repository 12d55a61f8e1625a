//! `GetExecutionHistory`: an execution's events, from the first or from the last.

use serde_json::{Value, json};

use super::executions::{self, next_token, page_size, position};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::error::ApiError;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let limit = page_size(&call)?;
    let reverse = fields.boolean("reverseOrder")?.unwrap_or(false);
    let with_data = fields.boolean("includeExecutionData")?.unwrap_or(true);
    let (id, execution) = executions::existing(&call).await?;
    let question = json!([execution.start().arn, reverse, with_data]).to_string();
    let cursor = Cursor::new(&call, "GetExecutionHistory", &question);
    let last = execution.events();
    // The id of the next event that is wanted.
    let next = match position(&call, &cursor, 4096)? {
        None if reverse => last,
        None => 1,
        Some(text) => text
            .parse()
            .map_err(|_| ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'"))?,
    };
    let more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_sub(1);
    let (from, to) = if reverse {
        (next.saturating_sub(more).max(1), next)
    } else {
        (next, next.saturating_add(more).min(last))
    };
    let mut events = executions::events_between(&call, id, (from, to)).await?;
    if reverse {
        events.reverse();
    }
    let page: Vec<Value> = events
        .into_iter()
        .map(|event| shown(event, with_data))
        .collect();
    let mut body = json!({"events": page});
    let next = if reverse { from - 1 } else { to + 1 };
    if (1..=last).contains(&next) {
        next_token(&mut body, &cursor.token(&next.to_string()));
    }
    Ok(Reply::ok(body))
}

/// An event in the wire's form, without payloads if so asked.
fn shown(mut event: Value, with_data: bool) -> Value {
    if let Some(millis) = event["timestamp"].as_i64() {
        event["timestamp"] = epoch(jiff::Timestamp::from_millisecond(millis).unwrap_or_default());
    }
    if !with_data && let Some(members) = event.as_object_mut() {
        for details in members.values_mut().filter_map(Value::as_object_mut) {
            for payload in ["input", "output", "parameters", "assignedVariables"] {
                details.remove(payload);
            }
        }
    }
    event
}
