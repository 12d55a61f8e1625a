//! What the operations on executions share: finding one, its wire form, paging.

use engine::views::machines::undo;
use engine::views::machines::{
    Execution, HISTORY_FAMILY, MACHINE_DELETED, UNDO_FAMILY, history_between,
};
use model::AggregateId;
use model::state_machine::StateMachine;
use ports::store::{Frames, Stored};
use serde_json::{Map, Value, json};

use super::{machines, names};
use crate::call::Call;
use crate::catalog::{self, Kept};
use crate::decode::{Text, epoch};
use crate::error::ApiError;
use crate::page::{Cursor, Place, parse_place};

/// Behind the last event that any history has.
const LAST_EVENT: u64 = 99_999_998;

/// The execution that the request names, which must exist.
pub(super) async fn existing(call: &Call) -> Result<(AggregateId, Execution), ApiError> {
    let (machine, name) = names::execution(call)?;
    let id = id_of(call, (&machine, &name));
    match load(call, id).await? {
        Some(execution) => Ok((id, execution)),
        None => Err(names::no_execution(&names::execution_arn(
            call, &machine, &name,
        ))),
    }
}

/// The id of the execution of a machine and a name.
pub(crate) fn id_of(call: &Call, (machine, name): (&str, &str)) -> AggregateId {
    AggregateId::execution_of(&call.scope, &names::machine_arn(call, machine), name)
}

/// An execution without its history.
pub(crate) async fn load(call: &Call, id: AggregateId) -> Result<Option<Execution>, ApiError> {
    let frames = Frames::Without(HISTORY_FAMILY.to_owned());
    let stored = call.handle().load(id, frames).await?;
    stored
        .filter(|stored| stored.scope == call.scope)
        .map(|stored| restored(call, stored))
        .transpose()
}

/// The events of an execution, oldest first.
pub(crate) async fn events(call: &Call, id: AggregateId) -> Result<Vec<Value>, ApiError> {
    let (from, until) = history_between(1, LAST_EVENT);
    read(call, id, Frames::Range { from, until }).await
}

/// What an execution kept of its changing calls.
pub(crate) async fn kept(call: &Call, id: AggregateId) -> Result<undo::Kept, ApiError> {
    let frames = Frames::Prefix(UNDO_FAMILY.to_owned());
    let stored = call.handle().load(id, frames).await?;
    let frames = stored.map(|stored| stored.frames).unwrap_or_default();
    undo::Kept::restore(frames).map_err(|error| ApiError::internal(format!("{id}: {error}")))
}

/// Those of an execution's events that have these ids, oldest first.
pub(super) async fn events_between(
    call: &Call,
    id: AggregateId,
    (first, last): (u64, u64),
) -> Result<Vec<Value>, ApiError> {
    let (from, until) = history_between(first, last);
    let mut events = read(call, id, Frames::Range { from, until }).await?;
    events.retain(|event| {
        let id = event["id"].as_u64();
        id.is_some_and(|id| (first..=last).contains(&id))
    });
    Ok(events)
}

async fn read(call: &Call, id: AggregateId, frames: Frames) -> Result<Vec<Value>, ApiError> {
    let stored = call.handle().load(id, frames).await?;
    let mut pieces = stored.map(|stored| stored.frames).unwrap_or_default();
    pieces.sort_by(|a, b| a.0.cmp(&b.0));
    let mut events: Vec<Value> = Vec::new();
    for (_, piece) in pieces {
        if let Value::Array(piece) = piece {
            events.extend(piece);
        }
    }
    Ok(events)
}

fn restored(call: &Call, stored: Stored) -> Result<Execution, ApiError> {
    let id = stored.id;
    let execution = Execution::restore(stored.frames, call.handle().definitions());
    execution.map_err(|error| ApiError::internal(format!("{id}: {error}")))
}

/// The members that lists and descriptions share.
pub(crate) fn listed(execution: &Execution) -> Map<String, Value> {
    let start = execution.start();
    let (started, stopped) = execution.times();
    let mut body = Map::new();
    body.insert("executionArn".to_owned(), start.arn.as_str().into());
    body.insert(
        "stateMachineArn".to_owned(),
        start.machine_arn.as_str().into(),
    );
    for (member, arn) in [
        ("stateMachineVersionArn", &start.version),
        ("stateMachineAliasArn", &start.alias),
    ] {
        if let Some(arn) = arn {
            body.insert(member.to_owned(), arn.as_str().into());
        }
    }
    body.insert("name".to_owned(), start.name.as_str().into());
    body.insert("status".to_owned(), execution.status().as_str().into());
    body.insert("startDate".to_owned(), epoch(started));
    if let Some(stopped) = stopped {
        body.insert("stopDate".to_owned(), epoch(stopped));
    }
    if start.express {
        return body;
    }
    let (redrives, redriven) = execution.redrives();
    body.insert("redriveCount".to_owned(), redrives.into());
    if let Some(redriven) = redriven {
        body.insert("redriveDate".to_owned(), epoch(redriven));
    }
    body
}

/// Why an execution cannot be redriven now: `None` if it can be.
pub(super) async fn not_redrivable(
    call: &Call,
    execution: &Execution,
) -> Result<Option<String>, ApiError> {
    let reason = execution.not_redrivable(call.handle().now());
    if reason.is_some() {
        return Ok(reason);
    }
    let name = execution.start().machine_name.split('/').next();
    let key = machines::key(call, name.unwrap_or_default());
    let machine: Option<Kept<StateMachine>> = catalog::read(call.handle(), &key).await?;
    let deleting = machine.is_some_and(|kept| kept.body.deleting);
    Ok(deleting.then(|| MACHINE_DELETED.to_owned()))
}

/// All of an execution; `reason`: why it cannot be redriven.
pub(super) fn described(execution: &Execution, with_data: bool, reason: Option<String>) -> Value {
    let mut body = listed(execution);
    let details = json!({"included": with_data});
    body.insert("inputDetails".to_owned(), details.clone());
    if with_data {
        body.insert("input".to_owned(), execution.start().input.as_str().into());
    }
    if let Some(output) = execution.output() {
        body.insert("outputDetails".to_owned(), details);
        if with_data {
            body.insert("output".to_owned(), output.into());
        }
    }
    let (error, cause) = execution.failure();
    for (member, text) in [("error", error), ("cause", cause)] {
        if let Some(text) = text {
            body.insert(member.to_owned(), text.into());
        }
    }
    if let Some(trace) = &execution.start().trace_header {
        body.insert("traceHeader".to_owned(), trace.as_str().into());
    }
    let member = execution.start().member();
    if let Some(member) = member {
        body.insert("mapRunArn".to_owned(), member.map_run_arn().into());
    }
    let word = match (&reason, member) {
        (None, None) => "REDRIVABLE",
        (None, Some(_)) => "REDRIVABLE_BY_MAP_RUN",
        (Some(_), _) => "NOT_REDRIVABLE",
    };
    body.insert("redriveStatus".to_owned(), word.into());
    if let Some(reason) = reason {
        body.insert("redriveStatusReason".to_owned(), reason.into());
    }
    Value::Object(body)
}

/// `maxResults`: 0 and absent mean 100.
pub(super) fn page_size(call: &Call) -> Result<usize, ApiError> {
    let size = call.fields().integer("maxResults", 0, 1_000)?.unwrap_or(0);
    let size = if size == 0 { 100 } else { size };
    Ok(usize::try_from(size).unwrap_or(100))
}

/// The position in the request's `nextToken`.
pub(super) fn position(
    call: &Call,
    cursor: &Cursor,
    longest: usize,
) -> Result<Option<String>, ApiError> {
    let Some(token) = call.fields().text("nextToken", Text::length(1, longest))? else {
        return Ok(None);
    };
    let found = cursor.position(token);
    found
        .map(Some)
        .ok_or_else(|| ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'"))
}

/// Where the page begins that the request asks for, in a list with the newest first.
pub(super) fn page_start(
    call: &Call,
    cursor: &Cursor,
    longest: usize,
) -> Result<Option<Place>, ApiError> {
    let Some(text) = position(call, cursor, longest)? else {
        return Ok(None);
    };
    let bad = || ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'");
    parse_place(&text).map(Some).ok_or_else(bad)
}

pub(super) fn next_token(body: &mut Value, token: &str) {
    body["nextToken"] = token.into();
}
