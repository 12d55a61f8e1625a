//! `POST /api/v1/runs/{id}/undo` and `POST /api/v1/executions/{id}/undo`: plans to take a run of a document, or an execution
//! of a state machine, back, and does it unless only the plan is wanted.
//!
//! Body: `{"plan": true?, "acceptDrift": ["Step"]?}`, with names of steps or of states. The answer has `plan`, what was
//! done, newest first, and `AutomationExecutionId` of the run that takes it back, if one was started.

use std::collections::BTreeSet;

use engine::Input;
use engine::views::undo::UndoPlan;
use engine::views::{RunInput, machines, undo};
use model::{AggregateId, Rejection};
use serde_json::json;

use super::executions::named;
use super::runs::uuid;
use crate::aws::ssm::runs as all_runs;
use crate::aws::states::{executions, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

/// Most steps whose drift is accepted at once.
const MOST_STEPS: usize = 1_000;

pub(super) async fn run(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let (plan_only, accepted) = wish(&call)?;
    let run = all_runs::existing(&call, id).await?;
    let plan = undo::plan(&run, &accepted, &call.caller.arn).map_err(all_runs::refused)?;
    take_back(&call, plan, plan_only, all_runs::refused).await
}

pub(super) async fn execution(call: Call) -> Answer {
    let id = named(&call)?;
    let (plan_only, accepted) = wish(&call)?;
    let missing = || ApiError::not_found("there is no such execution");
    let execution = executions::load(&call, id).await?.ok_or_else(missing)?;
    let kept = executions::kept(&call, id).await?;
    let events = executions::events(&call, id).await?;
    let did = (&kept, events.as_slice());
    let plan = machines::undo::plan(&execution, did, &accepted, &call.caller.arn);
    take_back(&call, plan.map_err(refused)?, plan_only, refused).await
}

fn refused(rejection: Rejection) -> ApiError {
    match rejection {
        Rejection::NotFound { .. } => ApiError::not_found(rejection.to_string()),
        other => names::refused(other),
    }
}

/// Whether only the plan is wanted, and the names whose drift is accepted.
fn wish(call: &Call) -> Result<(bool, BTreeSet<String>), ApiError> {
    let fields = call.fields();
    let plan_only = fields.boolean("plan")?.unwrap_or(false);
    let accepted = fields.texts("acceptDrift", (0, MOST_STEPS), Text::length(1, 128))?;
    let accepted = accepted.unwrap_or_default().into_iter();
    Ok((plan_only, accepted.map(str::to_owned).collect()))
}

async fn take_back(
    call: &Call,
    plan: UndoPlan,
    plan_only: bool,
    refused: impl Fn(Rejection) -> ApiError,
) -> Answer {
    if let Some(why) = plan.refused.filter(|_| !plan_only) {
        return Err(refused(why));
    }
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
