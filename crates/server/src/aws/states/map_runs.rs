//! `ListMapRuns`, `DescribeMapRun` and `UpdateMapRun`: the runs of distributed Maps.

use engine::Input;
use engine::views::machines::map_run::{self, MapRun, PARENT_INDEX};
use model::{AggregateId, AggregateKind, IndexEntry, Rejection};
use ports::store::{Frames, Query, Stored};
use serde_json::{Value, json};

use super::executions::{self, next_token, page_size, page_start};
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::error::ApiError;
use crate::page::{Cursor, place_text};

pub(super) async fn list(call: Call) -> Answer {
    let limit = page_size(&call)?;
    let (_, execution) = executions::existing(&call).await?;
    let arn = execution.start().arn.clone();
    let cursor = Cursor::new(&call, "ListMapRuns", &arn);
    let before = page_start(&call, &cursor, 1024)?;
    let query = Query {
        kind: AggregateKind::MapRun,
        scope: call.scope.clone(),
        index: Some(IndexEntry {
            name: PARENT_INDEX.to_owned(),
            value: arn,
        }),
        before,
        limit: limit + 1,
    };
    let mut found = call.handle().list(query).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().map(|stored| (stored.created, stored.id.id));
    let mut runs = Vec::with_capacity(found.len());
    for stored in found {
        if let Some(run) = load(&call, stored.id).await? {
            runs.push(listed(&run));
        }
    }
    let mut body = json!({"mapRuns": runs});
    if let (true, Some(last)) = (more, last) {
        next_token(&mut body, &cursor.token(&place_text(last)));
    }
    Ok(Reply::ok(body))
}

fn listed(run: &MapRun) -> Value {
    let (started, stopped) = run.times();
    let mut body = json!({
        "executionArn": run.parent_arn(),
        "mapRunArn": run.arn(),
        "stateMachineArn": run.machine_arn(),
        "startDate": epoch(started),
    });
    if let Some(stopped) = stopped {
        body["stopDate"] = epoch(stopped);
    }
    body
}

pub(super) async fn describe(call: Call) -> Answer {
    let (_, run) = existing(&call).await?;
    let (started, stopped) = run.times();
    let limits = run.limits();
    let (redrives, redriven) = run.redrives();
    let mut body = json!({
        "mapRunArn": run.arn(),
        "executionArn": run.parent_arn(),
        "status": run.status().as_str(),
        "startDate": epoch(started),
        "maxConcurrency": limits.concurrency(),
        "toleratedFailurePercentage": limits.tolerated_percentage(),
        "toleratedFailureCount": limits.tolerated_count(),
        "itemCounts": run.items().body(),
        "executionCounts": run.executions().body(),
        "redriveCount": redrives,
    });
    if let Some(stopped) = stopped {
        body["stopDate"] = epoch(stopped);
    }
    if let Some(redriven) = redriven {
        body["redriveDate"] = epoch(redriven);
    }
    Ok(Reply::ok(body))
}

pub(super) async fn update(call: Call) -> Answer {
    let fields = call.fields();
    let concurrency = fields.integer("maxConcurrency", 0, i64::from(i32::MAX))?;
    let count = fields.integer("toleratedFailureCount", 0, i64::MAX)?;
    let percentage = share(fields.raw("toleratedFailurePercentage"))?;
    let (id, _) = existing(&call).await?;
    let update = map_run::Input::Update {
        concurrency: concurrency.and_then(|most| u32::try_from(most).ok()),
        tolerated_count: count.and_then(|most| u64::try_from(most).ok()),
        tolerated_percentage: percentage,
    };
    let asked = call
        .handle()
        .ask(id, &call.scope, Input::MapRun(Box::new(update)))
        .await;
    asked.map_err(|error| ApiError::from_ask(error, refused))?;
    Ok(Reply::ok(json!({})))
}

/// A percentage.
fn share(given: Option<&Value>) -> Result<Option<f64>, ApiError> {
    let Some(given) = given.filter(|given| !given.is_null()) else {
        return Ok(None);
    };
    let share = given.as_f64().filter(|share| (0.0..=100.0).contains(share));
    share.map(Some).ok_or_else(|| {
        ApiError::validation("`toleratedFailurePercentage` must be a number from 0 to 100")
    })
}

/// The exception for a change that a map run refused.
fn refused(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::Conflict { message, .. } => ApiError::validation(message),
        other => ApiError::validation(other.to_string()),
    }
}

/// The map run that the request names, which must exist.
pub(super) async fn existing(call: &Call) -> Result<(AggregateId, MapRun), ApiError> {
    let (id, arn) = names::map_run(call)?;
    let id = AggregateId::map_run(id);
    match load(call, id).await? {
        Some(run) if run.arn() == arn => Ok((id, run)),
        _ => Err(names::no_map_run(&arn)),
    }
}

/// A map run without its items and executions.
async fn load(call: &Call, id: AggregateId) -> Result<Option<MapRun>, ApiError> {
    let frames = Frames::RootAnd(vec![map_run::ORIGIN_FRAME.to_owned()]);
    let stored = call.handle().load(id, frames).await?;
    stored
        .filter(|stored| stored.scope == call.scope)
        .map(restored)
        .transpose()
}

/// Whether an execution of a map run has ended and waits to live again. What else belongs to the run stays where it is: it
/// may be much.
pub(super) async fn waits_to_live_again(
    call: &Call,
    id: AggregateId,
    index: u32,
) -> Result<bool, ApiError> {
    let from = map_run::child_frame(index);
    let until = map_run::child_frame(index.saturating_add(1));
    let stored = call
        .handle()
        .load(id, Frames::Range { from, until })
        .await?;
    let stored = stored.filter(|stored| stored.scope == call.scope);
    let mut frames = stored.into_iter().flat_map(|stored| stored.frames);
    Ok(frames.any(|(_, frame)| map_run::waits_to_live_again(&frame)))
}

fn restored(stored: Stored) -> Result<MapRun, ApiError> {
    let id = stored.id;
    MapRun::restore(stored.frames).map_err(|error| ApiError::internal(format!("{id}: {error}")))
}
