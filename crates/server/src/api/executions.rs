//! Executions of state machines, for operators: `GET /api/v1/executions?outcome=unknown&after=&limit=`, newest first, and
//! `POST /api/v1/executions/{id}/resolve`, where a person says what became of a call whose outcome is unknown.
//! `GET /api/v1/executions/{id}/graph?format=svg|mermaid` draws what became of its states. In
//! the place of `{id}` an execution's ARN can stand, percent-encoded.
//!
//! Body of `resolve`: `{"state": "Name", "call": "<uuid>"?, "resolution": "succeeded|failed|retry", "result": ...?, "error": "..."?, "message": "..."?}`.

use engine::Input;
use engine::views::machines::graph::Marks;
use engine::views::machines::{self, Execution, Settlement};
use model::{AggregateId, AggregateKind};
use ports::store::Query;
use serde_json::{Value, json};

use super::listing;
use super::runs::uuid;
use crate::aws::states::{executions, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::page::{Cursor, place_text};

/// Executions looked at for one page, at most.
const SCAN: usize = 500;
const WORDS: &[&str] = &["succeeded", "failed", "retry"];

pub(super) async fn list(call: Call) -> Answer {
    let unknown_only = match call.query.first("outcome") {
        None | Some("") => false,
        Some("unknown") => true,
        Some(_) => {
            let message = "`outcome` must be `unknown`, or be left out";
            return Err(ApiError::validation(message));
        }
    };
    let limit = listing::limit(&call)?;
    let question = if unknown_only { "unknown" } else { "" };
    let cursor = Cursor::new(&call, "ListExecutions", question);
    let mut before = listing::place(&call, &cursor)?;
    let (mut found, mut seen, mut more) = (Vec::new(), 0, true);
    while more && seen < SCAN && found.len() < limit {
        let query = Query {
            kind: AggregateKind::Execution,
            scope: call.scope.clone(),
            index: None,
            before,
            limit: limit.saturating_sub(found.len()).max(1),
        };
        let asked = query.limit;
        let batch = call.handle().list(query).await?;
        more = batch.len() == asked;
        for stored in batch {
            seen += 1;
            before = Some((stored.created, stored.id.id));
            let Some(execution) = executions::load(&call, stored.id).await? else {
                continue;
            };
            if !unknown_only || execution.unknown().next().is_some() {
                found.push(view(stored.id, &execution));
            }
        }
    }
    let next = before.filter(|_| more);
    let next = next.map(|at| cursor.token(&place_text(at)));
    Ok(Reply::ok(json!({"executions": found, "nextAfter": next})))
}

/// The execution that the path names, by its id or its ARN.
pub(super) fn named(call: &Call) -> Result<AggregateId, ApiError> {
    let text = call.segment(0);
    if text.starts_with("arn:") {
        let (machine, name) = names::execution_in(call, text)?;
        return Ok(executions::id_of(call, (&machine, &name)));
    }
    Ok(AggregateId {
        kind: AggregateKind::Execution,
        id: uuid("id", text)?,
    })
}

/// An execution as lists show it, with what is unknown about it.
fn view(id: AggregateId, execution: &Execution) -> Value {
    let mut body = executions::listed(execution);
    body.insert("id".to_owned(), id.id.to_string().into());
    let unknown: Vec<Value> = execution
        .unknown()
        .map(|one| {
            let within = one.within.iter();
            let within: Vec<String> = within.map(|(state, at)| format!("{state}[{at}]")).collect();
            json!({
                "state": one.state, "reason": one.reason, "call": one.call, "event": one.event,
                "within": within,
            })
        })
        .collect();
    if !unknown.is_empty() {
        body.insert("unknownOutcomes".to_owned(), unknown.into());
    }
    Value::Object(body)
}

pub(super) async fn graph(call: Call) -> Answer {
    let format = match call.query.first("format") {
        None | Some("" | "svg") => "svg",
        Some("mermaid") => "mermaid",
        Some(_) => return Err(ApiError::validation("`format` must be `svg` or `mermaid`")),
    };
    let id = named(&call)?;
    let missing = || ApiError::not_found("there is no such execution");
    let execution = executions::load(&call, id).await?.ok_or_else(missing)?;
    let events = executions::events(&call, id).await?;
    let marks = Marks::of(execution.machine(), &events);
    let drawn = match format {
        "svg" => machines::graph::svg(execution.machine(), &marks),
        _ => machines::graph::mermaid(execution.machine(), &marks),
    };
    let mut body = view(id, &execution);
    body["format"] = format.into();
    body["graph"] = drawn.into();
    Ok(Reply::ok(body))
}

pub(super) async fn resolve(call: Call) -> Answer {
    let id = named(&call)?;
    let fields = call.fields();
    let state = fields
        .required_text("state", Text::length(1, 80))?
        .to_owned();
    let one = fields.text("call", Text::length(36, 36))?;
    let one = one.map(|text| uuid("call", text)).transpose()?;
    let word = read(&fields)?;
    let missing = || ApiError::not_found("there is no such execution");
    executions::load(&call, id).await?.ok_or_else(missing)?;
    let input = Input::Execution(Box::new(machines::Input::Resolve {
        state,
        call: one,
        word,
    }));
    let asked = call.handle().ask(id, &call.scope, input).await;
    asked.map_err(|error| ApiError::from_ask(error, names::refused))?;
    let execution = executions::load(&call, id).await?.ok_or_else(missing)?;
    Ok(Reply::ok(view(id, &execution)))
}

fn read(fields: &Fields<'_>) -> Result<Settlement, ApiError> {
    let word = fields.required_one_of("resolution", WORDS)?;
    let text = |name: &str| fields.text(name, Text::length(0, 4_000));
    let (error, message) = (text("error")?, text("message")?);
    let result = fields.raw("result").cloned();
    if word != "succeeded" && result.is_some() {
        let message = "`result` belongs to the resolution `succeeded` only";
        return Err(ApiError::validation(message));
    }
    Ok(match word {
        "succeeded" => Settlement::Succeeded {
            output: result.unwrap_or_else(|| json!({})),
        },
        "failed" => {
            let cause = message.unwrap_or("an operator said that the effect did not happen");
            Settlement::Failed {
                error: error.map(str::to_owned),
                cause: Some(cause.to_owned()),
            }
        }
        _ => Settlement::Retry,
    })
}
