//! `CancelReplay`: of one that is starting or running.

use engine::Input;
use engine::views::replay::Input as ReplayInput;
use model::AggregateId;
use serde_json::json;

use super::replays::{self, REPLAY_NAME};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("ReplayName", REPLAY_NAME)?;
    let id = AggregateId::replay_of(&call.scope, name);
    let cancel = Input::Replay(Box::new(ReplayInput::Cancel));
    let cancelled = call.handle().ask(id, &call.scope, cancel).await;
    cancelled.map_err(|error| {
        ApiError::from_ask(error, |rejection| replays::refused(name, rejection))
    })?;
    Ok(Reply::ok(json!({
        "ReplayArn": replays::arn(&call, name),
        "State": "CANCELLING",
    })))
}
