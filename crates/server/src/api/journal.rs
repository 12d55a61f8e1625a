//! `GET /api/v1/journal?aggregate=<kind>/<uuid>&after=<seq>&limit=`: what was decided, in order of commitment.
//!
//! Without `aggregate` the journal of everything in the caller's account. Inputs and facts, no entropy: secrets such as
//! accept codes are derived from it.

use model::{AggregateId, AggregateKind};
use ports::store::JournalRow;
use serde_json::{Value, json};

use super::runs::{number, uuid};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let aggregate = call
        .query
        .first("aggregate")
        .filter(|text| !text.is_empty())
        .map(aggregate)
        .transpose()?;
    let after = number(&call, "after", 0, u64::MAX)?.unwrap_or(0);
    let limit = number(&call, "limit", 1, 1000)?
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(100);
    let rows = call.handle().journal(aggregate, after, limit).await?;
    let next = rows
        .last()
        .map(|row| row.seq)
        .filter(|_| rows.len() == limit);
    let list: Vec<Value> = rows.iter().map(view).collect();
    Ok(Reply::ok(json!({ "entries": list, "nextAfter": next })))
}

fn aggregate(text: &str) -> Result<AggregateId, ApiError> {
    let known = || AggregateKind::ALL.map(AggregateKind::as_str).join(", ");
    let parts = text
        .split_once('/')
        .and_then(|(kind, id)| Some((AggregateKind::parse(kind)?, id)));
    let Some((kind, id)) = parts else {
        return Err(ApiError::validation(format!(
            "`aggregate` must be <kind>/<uuid> with a kind of: {}",
            known()
        )));
    };
    Ok(AggregateId {
        kind,
        id: uuid("aggregate", id)?,
    })
}

fn view(row: &JournalRow) -> Value {
    // What an operator sends to a service, and what it answers, may be secret: GetAwsCall shows an answer, no list does.
    let inputs = match row.aggregate.kind {
        AggregateKind::Call => aws::knowledge::masked(&json!(row.entry.inputs)),
        _ => json!(row.entry.inputs),
    };
    json!({
        "seq": row.seq,
        "aggregate": row.aggregate.to_string(),
        "revision": row.revision,
        "at": row.at.to_string(),
        "inputs": inputs,
        "facts": row.entry.facts,
    })
}
