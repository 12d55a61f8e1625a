//! `StartExecution`.

use engine::Input;
use engine::views::machines::{self, Start};
use model::AggregateId;
use serde_json::Value;

use super::{machines as stored, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

/// Longest input in bytes, as everywhere in the service.
const INPUT: Text = Text::length(0, 262_144);

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let machine = names::machine(&call, "stateMachineArn")?;
    let given = names::name(&fields)?.map(str::to_owned);
    let input = fields.text("input", INPUT)?.unwrap_or("{}").to_owned();
    check_input(&input)?;
    let kept = stored::existing(&call, &machine).await?;
    let name = given.unwrap_or_else(|| call.handle().new_id().to_string());
    let arn = names::machine_arn(&call, &machine);
    let id = AggregateId::execution_of(&call.scope, &arn, &name);
    let start = Start {
        arn: names::execution_arn(&call, &machine, &name),
        name,
        machine_arn: arn,
        machine_name: machine,
        definition: kept.body.definition,
        revision: kept.body.revision.map(|revision| revision.to_string()),
        express: false,
        role_arn: kept.body.role_arn,
        input,
    };
    let started = Input::Execution(Box::new(machines::Input::Start(Box::new(start))));
    let answer = call
        .handle()
        .ask(id, &call.scope, started)
        .await
        .map_err(|error| ApiError::from_ask(error, names::refused))?;
    let mut body = answer;
    if let Some(millis) = body["startDate"].as_i64() {
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        body["startDate"] = crate::decode::epoch(at);
    }
    Ok(Reply::ok(body))
}

fn check_input(text: &str) -> Result<(), ApiError> {
    match serde_json::from_str::<Value>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let reason = if text.trim().is_empty() {
                "Invalid execution input.".to_owned()
            } else {
                unreadable(text).unwrap_or_else(|| error.to_string())
            };
            let message = format!("Invalid State Machine Execution Input: '{reason}'");
            Err(ApiError::new("InvalidExecutionInput", message))
        }
    }
}

/// The words that the service has for the commonest mistakes.
fn unreadable(text: &str) -> Option<String> {
    let text = text.trim_start();
    let word: String = text
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if !word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(format!(
            "Unrecognized token '{word}': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        ));
    }
    let inside = text.strip_prefix('{')?.trim_start();
    let first = inside.chars().next().filter(|c| *c != '"' && *c != '}')?;
    Some(format!(
        "Unexpected character ('{first}' (code {})): was expecting double-quote to start field name",
        u32::from(first)
    ))
}
