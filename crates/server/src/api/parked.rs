//! `GET /api/v1/intake/parked?source=&status=&after=&limit=`: messages that could not be taken, newest first;
//! `GET /api/v1/intake/parked/{id}`: one of them with its body;
//! `POST /api/v1/intake/parked/{id}/retry`: take it in after all; `POST .../discard` with `{"note": "..."}?`: throw it away.
//!
//! A body is shown as it came: it is a stranger's text.

use engine::Input;
use engine::views::parked::{Body, Input as ParkedInput, Parked, SOURCE_INDEX, Status};
use model::{AggregateId, AggregateKind, IndexEntry};
use ports::store::{Frames, Query, Stored};
use serde_json::{Value, json};
use uuid::Uuid;

use super::intake_sources::{rejected, sources, undone};
use super::listing;
use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;
use crate::page::{Cursor, Place, place_text};

/// Messages read from the store at once.
const BATCH: usize = 100;
/// Messages looked at for one page, at most: what does not fit goes on at the next page.
const SCAN: usize = 1_000;

pub(super) async fn list(call: Call) -> Answer {
    let status = match call.query.first("status").unwrap_or("parked") {
        "parked" => Some(Status::Parked),
        "retried" => Some(Status::Retried),
        "discarded" => Some(Status::Discarded),
        "all" => None,
        _ => {
            return Err(ApiError::validation(
                "`status` must be `parked`, `retried`, `discarded` or `all`",
            ));
        }
    };
    let source = call.query.first("source").filter(|name| !name.is_empty());
    let limit = listing::limit(&call)?;
    let question = format!("{status:?}/{}", source.unwrap_or_default());
    let cursor = Cursor::new(&call, "ListParked", &question);
    let after = listing::place(&call, &cursor)?;
    let (messages, next) = page(&call, after, (limit, status, source)).await?;
    let next = next.map(|at| cursor.token(&place_text(at)));
    Ok(Reply::ok(
        json!({ "messages": messages, "nextAfter": next }),
    ))
}

pub(super) async fn get(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let stored = existing(&call, id).await?;
    let mut shown = view(&stored)?;
    let body = Body::restore(&stored.frames).map_err(|error| broken(id, &error))?;
    if let Some(body) = body {
        let name = if body.base64 { "bodyBase64" } else { "body" };
        shown[name] = body.text.into();
    }
    Ok(Reply::ok(shown))
}

pub(super) async fn retry(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    existing(&call, id).await?;
    let retried = sources(&call)?.retry(id, &call.caller.arn).await;
    let retried = retried.map_err(undone)?;
    let body = json!({ "id": id, "eventIds": retried.events, "duplicates": retried.seen });
    Ok(Reply::ok(body))
}

pub(super) async fn discard(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    let stored = existing(&call, id).await?;
    let fields = call.fields();
    let note = fields.text("note", Text::length(0, 2_000))?;
    let input = ParkedInput::Discard {
        by: call.caller.arn.clone(),
        note: note.map(str::to_owned),
    };
    let asked = call
        .handle()
        .ask(stored.id, &stored.scope, Input::Parked(Box::new(input)))
        .await;
    asked.map_err(|error| ApiError::from_ask(error, rejected))?;
    view(&existing(&call, id).await?).map(Reply::ok)
}

/// A parked message of the caller's account, which must exist.
async fn existing(call: &Call, id: Uuid) -> Result<Stored, ApiError> {
    let stored = call
        .handle()
        .load(AggregateId::parked(id), Frames::All)
        .await?;
    stored
        .filter(|stored| stored.scope.global() == call.scope.global())
        .ok_or_else(|| ApiError::not_found(format!("there is no parked message `{id}`")))
}

fn broken(id: Uuid, error: &impl std::fmt::Display) -> ApiError {
    ApiError::internal(format!("parked message {id}: {error}"))
}

fn view(stored: &Stored) -> Result<Value, ApiError> {
    let id = stored.id.id;
    let parked = Parked::restore(&stored.frames).map_err(|error| broken(id, &error))?;
    Ok(json!({
        "id": id,
        "source": parked.source,
        "messageId": parked.message_id,
        "status": parked.status,
        "reason": parked.reason,
        "tries": parked.tries,
        "arrivals": parked.arrivals,
        "sent": parked.sent,
        "parked": parked.parked,
        "size": parked.size,
        "sha256": parked.digest,
        "attributes": parked.attributes,
        "settled": parked.settled,
    }))
}

async fn page(
    call: &Call,
    mut before: Option<Place>,
    (limit, status, source): (usize, Option<Status>, Option<&str>),
) -> Result<(Vec<Value>, Option<Place>), ApiError> {
    let index = source.map(|name| IndexEntry {
        name: SOURCE_INDEX.to_owned(),
        value: name.to_owned(),
    });
    let mut messages = Vec::new();
    for _ in 0..SCAN / BATCH {
        let query = Query {
            kind: AggregateKind::Parked,
            scope: call.scope.global(),
            index: index.clone(),
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let last = batch.len() < BATCH;
        for stored in batch {
            if messages.len() == limit {
                return Ok((messages, before));
            }
            before = Some((stored.created, stored.id.id));
            let shown = view(&stored)?;
            if status.is_none_or(|status| shown["status"] == json!(status)) {
                messages.push(shown);
            }
        }
        if last {
            return Ok((messages, None));
        }
    }
    Ok((messages, before))
}
