//! `StopAutomationExecution`.

use engine::Input;
use engine::views::{RunInput, StopKind};
use model::AggregateId;

use super::runs;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let id = runs::run_id(&fields)?;
    let kind = match fields.one_of("Type", &["Complete", "Cancel"])? {
        Some("Complete") => StopKind::Complete,
        _ => StopKind::Cancel,
    };
    runs::existing(&call, id).await?;
    let input = Input::Run(Box::new(RunInput::Stop {
        kind,
        by: call.caller.arn.clone(),
    }));
    let asked = call
        .handle()
        .ask(AggregateId::run(id), &call.scope, input)
        .await;
    asked.map_err(|error| ApiError::from_ask(error, runs::refused))?;
    Ok(Reply::empty())
}
