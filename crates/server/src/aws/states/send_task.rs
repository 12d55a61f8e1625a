//! `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`: what becomes of a task that waits for its token.

use engine::Input;
use engine::views::machines::{self, Settlement};
use model::{AggregateId, AggregateKind};
use serde_json::Value;
use uuid::Uuid;

use super::names;
use super::start_execution::INPUT;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

const TOKEN: Text = Text::length(1, 2048);

pub(super) async fn success(call: Call) -> Answer {
    let fields = call.fields();
    let output = fields.required_text("output", INPUT)?;
    let output: Value = serde_json::from_str(output)
        .map_err(|error| ApiError::new("InvalidOutput", format!("Invalid Output: '{error}'")))?;
    send(call, Settlement::Succeeded { output }).await
}

pub(super) async fn failure(call: Call) -> Answer {
    let fields = call.fields();
    let error = fields
        .text("error", Text::length(0, 256))?
        .map(str::to_owned);
    let cause = fields
        .text("cause", Text::length(0, 32_768))?
        .map(str::to_owned);
    send(call, Settlement::Failed { error, cause }).await
}

pub(super) async fn heartbeat(call: Call) -> Answer {
    send(call, Settlement::Heartbeat).await
}

async fn send(call: Call, word: Settlement) -> Answer {
    let token = call.fields().required_text("taskToken", TOKEN)?.to_owned();
    let execution: Option<Uuid> = token.split('.').next().and_then(|text| text.parse().ok());
    let id = AggregateId {
        kind: AggregateKind::Execution,
        id: execution.ok_or_else(invalid)?,
    };
    let known = call
        .handle()
        .load(id, ports::store::Frames::RootAnd(Vec::new()))
        .await?;
    if known.is_none_or(|stored| stored.scope != call.scope) {
        return Err(invalid());
    }
    let input = Input::Execution(Box::new(machines::Input::Token { token, word }));
    call.handle()
        .ask(id, &call.scope, input)
        .await
        .map_err(|error| ApiError::from_ask(error, names::refused))?;
    Ok(Reply::empty())
}

fn invalid() -> ApiError {
    ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'")
}
