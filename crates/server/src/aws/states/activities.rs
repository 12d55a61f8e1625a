//! `CreateActivity`, `DescribeActivity`, `ListActivities`, `DeleteActivity`, and `GetActivityTask`, which waits for a task
//! for up to a minute.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::Input;
use engine::views::machines::activity::{self, Activity};
use model::{AggregateId, AggregateKind};
use ports::store::{Frames, Query};
use serde_json::{Value, json};

use super::executions::{next_token, page_size, position};
use super::{encryption, list_tags_for_resource, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::error::ApiError;
use crate::page::Cursor;

/// Most activities of one account and region (the quota of AWS).
const MAX_ACTIVITIES: usize = 10_000;
/// Activities read from the store at once.
const BATCH: usize = 500;
/// How long a worker waits for a task.
const POLL: Duration = Duration::from_secs(60);
/// How long one look lasts: a server that stops is noticed after it.
const LOOK: Duration = Duration::from_secs(1);
/// Most workers that wait for tasks of one activity (the quota of AWS).
const MAX_WORKERS: usize = 1_000;

/// An activity that is there.
async fn load(call: &Call, name: &str) -> Result<Option<Activity>, ApiError> {
    let id = AggregateId::activity_of(&call.scope, name);
    let stored = call.handle().load(id, Frames::RootAnd(Vec::new())).await?;
    let Some(stored) = stored.filter(|stored| stored.scope == call.scope) else {
        return Ok(None);
    };
    let found = restored(stored.frames)?;
    Ok(Some(found).filter(Activity::exists))
}

fn restored(frames: Vec<(String, Value)>) -> Result<Activity, ApiError> {
    Activity::restore(frames).map_err(|error| ApiError::internal(error.to_string()))
}

async fn existing(call: &Call, name: &str) -> Result<Activity, ApiError> {
    let missing = || names::no_activity(&names::activity_arn(call, name));
    load(call, name).await?.ok_or_else(missing)
}

async fn ask(call: &Call, name: &str, input: activity::Input) -> Result<Value, ApiError> {
    let id = AggregateId::activity_of(&call.scope, name);
    let input = Input::Activity(Box::new(input));
    let asked = call.handle().ask(id, &call.scope, input).await;
    asked.map_err(|error| {
        let missing = |_| names::no_activity(&names::activity_arn(call, name));
        ApiError::from_ask(error, missing)
    })
}

pub(super) async fn create(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::name(&fields)?.ok_or_else(|| fields.missing("name"))?;
    encryption::read(&fields)?;
    let tags = list_tags_for_resource::read(&fields)?;
    let arn = names::activity_arn(&call, name);
    if load(&call, name).await?.is_none() {
        if all(&call).await?.len() >= MAX_ACTIVITIES {
            let message = format!("Activity Limit Exceeded: at most {MAX_ACTIVITIES}");
            return Err(ApiError::new("ActivityLimitExceeded", message));
        }
        let create = activity::Input::Create {
            arn: arn.clone(),
            name: name.to_owned(),
            tags,
        };
        ask(&call, name, create).await?;
    }
    let created = existing(&call, name).await?.created();
    Ok(Reply::ok(
        json!({"activityArn": arn, "creationDate": epoch(created)}),
    ))
}

pub(super) async fn describe(call: Call) -> Answer {
    let name = names::activity(&call, "activityArn")?;
    let found = existing(&call, &name).await?;
    let mut body = shown(&found);
    body["encryptionConfiguration"] = encryption::shown();
    Ok(Reply::ok(body))
}

/// One that is not there is deleted already.
pub(super) async fn delete(call: Call) -> Answer {
    let name = names::activity(&call, "activityArn")?;
    if load(&call, &name).await?.is_some() {
        ask(&call, &name, activity::Input::Delete).await?;
    }
    Ok(Reply::empty())
}

/// In the order of their names.
pub(super) async fn list(call: Call) -> Answer {
    let limit = page_size(&call)?;
    let cursor = Cursor::new(&call, "ListActivities", "");
    let after = position(&call, &cursor, 1024)?;
    let mut found = all(&call).await?;
    if let Some(after) = after {
        found.retain(|activity| activity.name() > after.as_str());
    }
    let page: Vec<Value> = found.iter().take(limit).map(shown).collect();
    let more = found.len() > limit;
    let last = found.get(limit.saturating_sub(1)).filter(|_| more);
    let mut body = json!({"activities": page});
    if let Some(last) = last {
        next_token(&mut body, &cursor.token(last.name()));
    }
    Ok(Reply::ok(body))
}

fn shown(found: &Activity) -> Value {
    json!({
        "activityArn": found.arn(),
        "name": found.name(),
        "creationDate": epoch(found.created()),
    })
}

/// All that are there (the quota bounds them), in the order of their names.
async fn all(call: &Call) -> Result<Vec<Activity>, ApiError> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let query = Query {
            kind: AggregateKind::Activity,
            scope: call.scope.clone(),
            index: None,
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let full = batch.len() == BATCH;
        for stored in batch {
            before = Some((stored.created, stored.id.id));
            let activity = restored(stored.frames)?;
            if activity.exists() {
                found.push(activity);
            }
        }
        if !full {
            found.sort_by(|one, other| one.name().cmp(other.name()));
            return Ok(found);
        }
    }
}

pub(super) async fn take(call: Call) -> Answer {
    let name = names::activity(&call, "activityArn")?;
    let worker = names::named(&call.fields(), "workerName")?.map(str::to_owned);
    let id = AggregateId::activity_of(&call.scope, &name);
    let mut watch = call.handle().watch(id);
    if watch.waiting() > MAX_WORKERS {
        let message = format!("at most {MAX_WORKERS} workers wait for tasks of one activity");
        return Err(ApiError::new("ActivityWorkerLimitExceeded", message));
    }
    let deadline = call.handle().now() + POLL;
    let mut look = true;
    loop {
        if look {
            let take = activity::Input::Take {
                worker: worker.clone(),
            };
            let answer = ask(&call, &name, take).await?;
            if !answer["taskToken"].is_null() {
                return Ok(Reply::ok(answer));
            }
        }
        if !call.state.readiness().is_ready() || call.handle().now() >= deadline {
            return Ok(Reply::empty());
        }
        look = watch.changed(LOOK).await;
    }
}

/// The tags of an activity.
pub(super) async fn tags(call: &Call, name: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let found = load(call, name).await?.ok_or_else(|| missing(call, name))?;
    Ok(found.tags().clone())
}

/// Gives an activity other tags.
pub(super) async fn tag(
    call: &Call,
    name: &str,
    tags: BTreeMap<String, String>,
) -> Result<(), ApiError> {
    ask(call, name, activity::Input::Tag { tags }).await?;
    Ok(())
}

fn missing(call: &Call, name: &str) -> ApiError {
    let message = format!("Resource not found: '{}'", names::activity_arn(call, name));
    ApiError::new("ResourceNotFound", message)
}
