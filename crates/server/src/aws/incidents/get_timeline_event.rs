//! `GetTimelineEvent`.

use engine::views::incident::{EVENT_FRAMES, read_event};
use engine::views::view;
use model::AggregateId;
use ports::store::Frames;
use serde_json::json;
use uuid::Uuid;

use super::names::{self, EVENT, EVENT_ID};
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "incidentRecordArn", names::ARN)?;
    let id = names::required(&call, "eventId", EVENT_ID)?;
    let incident = record::existing(&call, arn).await?;
    let event: Uuid = id.parse().map_err(|_| names::missing(EVENT, id))?;
    let key = format!("{EVENT_FRAMES}{event}");
    let stored = call
        .handle()
        .load(
            AggregateId::incident(incident.id),
            Frames::RootAnd(vec![key.clone()]),
        )
        .await?;
    let frames = stored.map(|stored| stored.frames).unwrap_or_default();
    let (_, body) = frames
        .into_iter()
        .find(|(found, _)| *found == key)
        .ok_or_else(|| names::missing(EVENT, id))?;
    let event = read_event(&key, body).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Reply::ok(json!({ "event": view::timeline_event(&event) })))
}
