//! Dry runs, for the AWS API and the operator's: beginning one, finding one.

use engine::views::preview::{Begin, Bound, HASH_INDEX, Input as PreviewInput, Preview, Then};
use engine::views::{DocumentSource, Parsed, Start};
use engine::{AskError, Input};
use model::report::StartRun;
use model::{AggregateId, AggregateKind, IndexEntry, Rejection};
use ports::store::{Frames, Query};
use uuid::Uuid;

use crate::call::Call;
use crate::error::ApiError;

/// A run that would be started, of a document that is found by its name.
pub(crate) fn of_document(request: StartRun) -> Begin {
    of_source(request, DocumentSource::unsought())
}

/// A run that would be started, of a document that is given.
pub(crate) fn of_source(request: StartRun, document: DocumentSource) -> Begin {
    Begin {
        start: Some(Box::new(Start {
            request,
            document,
            parsed: Parsed::default(),
            target_type: None,
            queued: false,
        })),
        waiting: None,
        bound: None,
    }
}

/// Begins a preview; its id.
pub(crate) async fn begin(
    call: &Call,
    begin: Begin,
    refused: impl FnOnce(Rejection) -> ApiError,
) -> Result<Uuid, ApiError> {
    let id = AggregateId::preview(call.handle().new_id());
    let input = Input::Preview(Box::new(PreviewInput::Start(Box::new(begin))));
    let begun: Result<_, AskError> = call.handle().create(id, &call.scope, input, None).await;
    begun.map_err(|error| ApiError::from_ask(error, refused))?;
    Ok(id.id)
}

/// A preview of the call's account and region, if it is there.
pub(crate) async fn find(call: &Call, id: Uuid) -> Result<Option<Preview>, ApiError> {
    let stored = call
        .handle()
        .load(AggregateId::preview(id), Frames::All)
        .await?;
    let Some(stored) = stored.filter(|stored| stored.scope == call.scope) else {
        return Ok(None);
    };
    Preview::restore(stored.frames)
        .map(Some)
        .map_err(|error| ApiError::internal(format!("preview {id}: {error}")))
}

/// The newest preview with this plan that `fits`.
pub(crate) async fn with_hash(
    call: &Call,
    hash: &str,
    fits: impl Fn(&Preview) -> bool,
) -> Result<Option<(Uuid, Preview)>, ApiError> {
    let query = Query {
        kind: AggregateKind::Preview,
        scope: call.scope.clone(),
        index: Some(IndexEntry {
            name: HASH_INDEX.to_owned(),
            value: hash.to_owned(),
        }),
        before: None,
        limit: 100,
    };
    for stored in call.handle().list(query).await? {
        let id = stored.id.id;
        if let Some(preview) = find(call, id).await?
            && fits(&preview)
        {
            return Ok(Some((id, preview)));
        }
    }
    Ok(None)
}

/// What hangs on a plan being the same again.
pub(crate) fn bound(id: Uuid, preview: &Preview, then: Then) -> Option<Bound> {
    Some(Bound {
        preview: id,
        hash: preview.hash()?.to_owned(),
        steps: preview.summary()?.steps.clone(),
        then,
    })
}
