//! Incidents by ARN: reading them, and asking them for changes.

use engine::Input;
use engine::views::incident::{self, Incident};
use model::incident::incident_id;
use model::{AggregateId, Rejection};
use ports::store::Frames;
use serde_json::Value;

use super::names::{self, RECORD};
use crate::call::Call;
use crate::error::ApiError;

/// The incident that an ARN names.
pub(super) async fn find(call: &Call, arn: &str) -> Result<Option<Incident>, ApiError> {
    let Some(id) = incident_id(arn).map(AggregateId::incident) else {
        return Ok(None);
    };
    let stored = call.handle().load(id, Frames::RootAnd(Vec::new())).await?;
    let Some(stored) = stored.filter(|stored| stored.scope == call.scope.global()) else {
        return Ok(None);
    };
    let incident =
        Incident::restore(stored.frames).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok((incident.record.arn == arn).then_some(incident))
}

/// The incident that an ARN names, which must exist.
pub(super) async fn existing(call: &Call, arn: &str) -> Result<Incident, ApiError> {
    find(call, arn)
        .await?
        .ok_or_else(|| names::missing(RECORD, arn))
}

/// Asks an incident for a change and gives its answer.
pub(super) async fn ask(call: &Call, arn: &str, input: incident::Input) -> Result<Value, ApiError> {
    let incident = existing(call, arn).await?;
    let input = Input::Incident(Box::new(input));
    let asked = call
        .handle()
        .ask(AggregateId::incident(incident.id), &incident.scope, input)
        .await;
    asked.map_err(|error| {
        ApiError::from_ask(error, |rejection| match rejection {
            Rejection::NotFound { kind, .. } if kind == RECORD => names::missing(RECORD, arn),
            other => names::refused(other),
        })
    })
}
