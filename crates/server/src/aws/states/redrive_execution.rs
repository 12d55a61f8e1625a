//! `RedriveExecution`: an execution that did not end well goes on where it failed.

use engine::Input;
use engine::views::machines;

use super::{executions, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, epoch};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let token = call.fields().text("clientToken", Text::length(1, 64))?;
    let token = token.map(str::to_owned);
    let (id, execution) = executions::existing(&call).await?;
    let reason = executions::not_redrivable(&call, &execution).await?;
    if reason.as_deref() == Some(machines::MACHINE_DELETED) {
        return Err(ApiError::new(
            "ExecutionNotRedrivable",
            machines::MACHINE_DELETED,
        ));
    }
    let redrive = Input::Execution(Box::new(machines::Input::Redrive {
        token,
        by_map_run: false,
    }));
    let asked = call.handle().ask(id, &call.scope, redrive).await;
    let mut body = asked.map_err(|error| ApiError::from_ask(error, names::refused))?;
    if let Some(millis) = body["redriveDate"].as_i64() {
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        body["redriveDate"] = epoch(at);
    }
    Ok(Reply::ok(body))
}
