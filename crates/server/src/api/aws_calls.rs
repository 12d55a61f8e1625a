//! `GET /api/v1/aws/calls?status=unknown&after=&limit=`: AWS calls that operators asked for, newest first;
//! `GET /api/v1/aws/calls/{id}`: one of them with its answer.
//!
//! Parameters are shown with their secrets masked. The answer is shown whole, once asked for by its id: it may hold a
//! key that the service tells only once.

use engine::views::call::{Call as AwsCall, Root, Status};
use model::{AggregateId, AggregateKind};
use ports::store::{Frames, Query};
use serde_json::{Value, json};
use uuid::Uuid;

use super::listing;
use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::{Cursor, Place, place_text};

/// Calls read from the store at once.
const BATCH: usize = 100;
/// Calls looked at for one page, at most: what does not fit goes on at the next page.
const SCAN: usize = 1_000;

pub(super) async fn list(call: Call) -> Answer {
    let unknown_only = match call.query.first("status") {
        None | Some("") => false,
        Some("unknown") => true,
        Some(_) => {
            return Err(ApiError::validation(
                "`status` must be `unknown`, or be left out",
            ));
        }
    };
    let limit = listing::limit(&call)?;
    let cursor = Cursor::new(
        &call,
        "ListAwsCalls",
        if unknown_only { "unknown" } else { "" },
    );
    let after = listing::place(&call, &cursor)?;
    let (calls, next) = page(&call, after, (limit, unknown_only)).await?;
    let next = next.map(|at| cursor.token(&place_text(at)));
    Ok(Reply::ok(json!({ "calls": calls, "nextAfter": next })))
}

pub(super) async fn get(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let found = existing(&call, id).await?;
    Ok(Reply::ok(whole(id, &found)))
}

/// A call of the caller's account, which must exist.
pub(super) async fn existing(call: &Call, id: Uuid) -> Result<AwsCall, ApiError> {
    let stored = call
        .handle()
        .load(AggregateId::call(id), Frames::All)
        .await?;
    let stored = stored
        .filter(|stored| stored.scope.global() == call.scope.global())
        .ok_or_else(|| ApiError::not_found(format!("there is no AWS call `{id}`")))?;
    AwsCall::restore(stored.frames)
        .map_err(|error| ApiError::internal(format!("call {id}: {error}")))
}

/// Everything about a call.
pub(super) fn whole(id: Uuid, call: &AwsCall) -> Value {
    let mut body = view(id, &call.root);
    body["params"] = aws::knowledge::masked(&call.params);
    if let Some(answer) = &call.answer {
        body["answer"] = answer.clone();
    }
    body
}

fn view(id: Uuid, root: &Root) -> Value {
    let request = &root.request;
    let failure = root.failure.as_ref().map(|failure| {
        json!({
            "code": failure.code,
            "message": failure.message,
            "status": failure.status,
            "requestId": failure.request_id,
        })
    });
    json!({
        "id": id,
        "status": root.status,
        "service": request.service,
        "operation": request.operation,
        "region": request.region,
        "account": request.account,
        "role": request.role_arn,
        "class": request.class,
        "by": request.by,
        "started": root.started,
        "ended": root.ended,
        "failure": failure,
        "unknown": root.unknown,
        "resolvedBy": root.resolved_by,
        "answerTooLarge": root.too_large,
    })
}

async fn page(
    call: &Call,
    mut before: Option<Place>,
    (limit, unknown_only): (usize, bool),
) -> Result<(Vec<Value>, Option<Place>), ApiError> {
    let mut calls = Vec::new();
    for _ in 0..SCAN / BATCH {
        let query = Query {
            kind: AggregateKind::Call,
            scope: call.scope.global(),
            index: None,
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let last = batch.len() < BATCH;
        for stored in batch {
            if calls.len() == limit {
                return Ok((calls, before));
            }
            before = Some((stored.created, stored.id.id));
            let root = stored.frames.into_iter().find(|(key, _)| key.is_empty());
            let Some((_, body)) = root else { continue };
            let root = Root::restore(body)
                .map_err(|error| ApiError::internal(format!("{}: {error}", stored.id)))?;
            if !unknown_only || root.status == Status::Unknown {
                calls.push(view(stored.id.id, &root));
            }
        }
        if last {
            return Ok((calls, None));
        }
    }
    Ok((calls, before))
}
