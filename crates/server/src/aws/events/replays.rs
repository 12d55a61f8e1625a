//! What the operations on replays share: how a replay is found and shown.

use engine::views::replay::Replay;
use model::{AggregateId, Rejection};
use ports::store::{Frames, Stored};
use serde_json::{Map, Value, json};

use super::names;
use crate::call::Call;
use crate::decode::{Text, epoch};
use crate::error::ApiError;

/// A replay's name.
pub(super) const REPLAY_NAME: Text = names::RULE_NAME;
/// The states of a replay.
pub(super) const STATES: &[&str] = &[
    "STARTING",
    "RUNNING",
    "CANCELLING",
    "COMPLETED",
    "CANCELLED",
    "FAILED",
];

/// A replay's ARN.
pub(super) fn arn(call: &Call, name: &str) -> String {
    call.arn("events", &format!("replay/{name}"))
}

/// The replay of a name, which must exist.
pub(super) async fn existing(call: &Call, name: &str) -> Result<Replay, ApiError> {
    let id = AggregateId::replay_of(&call.scope, name);
    match call.handle().load(id, Frames::All).await? {
        Some(stored) => restored(stored),
        None => Err(no_replay(name)),
    }
}

/// A stored replay.
pub(super) fn restored(stored: Stored) -> Result<Replay, ApiError> {
    Replay::restore(stored.frames).map_err(|error| ApiError::internal(error.to_string()))
}

pub(super) fn no_replay(name: &str) -> ApiError {
    ApiError::not_found(format!("Replay {name} does not exist."))
}

/// A refusal in EventBridge's words.
pub(super) fn refused(name: &str, rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::NotFound { .. } => no_replay(name),
        Rejection::Conflict { code, message } if !code.is_empty() => ApiError::new(code, message),
        other => ApiError::validation(other.to_string()),
    }
}

/// A replay as `ListReplays` shows it.
pub(super) fn summary(replay: &Replay) -> Map<String, Value> {
    let request = &replay.request;
    let members = [
        ("ReplayName", Some(Value::from(request.name.as_str()))),
        ("EventSourceArn", Some(request.archive_arn.as_str().into())),
        ("State", Some(replay.status.as_str().into())),
        ("StateReason", replay.reason.clone().map(Value::from)),
        ("EventStartTime", Some(epoch(request.from))),
        ("EventEndTime", Some(epoch(request.until))),
        (
            "EventLastReplayedTime",
            replay.position.map(|last| epoch(last.at)),
        ),
        ("ReplayStartTime", Some(epoch(replay.started))),
        ("ReplayEndTime", replay.ended.map(epoch)),
    ];
    members
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// A replay as `DescribeReplay` shows it.
pub(super) fn view(call: &Call, replay: &Replay) -> Value {
    let request = &replay.request;
    let mut body = summary(replay);
    let mut destination = json!({ "Arn": request.bus_arn });
    if !request.filter_arns.is_empty() {
        destination["FilterArns"] = json!(request.filter_arns);
    }
    body.insert("ReplayArn".to_owned(), arn(call, &request.name).into());
    body.insert("Destination".to_owned(), destination);
    if let Some(description) = &request.description {
        body.insert("Description".to_owned(), description.as_str().into());
    }
    Value::Object(body)
}
