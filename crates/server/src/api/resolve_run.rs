//! `POST /api/v1/runs/{id}/resolve`: a person says what became of an effect whose outcome is unknown.
//!
//! Body: `{"step": "Name", "resolution": "succeeded|failed|retry|skip", "output": {...}?, "result": {...}?, "message": "..."?}`.

use engine::Input;
use engine::views::{Resolution, RunInput};
use model::AggregateId;
use serde_json::{Map, Value};

use super::runs::{uuid, view};
use crate::aws::ssm::runs as all_runs;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const WORDS: &[&str] = &["succeeded", "failed", "retry", "skip"];

pub(super) async fn handle(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let fields = call.fields();
    let step = fields
        .required_text("step", Text::length(1, 128))?
        .to_owned();
    let resolution = read(&fields)?;
    all_runs::existing(&call, id).await?;
    let input = RunInput::Resolve {
        step,
        resolution,
        by: call.caller.arn.clone(),
    };
    let asked = call
        .handle()
        .ask(
            AggregateId::run(id),
            &call.scope,
            Input::Run(Box::new(input)),
        )
        .await;
    asked.map_err(|error| ApiError::from_ask(error, all_runs::refused))?;
    let run = all_runs::existing(&call, id).await?;
    Ok(Reply::ok(view(&run.summary())))
}

fn read(fields: &Fields<'_>) -> Result<Resolution, ApiError> {
    let word = fields.required_one_of("resolution", WORDS)?;
    let message = fields.text("message", Text::length(0, 4000))?;
    let outputs: Option<Map<String, Value>> =
        fields.object("output")?.map(|output| output.map().clone());
    let result = fields.raw("result").cloned();
    if word != "succeeded" && (outputs.is_some() || result.is_some()) {
        return Err(ApiError::validation(
            "`output` and `result` belong to the resolution `succeeded` only",
        ));
    }
    Ok(match word {
        "succeeded" => Resolution::Succeeded {
            outputs: outputs.unwrap_or_default(),
            result,
        },
        "failed" => {
            let message = message.unwrap_or("an operator said that the effect did not happen");
            Resolution::Failed {
                message: message.to_owned(),
            }
        }
        "retry" => Resolution::Retry,
        _ => Resolution::Skip,
    })
}
