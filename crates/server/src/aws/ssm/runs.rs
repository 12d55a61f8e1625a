//! What the automation operations share: finding runs, and the exceptions for what the engine refuses.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use engine::views::{ReadDocuments, Run, Summary};
use http::StatusCode;
use model::{AggregateId, AggregateKind, IndexEntry, Rejection};
use ports::store::{Frames, Query, Stored};
use uuid::Uuid;

use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::page::{parse_place, place_text};

/// Runs looked at for one page, at most: what does not fit goes on at the next page.
const SCAN: usize = 500;
/// Runs read from the store at once.
const BATCH: usize = 50;

/// The id of the execution that the request names.
pub(crate) fn run_id(fields: &Fields<'_>) -> Result<Uuid, ApiError> {
    let text = fields.required_text("AutomationExecutionId", Text::length(36, 36))?;
    text.parse().map_err(|_| no_run())
}

/// A run of the call's account and region, which must exist.
pub(crate) async fn existing(call: &Call, id: Uuid) -> Result<Run, ApiError> {
    let stored = call
        .handle()
        .load(AggregateId::run(id), Frames::All)
        .await?;
    let stored = stored
        .filter(|stored| stored.scope == call.scope)
        .ok_or_else(no_run)?;
    restored(stored)
}

fn restored(stored: Stored) -> Result<Run, ApiError> {
    let id = stored.id;
    Run::restore(stored.frames).map_err(|error| ApiError::internal(format!("{id}: {error}")))
}

fn summary(stored: Stored, documents: &mut ReadDocuments) -> Result<Summary, ApiError> {
    let id = stored.id;
    Summary::restore(stored.frames, documents)
        .map_err(|error| ApiError::internal(format!("{id}: {error}")))
}

/// A run of a list, whose root was found: only what a list shows is read.
async fn listed(
    call: &Call,
    root: Stored,
    documents: &mut ReadDocuments,
) -> Result<Option<Summary>, ApiError> {
    let id = root.id;
    let frame = root.frames.iter().find(|(key, _)| key.is_empty());
    let keys = frame.map_or(Ok(Vec::new()), |(_, body)| Summary::frames(body));
    let keys = keys.map_err(|error| ApiError::internal(format!("{id}: {error}")))?;
    let Some(stored) = call.handle().load(id, Frames::RootAnd(keys)).await? else {
        return Ok(None);
    };
    if let Ok(run) = Summary::restore(stored.frames, documents) {
        return Ok(Some(run));
    }
    // The run went on between the two readings: another step's frame is needed.
    let stored = call.handle().load(id, Frames::All).await?;
    stored.map(|stored| summary(stored, documents)).transpose()
}

fn no_run() -> ApiError {
    ApiError::new(
        "AutomationExecutionNotFoundException",
        "There is no automation execution information for the requested automation execution ID.",
    )
    .status(StatusCode::NOT_FOUND)
}

/// The exception for an input that the run refused.
pub(crate) fn refused(rejection: Rejection) -> ApiError {
    let message = rejection.to_string();
    match rejection {
        Rejection::Invalid { .. } => {
            ApiError::new("InvalidAutomationExecutionParametersException", message)
        }
        Rejection::NotFound { kind, .. } if kind == "AutomationStep" => {
            ApiError::new("AutomationStepNotFoundException", message).status(StatusCode::NOT_FOUND)
        }
        Rejection::NotFound { .. } => no_run(),
        Rejection::Conflict { code, .. } if !code.is_empty() => {
            ApiError::new(code, message).status(StatusCode::CONFLICT)
        }
        Rejection::Conflict { .. } | Rejection::Closed => {
            ApiError::new("InvalidAutomationStatusUpdateException", message)
                .status(StatusCode::CONFLICT)
        }
        Rejection::Quota { .. } => {
            ApiError::new("AutomationExecutionLimitExceededException", message)
        }
    }
}

/// A page of runs, newest first, and the position behind which the next one begins.
pub(crate) struct Page {
    /// The runs that were wanted.
    pub(crate) runs: Vec<Summary>,
    /// Position for the next page, unless this was the last one.
    pub(crate) next: Option<String>,
}

/// Those of the named runs of the call's account and region that `wanted` picks, newest first, as the only page.
pub(crate) async fn named(
    call: &Call,
    ids: &[Uuid],
    wanted: impl Fn(&Summary) -> bool + Send + Sync,
) -> Result<Page, ApiError> {
    let ids: BTreeSet<Uuid> = ids.iter().copied().collect();
    let mut found = Vec::new();
    let mut documents = ReadDocuments::default();
    for id in ids {
        let stored = call
            .handle()
            .load(AggregateId::run(id), Frames::All)
            .await?;
        let Some(stored) = stored.filter(|stored| stored.scope == call.scope) else {
            continue;
        };
        let place = (stored.created, id);
        let run = summary(stored, &mut documents)?;
        if wanted(&run) {
            found.push((place, run));
        }
    }
    found.sort_by_key(|(place, _)| Reverse(*place));
    Ok(Page {
        runs: found.into_iter().map(|(_, run)| run).collect(),
        next: None,
    })
}

/// The newest runs of the call's account and region behind `after` that `wanted` picks; of one parent's children if it
/// is named.
///
/// A page may have fewer than `limit` and still have a next one: only so many runs are looked at.
pub(crate) async fn page(
    call: &Call,
    (after, parent): (Option<&str>, Option<&str>),
    limit: usize,
    wanted: impl Fn(&Summary) -> bool + Send + Sync,
) -> Result<Page, ApiError> {
    let mut before = after.and_then(parse_place);
    let mut runs = Vec::new();
    let mut documents = ReadDocuments::default();
    for _ in 0..SCAN / BATCH {
        let query = Query {
            kind: AggregateKind::Run,
            scope: call.scope.clone(),
            index: parent.map(|parent| IndexEntry {
                name: "parent".to_owned(),
                value: parent.to_owned(),
            }),
            before,
            limit: BATCH,
        };
        let batch = call.handle().list(query).await?;
        let last = batch.len() < BATCH;
        let count = batch.len();
        for (at, root) in batch.into_iter().enumerate() {
            before = Some((root.created, root.id.id));
            // It may have been pruned meanwhile.
            let Some(run) = listed(call, root, &mut documents).await? else {
                continue;
            };
            if wanted(&run) {
                runs.push(run);
            }
            if runs.len() == limit {
                let ended = last && at + 1 == count;
                return Ok(Page {
                    runs,
                    next: before.filter(|_| !ended).map(place_text),
                });
            }
        }
        if last {
            return Ok(Page { runs, next: None });
        }
    }
    Ok(Page {
        runs,
        next: before.map(place_text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_the_modelled_exceptions() {
        use crate::aws::ssm::SERVICE;
        for (rejection, want) in [
            (
                Rejection::invalid("Parameters", "x"),
                "InvalidAutomationExecutionParametersException",
            ),
            (
                Rejection::not_found("AutomationStep", "x"),
                "AutomationStepNotFoundException",
            ),
            (
                Rejection::not_found("AutomationExecution", "x"),
                "AutomationExecutionNotFoundException",
            ),
            (
                Rejection::Conflict {
                    code: "InvalidAutomationSignalException".into(),
                    message: "x".into(),
                },
                "InvalidAutomationSignalException",
            ),
            (Rejection::Closed, "InvalidAutomationStatusUpdateException"),
        ] {
            assert_eq!(refused(rejection).code(SERVICE.words), want);
        }
    }
}
