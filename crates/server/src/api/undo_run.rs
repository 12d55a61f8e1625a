//! `POST /api/v1/runs/{id}/undo`: plans to take a run back, and does it unless only the plan is wanted.
//!
//! Body: `{"plan": true?, "acceptDrift": ["Step"]?}`. The answer has `plan`, what the run did, newest first, and
//! `AutomationExecutionId` of the run that takes it back, if one was started.

use std::collections::BTreeSet;

use engine::Input;
use engine::views::{RunInput, undo};
use model::AggregateId;
use serde_json::json;

use super::runs::uuid;
use crate::aws::ssm::runs as all_runs;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

/// Most steps whose drift is accepted at once.
const MOST_STEPS: usize = 1_000;

pub(super) async fn handle(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let fields = call.fields();
    let plan_only = fields.boolean("plan")?.unwrap_or(false);
    let accepted = fields.texts("acceptDrift", (0, MOST_STEPS), Text::length(1, 128))?;
    let accepted: BTreeSet<String> = accepted
        .unwrap_or_default()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let run = all_runs::existing(&call, id).await?;
    let plan = undo::plan(&run, &accepted, &call.caller.arn).map_err(all_runs::refused)?;
    let Some(start) = plan.start.filter(|_| !plan_only) else {
        return Ok(Reply::ok(json!({"plan": plan.steps})));
    };
    let undoing = AggregateId::run(call.handle().new_id());
    let input = Input::Run(Box::new(RunInput::Start(Box::new(start))));
    let started = call
        .handle()
        .create(undoing, &call.scope, input, None)
        .await;
    started.map_err(|error| ApiError::from_ask(error, all_runs::refused))?;
    Ok(Reply::ok(
        json!({"plan": plan.steps, "AutomationExecutionId": undoing.id}),
    ))
}
