//! `StartExecution` and `StartSyncExecution`, which answers when the execution of an Express machine has ended.

use std::time::Duration;

use engine::Input;
use engine::views::machines::{self, Execution, Start, Status};
use model::{AggregateId, ids};
use serde_json::{Value, json};

use super::{executions, included, machines as stored, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Text, epoch};
use crate::error::ApiError;

/// Longest input, as everywhere in the service.
pub(super) const INPUT: Text = Text::length(0, 262_144).in_bytes();
const TRACE: Text = Text::length(0, 256);
/// How long a caller waits at most: an execution of an Express machine lasts no longer than five minutes.
const LONGEST: Duration = Duration::from_secs(310);
/// How long one look lasts: a server that stops is noticed after it.
const LOOK: Duration = Duration::from_secs(1);
/// Memory is billed in pieces of 64 MB.
const PIECE_MB: usize = 64;

pub(super) async fn handle(call: Call) -> Answer {
    let (id, start) = wanted(&call).await?;
    let mut body = begin(&call, id, start).await?;
    if let Some(millis) = body["startDate"].as_i64() {
        let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        body["startDate"] = epoch(at);
    }
    Ok(Reply::ok(body))
}

pub(super) async fn sync(call: Call) -> Answer {
    let with_data = included(&call.fields())?;
    let (id, start) = wanted(&call).await?;
    if !start.express {
        return Err(names::wrong_machine_type());
    }
    let execution = to_end(&call, id, start).await?;
    Ok(Reply::ok(ended(&execution, with_data)))
}

/// Starts an execution of an Express machine and waits for its end.
pub(super) async fn to_end(
    call: &Call,
    id: AggregateId,
    start: Start,
) -> Result<Execution, ApiError> {
    let mut watch = call.handle().watch(id);
    begin(call, id, start).await?;
    let deadline = call.handle().now() + LONGEST;
    loop {
        let execution = executions::load(call, id).await?;
        let execution =
            execution.ok_or_else(|| ApiError::internal("an execution that was begun is gone"))?;
        if execution.status() != Status::Running {
            return Ok(execution);
        }
        if !call.state.readiness().is_ready() || call.handle().now() > deadline {
            return Err(ApiError::unavailable(
                "The execution goes on, but nobody can wait for its end: the server is stopping.",
            ));
        }
        watch.changed(LOOK).await;
    }
}

/// The execution that the request asks for.
async fn wanted(call: &Call) -> Result<(AggregateId, Start), ApiError> {
    let fields = call.fields();
    let place = names::place(call, "stateMachineArn")?;
    let given = names::name(&fields)?.map(str::to_owned);
    let input = fields.text("input", INPUT)?.unwrap_or("{}").to_owned();
    let trace_header = fields.text("traceHeader", TRACE)?.map(str::to_owned);
    check_input(&input)?;
    let chosen = stored::chosen(call, &place, chance(call)).await?;
    let machine = chosen.machine;
    let name = given.unwrap_or_else(|| call.handle().new_id().to_string());
    let machine_arn = names::machine_arn(call, &place.name);
    // Names of Express executions are not unique: another id makes each one different.
    let (unique, arn) = if machine.express {
        let unique = format!("{name}:{}", call.handle().new_id());
        let arn = call.arn("states", &format!("express:{}:{unique}", place.name));
        (unique, arn)
    } else {
        let arn = names::execution_arn(call, &place.name, &name);
        (name.clone(), arn)
    };
    let id = AggregateId::execution_of(&call.scope, &machine_arn, &unique);
    let start = Start {
        arn,
        name,
        machine_arn,
        machine_name: place.name,
        definition: machine.definition,
        revision: machine.revision.map(|revision| revision.to_string()),
        version: chosen.version,
        alias: chosen.alias,
        express: machine.express,
        logging: super::logging::of(machine.logging.as_ref()),
        tracing: machine.tracing,
        updated: Some(chosen.updated),
        trace_header,
        role_arn: machine.role_arn,
        input,
        // Every execution that is kept can be taken back.
        capture: !machine.express,
        member: None,
    };
    Ok((id, start))
}

async fn begin(call: &Call, id: AggregateId, start: Start) -> Result<Value, ApiError> {
    let started = Input::Execution(Box::new(machines::Input::Start(Box::new(start))));
    let asked = call.handle().ask(id, &call.scope, started).await;
    asked.map_err(|error| ApiError::from_ask(error, names::refused))
}

/// A number from 0 to below 1, for an alias with two versions.
fn chance(call: &Call) -> f64 {
    let bytes = ids::secret(&call.handle().entropy(), "alias routing");
    let number = bytes
        .iter()
        .take(4)
        .fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

/// What became of an execution that somebody waited for.
fn ended(execution: &Execution, with_data: bool) -> Value {
    let start = execution.start();
    let mut body = Value::Object(executions::listed(execution));
    let details = json!({"included": with_data});
    body["inputDetails"] = details.clone();
    body["outputDetails"] = details;
    if with_data {
        body["input"] = start.input.as_str().into();
        if let Some(output) = execution.output() {
            body["output"] = output.into();
        }
    }
    let (error, cause) = execution.failure();
    for (member, text) in [("error", error), ("cause", cause)] {
        if let Some(text) = text {
            body[member] = text.into();
        }
    }
    if let Some(trace) = &start.trace_header {
        body["traceHeader"] = trace.as_str().into();
    }
    let (began, stopped) = execution.times();
    let lasted = stopped.map_or(0, |stopped| stopped.duration_since(began).as_millis());
    let held = start.definition.len() + start.input.len() + execution.output().map_or(0, str::len);
    let pieces = held.div_ceil(PIECE_MB * 1_048_576).max(1);
    body["billingDetails"] = json!({
        "billedMemoryUsedInMB": pieces * PIECE_MB,
        "billedDurationInMilliseconds": i64::try_from(lasted).unwrap_or(0).max(1).saturating_add(99) / 100 * 100,
    });
    body
}
pub(super) fn check_input(text: &str) -> Result<(), ApiError> {
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
