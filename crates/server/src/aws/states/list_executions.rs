//! `ListExecutions` of a machine or of a map run, newest first.

use engine::views::machines::map_run::MapRun;
use engine::views::machines::{Execution, MACHINE_INDEX, Status};
use model::{AggregateId, AggregateKind, IndexEntry};
use ports::store::Query;
use serde_json::{Value, json};

use super::executions::{self, next_token, page_size, page_start};
use super::{machines, map_runs, names};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::{Cursor, place_text};

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
    let asked = asked(&call).await?;
    let arn = &asked.arn;
    let cursor = Cursor::new(
        &call,
        "ListExecutions",
        &json!([arn, status, redriven]).to_string(),
    );
    let mut before = page_start(&call, &cursor, 3096)?;
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
            let listed = asked.listed(&call, &execution).await?;
            if fits && status.is_none_or(|status| listed["status"] == status) {
                found.push(listed);
            }
        }
        if !full {
            break;
        }
    }
    let mut body = json!({"executions": found});
    if let (true, Some(at)) = (more, before) {
        next_token(&mut body, &cursor.token(&place_text(at)));
    }
    Ok(Reply::ok(body))
}

/// Whose executions are asked for.
struct Asked {
    /// ARN of the machine, version, alias or map run.
    arn: String,
    /// The map run, without its executions.
    run: Option<(AggregateId, MapRun)>,
}

async fn asked(call: &Call) -> Result<Asked, ApiError> {
    let fields = call.fields();
    let given = |member| fields.raw(member).is_some_and(|value| !value.is_null());
    if given("stateMachineArn") == given("mapRunArn") {
        return Err(ApiError::validation(
            "Exactly one of `stateMachineArn` and `mapRunArn` must be given",
        ));
    }
    if given("stateMachineArn") {
        let place = names::place(call, "stateMachineArn")?;
        if machines::existing(call, &place.name).await?.body.express {
            return Err(names::wrong_machine_type());
        }
        let (arn, run) = (place.arn(call), None);
        return Ok(Asked { arn, run });
    }
    let (id, run) = map_runs::existing(call).await?;
    if run.is_express() {
        return Err(names::wrong_machine_type());
    }
    let (arn, run) = (run.arn().to_owned(), Some((id, run)));
    Ok(Asked { arn, run })
}

impl Asked {
    /// An execution as the list shows it.
    async fn listed(&self, call: &Call, execution: &Execution) -> Result<Value, ApiError> {
        let mut body = Value::Object(executions::listed(execution));
        let (Some((id, run)), Some(member)) = (&self.run, execution.start().member()) else {
            return Ok(body);
        };
        body["mapRunArn"] = run.arn().into();
        body["itemCount"] = member.items().into();
        let ended = ![Status::Running, Status::Succeeded].contains(&execution.status());
        if ended
            && run.pending_redrive() > 0
            && map_runs::waits_to_live_again(call, *id, member.index()).await?
        {
            body["status"] = "PENDING_REDRIVE".into();
        }
        Ok(body)
    }
}
