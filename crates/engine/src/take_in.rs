//! Taking in: a message from outside becomes events, at most once, in one commit.
//!
//! `acceptance` with two additions: an event may keep the envelope it came with, and a message brings keys that are
//! claimed in the commit which holds its deliveries. A key that is claimed already means that this was seen before.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use model::{AggregateId, Scope, ids};
use ports::CommitError;
use ports::store::{ClaimKey, NewClaim, Turn};
use uuid::Uuid;

use crate::accept::{Accepted, PutEntry, accept, commit_whole, rows};
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;

/// How long a message is remembered. Source: `detections.md`, section 3: a short layer against redelivery.
const MEMORY_HOURS: i64 = 24;
/// Longest key that is kept as it is; a longer one is kept as its digest.
const KEY_BYTES: usize = 512;

/// What recognises a message, or an event of it, when it comes again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DedupeKey {
    family: String,
    key: String,
}

impl DedupeKey {
    /// A key within a family of keys, e.g. the messages of one source.
    #[must_use]
    pub fn new(family: &str, key: &str) -> Self {
        let kept = |text: &str| {
            if text.len() <= KEY_BYTES {
                text.to_owned()
            } else {
                format!("digest/{}", ids::named(&[text]))
            }
        };
        Self {
            family: format!("intake/{}", kept(family)),
            key: kept(key),
        }
    }

    fn claim(&self, scope: &Scope) -> ClaimKey {
        ClaimKey {
            scope: scope.clone(),
            family: self.family.clone(),
            key: self.key.clone(),
        }
    }
}

/// One event of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Arriving {
    /// The event.
    pub entry: PutEntry,
    /// Recognises the event if another message brings it again.
    pub key: Option<DedupeKey>,
}

/// A message from outside.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Recognise the message when it comes again.
    pub keys: Vec<DedupeKey>,
    /// Its events.
    pub events: Vec<Arriving>,
    /// Inputs that go into the same commit: parts of the message to be parked, a parked message that this is a retry of.
    pub notes: Vec<(AggregateId, Input)>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenIn {
    /// It was seen before, all of it.
    Seen,
    /// It is taken; index-aligned with its events.
    Taken(Vec<Taken>),
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Taken, under this id.
    New {
        /// The event's id.
        event_id: Uuid,
    },
    /// It was seen before.
    Seen,
}

/// Why a message was not taken. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TakeInError {
    /// One of its events is none: it will never be taken as it is.
    #[error("event {} of the message cannot be taken: {reason}", index + 1)]
    Malformed {
        /// Which event, from 0.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// The message as a whole is beyond what can be stored: it will never be taken as it is.
    #[error("the message cannot be stored: {0}")]
    Refused(String),
    /// The engine could not take it now.
    #[error(transparent)]
    Ask(#[from] AskError),
}

impl TakeInError {
    /// Whether the message itself is at fault, so that repeating it is of no use.
    #[must_use]
    pub fn is_poison(&self) -> bool {
        matches!(self, Self::Malformed { .. } | Self::Refused(_))
    }
}

/// An event of the message that is new, as far as is known.
struct Fresh {
    index: usize,
    accepted: Accepted,
    claim: Option<ClaimKey>,
}

pub(crate) async fn take_in(
    shared: &Arc<Shared>,
    scope: &Scope,
    message: Message,
) -> Result<TakenIn, TakeInError> {
    shared.dispatcher.admit(message.events.len().max(1))?;
    let now = shared.ports.clock.now();
    let keys: Vec<ClaimKey> = message.keys.iter().map(|key| key.claim(scope)).collect();
    for key in &keys {
        if is_claimed(shared, key, now).await? {
            return Ok(TakenIn::Seen);
        }
    }
    let count = message.events.len();
    let mut fresh = Vec::with_capacity(count);
    for (index, arriving) in message.events.into_iter().enumerate() {
        let claim = arriving.key.as_ref().map(|key| key.claim(scope));
        if let Some(claim) = &claim
            && (fresh
                .iter()
                .any(|other: &Fresh| other.claim.as_ref() == Some(claim))
                || is_claimed(shared, claim, now).await?)
        {
            continue;
        }
        let accepted = accept(shared, scope, &arriving.entry, now).await?;
        let accepted = accepted.map_err(|reason| TakeInError::Malformed { index, reason })?;
        fresh.push(Fresh {
            index,
            accepted,
            claim,
        });
    }
    let notes = message.notes.into_iter();
    let notes = notes
        .map(|(to, input)| (to, scope.clone(), input))
        .collect();
    commit(shared, keys, (fresh, count), (notes, now)).await
}

/// Counts and shows what was taken, and tells what became of it.
fn taken(shared: &Shared, fresh: Vec<Fresh>, (count, now): (usize, Timestamp)) -> TakenIn {
    let outcomes = outcomes(&fresh, count);
    for Fresh { accepted, .. } in fresh {
        shared.metrics.taken(&accepted.taken, now);
        accepted
            .arrived
            .into_iter()
            .for_each(|event| event.note(shared));
    }
    TakenIn::Taken(outcomes)
}

async fn is_claimed(shared: &Shared, key: &ClaimKey, now: Timestamp) -> Result<bool, AskError> {
    let holder = shared.ports.store.claim(key.clone(), now).await?;
    Ok(holder.is_some())
}

/// Commits what is new. Who lost a race for a key leaves that part out and tries again.
async fn commit(
    shared: &Arc<Shared>,
    keys: Vec<ClaimKey>,
    (mut fresh, count): (Vec<Fresh>, usize),
    (notes, now): (Vec<(AggregateId, Scope, Input)>, Timestamp),
) -> Result<TakenIn, TakeInError> {
    loop {
        let events = fresh.iter();
        let mut inputs: Vec<_> = events
            .flat_map(|event| event.accepted.inputs.iter().cloned())
            .collect();
        inputs.extend(notes.iter().cloned());
        let events = fresh.iter();
        let archived: Vec<_> = events
            .flat_map(|event| event.accepted.archived.iter().cloned())
            .collect();
        // What no rule and no archive wants leaves nothing that a second arrival could repeat: it needs no memory.
        if inputs.is_empty() && archived.is_empty() {
            return Ok(taken(shared, fresh, (count, now)));
        }
        let turn = Turn {
            inbox_new: rows(&inputs, now),
            archived,
            claims: claims(shared, &keys, &fresh, now),
            ..Turn::default()
        };
        match commit_whole(shared, turn, inputs).await? {
            Ok(()) => {
                return Ok(taken(shared, fresh, (count, now)));
            }
            Err(CommitError::Claimed { claim, .. }) => {
                let before = fresh.len();
                fresh.retain(|event| event.claim.as_ref() != Some(&*claim));
                if fresh.len() == before {
                    return Ok(TakenIn::Seen);
                }
            }
            Err(CommitError::Refused(reason)) => return Err(TakeInError::Refused(reason)),
            Err(other) => return Err(AskError::from(other).into()),
        }
    }
}

/// Every key, held under an id of this arrival alone: the same message again is somebody else.
fn claims(shared: &Shared, keys: &[ClaimKey], fresh: &[Fresh], now: Timestamp) -> Vec<NewClaim> {
    let arrival = ids::random(&shared.ports.entropy.draw(), "arrival");
    let expires = now
        .checked_add(SignedDuration::from_hours(MEMORY_HOURS))
        .ok();
    let events = fresh.iter().filter_map(|event| event.claim.as_ref());
    let claim = |claim: &ClaimKey| NewClaim {
        claim: claim.clone(),
        holder: AggregateId::delivery(arrival),
        expires,
    };
    keys.iter().chain(events).map(claim).collect()
}

fn outcomes(fresh: &[Fresh], count: usize) -> Vec<Taken> {
    let mut outcomes = vec![Taken::Seen; count];
    for event in fresh {
        if let Some(outcome) = outcomes.get_mut(event.index) {
            let event_id = event.accepted.id;
            *outcome = Taken::New { event_id };
        }
    }
    outcomes
}
