//! What an operator does with messages that could not be taken: retry. (Discarding is the engine's input alone.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::views::parked::{Body, Input as ParkInput, Parked, Status};
use engine::{AskError, DedupeKey, Input, Message, TakenIn};
use model::AggregateId;
use ports::store::Frames;
use uuid::Uuid;

use super::sources::{Shared, Source};
use super::taking::{self, Incoming, Trouble};
use crate::decode::Signal;

/// A parked message that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetriedMessage {
    /// Ids of the events that are new.
    pub events: Vec<Uuid>,
    /// Events that had come by another way since.
    pub seen: usize,
}

/// Why an operator's wish was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParkedError {
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// It is settled already, or cannot be done.
    #[error("{0}")]
    Conflict(String),
    /// It failed again; the message stays parked with this reason.
    #[error("the message still cannot be taken: {0}")]
    Still(String),
    /// The engine could not do it now.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// AWS refused.
    #[error("{0}")]
    Aws(String),
}

/// Decodes a parked message as its source now is, and takes it in: its events and the note that it is retried are one
/// commit.
pub(super) async fn retry(
    shared: &Shared,
    id: Uuid,
    by: &str,
) -> Result<RetriedMessage, ParkedError> {
    let to = AggregateId::parked(id);
    let (parked, bytes) = open(shared, to).await?;
    let source = shared.find(&parked.source).ok_or_else(|| {
        ParkedError::Conflict(format!(
            "its source `{}` is gone: make one of that name, or discard the message",
            parked.source
        ))
    })?;
    let headers: Vec<(String, String)> = parked.attributes.clone().into_iter().collect();
    let incoming = Incoming {
        id: Some(&parked.message_id),
        headers: &headers,
        body: &bytes,
        sent: Some(parked.sent),
        credential: None,
        secret: None,
    };
    match attempt(shared, &source, &incoming, (id, by)).await {
        Ok((_, TakenIn::Seen)) => Err(ParkedError::Conflict(
            "the message was taken in by a retry already".to_owned(),
        )),
        Ok((signals, taken)) => {
            // The note is committed; said once more, it is answered when the message shows it.
            let note = retried(&signals, by);
            shared.handle.ask(to, &source.scope, note).await?;
            let took = taking::took(signals, taken);
            let now = shared.handle.now();
            source.state.taken((took.new.len(), took.seen), None, now);
            Ok(RetriedMessage {
                events: took.new,
                seen: took.seen,
            })
        }
        Err(Trouble::Later(error)) => Err(error.into()),
        Err(trouble) => {
            let reason = trouble.reason();
            let input = Input::Parked(Box::new(ParkInput::RetryFailed {
                reason: reason.clone(),
            }));
            shared.handle.ask(to, &source.scope, input).await?;
            Err(ParkedError::Still(reason))
        }
    }
}

async fn attempt(
    shared: &Shared,
    source: &Source,
    incoming: &Incoming<'_>,
    (id, by): (Uuid, &str),
) -> Result<(Vec<Signal>, TakenIn), Trouble> {
    let there = source.require_bus(&shared.handle).await;
    there.map_err(Trouble::Poison)?;
    let signals = taking::read(source, incoming)?;
    let note = retried(&signals, by);
    let events = signals.iter();
    let message = Message {
        keys: vec![DedupeKey::new("parked", &id.to_string())],
        events: events
            .map(|signal| taking::arriving(source, signal))
            .collect(),
        notes: vec![(AggregateId::parked(id), note)],
    };
    let taken = shared.handle.take_in(&source.scope, message).await?;
    Ok((signals, taken))
}

fn retried(signals: &[Signal], by: &str) -> Input {
    Input::Parked(Box::new(ParkInput::Retried {
        by: by.to_owned(),
        events: signals.iter().map(|signal| signal.id).collect(),
    }))
}

/// A message that is parked, with its body.
async fn open(shared: &Shared, id: AggregateId) -> Result<(Parked, Vec<u8>), ParkedError> {
    let missing = || ParkedError::Missing(format!("there is no parked message `{}`", id.id));
    let broken = |reason: String| ParkedError::Ask(AskError::Broken(reason));
    let stored = shared.handle.load(id, Frames::All).await;
    let stored = stored.map_err(|error| broken(error.to_string()))?;
    let stored = stored
        .filter(|stored| stored.scope.account == shared.options.account)
        .ok_or_else(missing)?;
    let parked = Parked::restore(&stored.frames).map_err(|error| broken(error.to_string()))?;
    if parked.status != Status::Parked {
        return Err(ParkedError::Conflict(
            "the message was retried or discarded already".to_owned(),
        ));
    }
    let body = Body::restore(&stored.frames).map_err(|error| broken(error.to_string()))?;
    let body = body.ok_or_else(|| broken(format!("{id} has no body")))?;
    let bytes = if body.base64 {
        STANDARD
            .decode(&body.text)
            .map_err(|error| broken(format!("{id}: {error}")))?
    } else {
        body.text.into_bytes()
    };
    Ok((parked, bytes))
}
