//! Plans: what a document would do, and runs and approvals that are bound to one.
//!
//! `POST /api/v1/plans`: `{"document": "Name", "version": "1"?, "content": "..."?, "parameters": {"P": ["v"]}?}` or
//! `{"run": "<uuid>"}`, what a run would do that waits for approval; answers with the preview's `id`.
//! `GET /api/v1/plans/{id}`: the preview, with the plan once it is there.
//! `POST /api/v1/plans/{hash}/start`: plans once more, and starts the run if the plan has the same hash.
//! `POST /api/v1/runs/{id}/approve`: `{"planHash": "...", "comment": "..."?}`: plans once more what the waiting run would
//! do, and approves it if the plan has the same hash.

use engine::views::documents::MAX_BYTES;
use engine::views::preview::plan::PlanStep;
use engine::views::preview::{Begin, Preview, Then};
use engine::views::{Run, Signal, SignalKind, Status};
use model::report::{GivenDocument, StartRun};
use model::{AggregateId, Rejection};
use ports::store::Frames;
use serde_json::{Value, json};
use uuid::Uuid;

use super::runs::uuid;
use crate::aws::ssm::{read_parameters, runs as all_runs};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::previews;

const NAME: Text = Text::length(1, 256);
const VERSION: Text = Text::length(1, 16);
const COMMENT: Text = Text::length(0, 1024);
const HASH: usize = 64;

pub(super) async fn create(call: Call) -> Answer {
    let fields = call.fields();
    let begin = match fields.text("run", Text::length(36, 36))? {
        Some(run) => waiting(&call, uuid("run", run)?).await?,
        None => named(&call, &fields)?,
    };
    let id = previews::begin(&call, begin, refused).await?;
    Ok(Reply::ok(json!({ "id": id })))
}

fn named(call: &Call, fields: &Fields<'_>) -> Result<Begin, ApiError> {
    let name = fields.required_text("document", NAME)?;
    let version = fields.text("version", VERSION)?.map(str::to_owned);
    let content = fields.text("content", Text::length(1, MAX_BYTES))?;
    let parameters = read_parameters(fields, "parameters")?;
    let request = StartRun {
        document_name: name.to_owned(),
        document_version: version,
        parameters,
        executed_by: call.caller.arn.clone(),
        region: call.scope.region.clone(),
        mode: "Auto".to_owned(),
        caller_role: (call.caller.session.as_ref()).map(|session| session.role.role_arn.clone()),
        ..StartRun::default()
    };
    let given = content.map(|content| GivenDocument {
        json: content.trim_start().starts_with('{'),
        content: content.to_owned(),
    });
    Ok(previews::of_document(StartRun {
        given: given.map(Box::new),
        ..request
    }))
}

/// What a run would do that waits for approval.
async fn waiting(call: &Call, run: Uuid) -> Result<Begin, ApiError> {
    let found = all_runs::existing(call, run).await?;
    if !waits_for_approval(&found) {
        return Err(ApiError::conflict(format!(
            "run `{run}` does not wait for approval: only a run that stands at an aws:approve step is planned"
        )));
    }
    let stored = call
        .handle()
        .load(AggregateId::run(run), Frames::All)
        .await?;
    let frames = stored.map(|stored| stored.frames).unwrap_or_default();
    Ok(Begin {
        start: None,
        waiting: Some(frames),
        bound: None,
    })
}

fn waits_for_approval(run: &Run) -> bool {
    let step = run.current().filter(|step| step.status == Status::Waiting);
    step.is_some_and(|step| step.action == "aws:approve" && !step.outcome_unknown)
}

pub(super) async fn get(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let found = previews::find(&call, id).await?;
    let preview = found.ok_or_else(|| ApiError::not_found(format!("there is no plan `{id}`")))?;
    let mut body = view(id, &preview);
    if let Some(Then::Start { run, .. }) = preview.bound().map(|bound| &bound.then) {
        let root = Frames::RootAnd(Vec::new());
        let found = call.handle().load(AggregateId::run(*run), root).await?;
        body["bound"]["begun"] = found.is_some().into();
    }
    Ok(Reply::ok(body))
}

pub(super) async fn start(call: Call) -> Answer {
    let hash = hash(call.segment(0))?;
    let found = previews::with_hash(&call, hash, |preview| preview.of_run().is_none()).await?;
    let (planned, preview) = found.ok_or_else(|| no_plan(hash))?;
    whole(&preview)?;
    let (name, version) = preview.document();
    // A file is run as it was planned, byte for byte: the preview has kept it.
    let given = preview.given().cloned().map(Box::new);
    let request = StartRun {
        document_name: name.to_owned(),
        document_version: (!version.is_empty()).then(|| version.to_owned()),
        given,
        executed_by: call.caller.arn.clone(),
        caller_role: (call.caller.session.as_ref()).map(|session| session.role.role_arn.clone()),
        ..preview.request().clone()
    };
    let run = call.handle().new_id();
    let then = Then::Start {
        run,
        request: Box::new(request.clone()),
    };
    let mut begin = previews::of_document(request);
    begin.bound = previews::bound(planned, &preview, then);
    let id = previews::begin(&call, begin, refused).await?;
    Ok(Reply::ok(json!({ "id": id, "AutomationExecutionId": run })))
}

pub(super) async fn approve(call: Call) -> Answer {
    let run = uuid("id", call.segment(0))?;
    let fields = call.fields();
    let given = fields.required_text("planHash", Text::length(HASH, HASH))?;
    let hash = hash(given)?;
    let comment = fields.text("comment", COMMENT)?;
    let mut begin = waiting(&call, run).await?;
    let found = previews::with_hash(&call, hash, |preview| preview.of_run() == Some(run)).await?;
    let (planned, preview) = found.ok_or_else(|| no_plan(hash))?;
    whole(&preview)?;
    let comment = comment.map(|text| ("Comment".to_owned(), vec![text.to_owned()]));
    let then = Then::Signal {
        run,
        signal: Signal {
            kind: SignalKind::Approve,
            payload: comment.into_iter().collect(),
            by: call.caller.arn.clone(),
            agreed: None,
        },
    };
    begin.bound = previews::bound(planned, &preview, then);
    let id = previews::begin(&call, begin, all_runs::refused).await?;
    Ok(Reply::ok(json!({ "id": id, "AutomationExecutionId": run })))
}

/// A plan's hash as it is written.
fn hash(text: &str) -> Result<&str, ApiError> {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() == HASH && text.bytes().all(hex) {
        return Ok(text);
    }
    Err(ApiError::validation(format!(
        "a plan's hash has {HASH} hexadecimal digits in lower case, as `quell playbook plan` prints it"
    )))
}

/// A plan that leaves something out cannot be agreed to.
fn whole(preview: &Preview) -> Result<(), ApiError> {
    if preview.summary().is_some_and(|summary| summary.complete) {
        return Ok(());
    }
    Err(ApiError::conflict(
        "the plan is not complete, because it is too large to be shown whole, so nothing can be bound to it: split the \
         document, or start or approve it without a plan",
    ))
}

fn no_plan(hash: &str) -> ApiError {
    ApiError::not_found(format!(
        "there is no plan with the hash `{hash}` in this account and region: make one with `quell playbook plan`"
    ))
}

fn refused(rejection: Rejection) -> ApiError {
    all_runs::refused(rejection)
}

fn view(id: Uuid, preview: &Preview) -> Value {
    let (document, version) = preview.document();
    let (started, ended) = preview.times();
    let bound = preview.bound().map(|bound| {
        let (kind, run) = match &bound.then {
            Then::Start { run, .. } => ("start", run),
            Then::Signal { run, .. } => ("approve", run),
        };
        json!({"to": kind, "AutomationExecutionId": run, "hash": bound.hash, "drift": preview.drift()})
    });
    let mut body = json!({
        "id": id,
        "status": preview.status().as_str(),
        "message": preview.message(),
        "document": document,
        "version": version,
        "run": preview.of_run(),
        "region": preview.request().region,
        "startedAt": started,
        "endedAt": ended,
        "hash": preview.hash(),
        "bound": bound,
    });
    if let Some(summary) = preview.summary() {
        body["plan"] = json!({
            "steps": shown(&summary.steps),
            "resources": summary.resources,
            "accounts": summary.accounts,
            "regions": summary.regions,
            "complete": summary.complete,
            "outcome": summary.outcome,
            "stepCounts": summary.step_counts(),
        });
    }
    body
}

/// A plan's steps without what only machines compare, and without secrets: a webhook's body is masked by its names, and
/// the digest of a call with secrets, from which they could be guessed, is left out.
fn shown(steps: &[PlanStep]) -> Value {
    let mut steps = json!(steps);
    let calls = steps.as_array_mut().into_iter().flatten();
    let calls = calls.filter_map(|step| step.get_mut("calls")?.as_array_mut());
    for call in calls.flatten().filter_map(Value::as_object_mut) {
        call.remove("compared");
        if call
            .get("service")
            .is_some_and(|service| service == "webhook")
            && let Some(params) = call.get_mut("params")
        {
            *params = aws::knowledge::masked(params);
        }
        if call.get("params").is_some_and(is_masked) {
            call.remove("digest");
        }
    }
    steps
}

/// Whether a secret is masked somewhere in a value.
fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(aws::knowledge::MASK),
        Value::Array(items) => items.iter().any(is_masked),
        Value::Object(map) => map.values().any(is_masked),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use engine::views::preview::plan::PlannedCall;

    use super::*;

    #[test]
    fn secrets_are_not_shown_nor_what_they_can_be_guessed_from() {
        let call = |service: &str, params: Value| PlannedCall {
            service: service.to_owned(),
            params,
            digest: "5f0c".to_owned(),
            compared: json!({"params": "for machines"}),
            ..PlannedCall::default()
        };
        let step = PlanStep {
            calls: vec![
                call(
                    "webhook",
                    json!({"IntegrationName": "w", "Body": r#"{"apiKey":"k-1","text":"t"}"#}),
                ),
                call("ssm", json!({"Name": "p", "Value": "***"})),
                call("ec2", json!({"InstanceIds": ["i-1"]})),
            ],
            ..PlanStep::default()
        };
        let shown = shown(&[step]);
        let calls = &shown[0]["calls"];
        assert!(!shown.to_string().contains("k-1"), "{shown}");
        assert!(!shown.to_string().contains("for machines"), "{shown}");
        assert_eq!(calls[0]["params"]["Body"], r#"{"apiKey":"***","text":"t"}"#);
        let digests = [0, 1, 2].map(|n| calls[n].get("digest").is_some());
        assert_eq!(digests, [false, false, true]);
    }
}
