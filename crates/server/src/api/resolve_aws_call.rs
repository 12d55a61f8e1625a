//! `POST /api/v1/aws/calls/{id}/resolve`: a person says what became of a call whose outcome is unknown.
//!
//! Body: `{"resolution": "succeeded|failed|retry", "result": {...}?, "message": "..."?}`.

use engine::Input;
use engine::views::call::{self, Resolution};
use model::{AggregateId, Rejection};

use super::aws_calls::{existing, whole};
use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;

const WORDS: &[&str] = &["succeeded", "failed", "retry"];

pub(super) async fn handle(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let resolution = read(&call.fields())?;
    existing(&call, id).await?;
    let input = call::Input::Resolve {
        resolution,
        by: call.caller.arn.clone(),
    };
    let asked = call
        .handle()
        .ask(
            AggregateId::call(id),
            &call.scope.global(),
            Input::Call(Box::new(input)),
        )
        .await;
    asked.map_err(|error| ApiError::from_ask(error, refused))?;
    Ok(Reply::ok(whole(id, &existing(&call, id).await?)))
}

fn refused(rejection: Rejection) -> ApiError {
    ApiError::conflict(rejection.to_string())
}

fn read(fields: &Fields<'_>) -> Result<Resolution, ApiError> {
    let word = fields.required_one_of("resolution", WORDS)?;
    let message = fields.text("message", Text::length(0, 4000))?;
    let answer = fields.object("result")?;
    if word != "succeeded" && answer.is_some() {
        return Err(ApiError::validation(
            "`result` belongs to the resolution `succeeded` only",
        ));
    }
    Ok(match word {
        "succeeded" => Resolution::Succeeded {
            answer: answer.map(|answer| answer.map().clone().into()),
        },
        "failed" => Resolution::Failed {
            message: message
                .unwrap_or("an operator said that the call did not happen")
                .to_owned(),
        },
        _ => Resolution::Retry,
    })
}
