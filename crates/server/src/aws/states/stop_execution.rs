//! `StopExecution`: one that has ended stays as it is.

use engine::Input;
use engine::views::machines;
use serde_json::json;

use super::{executions, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, epoch};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let error = fields
        .text("error", Text::length(0, 256))?
        .map(str::to_owned);
    let cause = fields
        .text("cause", Text::length(0, 32_768))?
        .map(str::to_owned);
    let (id, _) = executions::existing(&call).await?;
    let stop = Input::Execution(Box::new(machines::Input::Stop { error, cause }));
    call.handle()
        .ask(id, &call.scope, stop)
        .await
        .map_err(|error| ApiError::from_ask(error, names::refused))?;
    let stopped = executions::load(&call, id)
        .await?
        .and_then(|execution| execution.times().1)
        .unwrap_or_else(|| call.handle().now());
    Ok(Reply::ok(json!({"stopDate": epoch(stopped)})))
}
