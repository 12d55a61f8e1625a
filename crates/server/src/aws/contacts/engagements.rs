//! Engagements and their pages by ARN.
//!
//! What an earlier replication set of the account left behind is not shown: deleting the set deleted it.

use engine::Input;
use engine::views::engage::{self, Engagement, Page};
use jiff::Timestamp;
use model::{AggregateId, AggregateKind, IndexEntry};
use ports::store::{Frames, Query, Stored};
use serde_json::Value;
use uuid::Uuid;

use super::names::{self, ARN, ENGAGEMENT_TYPE, PAGE_TYPE};
use super::onboarding;
use crate::call::Call;
use crate::error::ApiError;
use crate::page::Place;

/// The engagement that `EngagementId` names, with its pages.
pub(super) async fn existing(call: &Call) -> Result<Engagement, ApiError> {
    let arn = call.fields().required_text("EngagementId", ARN)?;
    let missing = || names::missing(ENGAGEMENT_TYPE, arn);
    let tail = names::own_tail(call, arn, "engagement").ok_or_else(missing)?;
    let id = tail_id(&tail).ok_or_else(missing)?;
    let found = load(call, AggregateId::engagement(id)).await?;
    found
        .filter(|engagement| engagement.arn == arn)
        .ok_or_else(missing)
}

/// The page that `PageId` names, with its engagement.
pub(super) async fn page(call: &Call) -> Result<(Engagement, Page), ApiError> {
    let arn = call.fields().required_text("PageId", ARN)?;
    let missing = || names::missing(PAGE_TYPE, arn);
    let tail = names::own_tail(call, arn, "page").ok_or_else(missing)?;
    let id = tail_id(&tail).ok_or_else(missing)?;
    let index = IndexEntry {
        name: "page".to_owned(),
        value: id.to_string(),
    };
    let holder = list(call, Some(index), None, 1)
        .await?
        .into_iter()
        .next()
        .ok_or_else(missing)?;
    let engagement = load(call, holder.id).await?.ok_or_else(missing)?;
    let page = engagement
        .pages
        .get(&id)
        .filter(|page| page.arn == arn)
        .cloned()
        .ok_or_else(missing)?;
    Ok((engagement, page))
}

/// Engagements of this region, newest first, without their pages.
pub(super) async fn list(
    call: &Call,
    index: Option<IndexEntry>,
    before: Option<Place>,
    limit: usize,
) -> Result<Vec<Stored>, ApiError> {
    let query = Query {
        kind: AggregateKind::Engagement,
        scope: call.scope.clone(),
        index,
        before,
        limit,
    };
    Ok(call.handle().list(query).await?)
}

/// One engagement with its pages.
pub(super) async fn load(call: &Call, id: AggregateId) -> Result<Option<Engagement>, ApiError> {
    let Some(stored) = call.handle().load(id, Frames::All).await? else {
        return Ok(None);
    };
    let since = since(call).await?;
    let own = stored.scope == call.scope;
    let engagement = restore(stored)?;
    Ok((own && engagement.started >= since).then_some(engagement))
}

/// From when on engagements are shown.
pub(super) async fn since(call: &Call) -> Result<Timestamp, ApiError> {
    onboarding::require(call).await.map(|set| set.created_time)
}

/// Reads a stored engagement.
pub(super) fn restore(stored: Stored) -> Result<Engagement, ApiError> {
    Engagement::restore(stored.frames).map_err(|error| ApiError::internal(error.to_string()))
}

/// Gives an engagement an input and answers its reply.
pub(super) async fn ask(call: &Call, id: Uuid, input: engage::Input) -> Result<Value, ApiError> {
    let input = Input::Engagement(Box::new(input));
    let asked = call
        .handle()
        .ask(AggregateId::engagement(id), &call.scope, input)
        .await;
    asked.map_err(|error| ApiError::from_ask(error, names::refused))
}

fn tail_id(tail: &str) -> Option<Uuid> {
    tail.rsplit_once('/').and_then(|(_, id)| id.parse().ok())
}
