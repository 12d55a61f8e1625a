//! `GET /api/v1/deliveries?state=dropped|waiting|dead_lettered&after=&limit=`: deliveries of events that have trouble,
//! newest first; `GET /api/v1/deliveries/{id}`: one of them; `POST /api/v1/deliveries/{id}/retry`: try one again now.
//!
//! A delivery that has ended well is not kept. What would be sent is not shown: it is the event, which may hold more
//! than whoever looks after deliveries should read.

use engine::Input;
use engine::views::delivery::{self, Delivery, STATE_INDEX};
use model::{AggregateId, AggregateKind, IndexEntry};
use ports::store::{Frames, Query};
use serde_json::{Value, json};
use uuid::Uuid;

use super::listing;
use super::runs::uuid;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::{Cursor, Place, place_text};

/// Deliveries read from the store at once.
const BATCH: usize = 100;
/// Deliveries looked at for one page, at most: what does not fit goes on at the next page.
const SCAN: usize = 1_000;
/// The states that can be asked for.
const STATES: [&str; 3] = ["dropped", "waiting", "dead_lettered"];

pub(super) async fn list(call: Call) -> Answer {
    let state = call.query.first("state").unwrap_or("dropped");
    if !STATES.contains(&state) {
        return Err(ApiError::validation(format!(
            "`state` must be one of {}",
            STATES.join(", ")
        )));
    }
    let limit = listing::limit(&call)?;
    let cursor = Cursor::new(&call, "ListDeliveries", state);
    let after = listing::place(&call, &cursor)?;
    let (deliveries, next) = page(&call, after, (limit, state)).await?;
    let next = next.map(|at| cursor.token(&place_text(at)));
    Ok(Reply::ok(
        json!({ "deliveries": deliveries, "nextAfter": next }),
    ))
}

pub(super) async fn get(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    Ok(Reply::ok(view(id, &existing(&call, id).await?)))
}

pub(super) async fn retry(call: Call) -> Answer {
    let id = uuid("id", call.segment(0))?;
    existing(&call, id).await?;
    let input = Input::Delivery(Box::new(delivery::Input::Retry));
    let asked = call
        .handle()
        .ask(AggregateId::delivery(id), &call.scope, input);
    let answer = asked
        .await
        .map_err(|error| ApiError::from_ask(error, |rejection| refused(id, &rejection)))?;
    Ok(Reply::ok(json!({ "id": id, "state": answer["state"] })))
}

fn refused(id: Uuid, rejection: &model::Rejection) -> ApiError {
    match rejection {
        model::Rejection::NotFound { .. } => missing(id),
        other => ApiError::validation(other.to_string()),
    }
}

fn missing(id: Uuid) -> ApiError {
    ApiError::not_found(format!(
        "there is no delivery `{id}`: one that has ended well is not kept"
    ))
}

/// A delivery of the caller's account, which must exist.
async fn existing(call: &Call, id: Uuid) -> Result<Delivery, ApiError> {
    let frames = Frames::RootAnd(Vec::new());
    let stored = call
        .handle()
        .load(AggregateId::delivery(id), frames)
        .await?;
    let stored = stored
        .filter(|stored| stored.scope.global() == call.scope.global())
        .ok_or_else(|| missing(id))?;
    restored(stored.frames, id)
}

fn restored(frames: Vec<(String, Value)>, id: Uuid) -> Result<Delivery, ApiError> {
    Delivery::restore(frames).map_err(|error| ApiError::internal(format!("delivery {id}: {error}")))
}

fn view(id: Uuid, delivery: &Delivery) -> Value {
    let failed = delivery.failed.as_ref();
    json!({
        "id": id,
        "state": delivery.status.as_str(),
        "rule": delivery.origin,
        "target": delivery.target_arn,
        "targetId": delivery.target_id,
        "deadLetterQueue": delivery.dead_letter,
        "accepted": delivery.started,
        "attempts": delivery.attempts,
        "errorCode": failed.map(|failed| &failed.code),
        "reason": failed.map(|failed| &failed.message),
        "exhausted": failed.and_then(|failed| failed.exhausted),
    })
}

async fn page(
    call: &Call,
    mut before: Option<Place>,
    (limit, state): (usize, &str),
) -> Result<(Vec<Value>, Option<Place>), ApiError> {
    let mut deliveries = Vec::new();
    for _ in 0..SCAN / BATCH {
        let query = Query {
            kind: AggregateKind::Delivery,
            scope: call.scope.global(),
            index: Some(IndexEntry {
                name: STATE_INDEX.to_owned(),
                value: state.to_owned(),
            }),
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let last = batch.len() < BATCH;
        for stored in batch {
            if deliveries.len() == limit {
                return Ok((deliveries, before));
            }
            let id = stored.id.id;
            before = Some((stored.created, id));
            let delivery = restored(stored.frames, id)?;
            // The index keeps every state that a delivery was in.
            if delivery.status.as_str() == state {
                deliveries.push(view(id, &delivery));
            }
        }
        if last {
            return Ok((deliveries, None));
        }
    }
    Ok((deliveries, before))
}
