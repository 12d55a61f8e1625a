//! Plans of state machines: what an execution would do with an input, on the account as it is.
//!
//! `POST /api/v1/machine-plans`: `{"definition": "...", "name": "..."?, "type": "STANDARD|EXPRESS"?, "roleArn": "..."?}` or
//! `{"stateMachineArn": "..."}` (a machine, version or alias), and `"input": "..."?`, JSON text; answers with the plan's `id`.
//! `GET /api/v1/machine-plans/{id}`: the plan's status, and the plan once it is there.

use engine::views::machines::plan::{Begin, Input as PlanInput, Preview};
use engine::{AskError, Input};
use model::{AggregateId, Rejection};
use ports::store::Frames;
use serde_json::{Value, json};

use super::runs::uuid;
use crate::aws::states::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const DEFINITION: Text = Text::length(1, 1_048_576);
const INPUT: Text = Text::length(0, 262_144).in_bytes();
const NAME: Text = Text::length(1, 256);

pub(super) async fn create(call: Call) -> Answer {
    let fields = call.fields();
    let input = fields.text("input", INPUT)?.unwrap_or("{}").to_owned();
    let begin = match fields.text("definition", DEFINITION)? {
        Some(definition) => shown(&call, &fields, definition)?,
        None => stored(&call).await?,
    };
    let begin = Begin { input, ..begin };
    let id = AggregateId::machine_plan(call.handle().new_id());
    let input = Input::MachinePlan(Box::new(PlanInput::Start(Box::new(begin))));
    let begun: Result<_, AskError> = call.handle().create(id, &call.scope, input, None).await;
    begun.map_err(|error| ApiError::from_ask(error, refused))?;
    Ok(Reply::ok(json!({ "id": id.id })))
}

/// A definition that is only shown.
fn shown(call: &Call, fields: &Fields<'_>, definition: &str) -> Result<Begin, ApiError> {
    if fields.raw("stateMachineArn").is_some() {
        let message = "`definition` and `stateMachineArn` do not go together: give one of them";
        return Err(ApiError::validation(message));
    }
    let kind = fields.one_of("type", &["STANDARD", "EXPRESS"])?;
    let session = call.caller.session.as_ref();
    let own = session.map(|session| session.role.role_arn.clone());
    Ok(Begin {
        name: fields
            .text("name", NAME)?
            .unwrap_or("definition")
            .to_owned(),
        arn: String::new(),
        definition: definition.to_owned(),
        express: kind == Some("EXPRESS"),
        role_arn: machines::role(fields)?.or(own).unwrap_or_default(),
        input: String::new(),
    })
}

/// A machine, version or alias of this server.
async fn stored(call: &Call) -> Result<Begin, ApiError> {
    let place = names::place(call, "stateMachineArn")?;
    // Of an alias with two versions the first is planned.
    let chosen = machines::chosen(call, &place, 0.0).await?;
    let machine = chosen.machine;
    Ok(Begin {
        name: machine.name,
        arn: call
            .fields()
            .required_text("stateMachineArn", names::ARN)?
            .to_owned(),
        definition: machine.definition,
        express: machine.express,
        role_arn: machine.role_arn,
        input: String::new(),
    })
}

fn refused(rejection: Rejection) -> ApiError {
    ApiError::validation(rejection.to_string())
}

pub(super) async fn get(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let stored = call
        .handle()
        .load(AggregateId::machine_plan(id), Frames::All)
        .await?;
    let stored = stored
        .filter(|stored| stored.scope == call.scope)
        .ok_or_else(|| {
            ApiError::not_found(format!("there is no plan `{id}` of a state machine"))
        })?;
    let preview = Preview::restore(stored.frames)
        .map_err(|error| ApiError::internal(format!("plan {id}: {error}")))?;
    let (started, ended) = preview.times();
    let mut body = json!({
        "id": id,
        "status": preview.status().as_str(),
        "message": preview.message(),
        "document": preview.begin().name,
        "stateMachineArn": preview.begin().arn,
        "roleArn": preview.begin().role_arn,
        "region": call.scope.region,
        "startedAt": started,
        "endedAt": ended,
        "hash": preview.hash(),
    });
    if let Some(summary) = preview.summary() {
        body["plan"] = plan(summary);
    }
    Ok(Reply::ok(body))
}

fn plan(summary: &engine::views::preview::Summary) -> Value {
    json!({
        "steps": summary.steps,
        "resources": summary.resources,
        "accounts": summary.accounts,
        "regions": summary.regions,
        "complete": summary.complete,
        "leftOut": summary.left_out,
        "outcome": summary.outcome,
        "stepCounts": summary.step_counts(),
    })
}
