//! `ListExecutions` of a machine, newest first.

use engine::views::machines::MACHINE_INDEX;
use model::{AggregateKind, IndexEntry};
use ports::store::Query;
use serde_json::{Value, json};

use super::executions::{self, next_token, page_size, parse_position, position, position_of};
use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::Cursor;

const STATUSES: &[&str] = &[
    "SUCCEEDED",
    "TIMED_OUT",
    "PENDING_REDRIVE",
    "ABORTED",
    "FAILED",
    "RUNNING",
];
/// Executions looked at for one page, at most: a filter that finds little then answers a short page with a token.
const SCAN: usize = 2_000;
/// Executions read from the store at once.
const BATCH: usize = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let status = fields.one_of("statusFilter", STATUSES)?;
    let redriven = fields.one_of("redriveFilter", &["REDRIVEN", "NOT_REDRIVEN"])?;
    let redriven = redriven.map(|word| word == "REDRIVEN");
    let limit = page_size(&call)?;
    names::refuse(
        &fields,
        &[("mapRunArn", "this server has no Map Runs, leave it out")],
    )?;
    let place = names::place(&call, "stateMachineArn")?;
    if machines::existing(&call, &place.name).await?.body.express {
        return Err(names::wrong_machine_type());
    }
    let arn = place.arn(&call);
    let cursor = Cursor::new(
        &call,
        "ListExecutions",
        &json!([arn, status, redriven]).to_string(),
    );
    let mut before = page_start(&call, &cursor)?;
    let (mut found, mut more, mut seen) = (Vec::new(), false, 0);
    'reading: loop {
        let query = Query {
            kind: AggregateKind::Execution,
            scope: call.scope.clone(),
            index: Some(IndexEntry {
                name: MACHINE_INDEX.to_owned(),
                value: arn.clone(),
            }),
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let full = batch.len() == BATCH;
        for stored in batch {
            if found.len() == limit || seen == SCAN {
                more = true;
                break 'reading;
            }
            seen += 1;
            let Some(execution) = executions::load(&call, stored.id).await? else {
                continue;
            };
            before = Some((stored.created, stored.id.id));
            let fits = redriven.is_none_or(|wanted| (execution.redrives().0 > 0) == wanted);
            if fits && status.is_none_or(|status| execution.status().as_str() == status) {
                found.push(Value::Object(executions::listed(&execution)));
            }
        }
        if !full {
            break;
        }
    }
    let mut body = json!({"executions": found});
    if let (true, Some(at)) = (more, before) {
        next_token(&mut body, &cursor.token(&position_of(at)));
    }
    Ok(Reply::ok(body))
}

/// Where the page begins that the request asks for.
fn page_start(
    call: &Call,
    cursor: &Cursor,
) -> Result<Option<(jiff::Timestamp, uuid::Uuid)>, ApiError> {
    let Some(text) = position(call, cursor, 3096)? else {
        return Ok(None);
    };
    let bad = || ApiError::new("InvalidToken", "Invalid Token: 'Invalid token'");
    parse_position(&text).map(Some).ok_or_else(bad)
}
