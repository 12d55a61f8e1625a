//! A message from outside that could not be taken in: kept whole until an operator retries or discards it.
//!
//! | State | Input | Next |
//! |---|---|---|
//! | none | `Park` | parked |
//! | parked | `Park` | parked: it came once more |
//! | parked | `RetryFailed` | parked, with the new reason |
//! | parked | `Retried` | retried: its events were taken in by the same commit; the body goes |
//! | parked | `Discard` | discarded; the body goes |
//! | retried | `Retried` | same |
//! | discarded | `Discard` | same |
//! | retried, discarded | `Park` | same |
//! | retried, discarded | any other | refused |
//!
//! The body is the sender's: data, never read here. It must not know formats or sources.

use std::collections::BTreeMap;
use std::convert::Infallible;

use jiff::Timestamp;
use model::frames::{self, RestoreError};
use model::incident::epoch;
use model::text::paragraph;
use model::{Context, Decision, Fact, FrameWrite, IndexEntry, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// Largest body that is kept, in bytes of its text: above what any source lets in.
pub const MAX_BODY: usize = 6 * 1024 * 1024;
/// The frame that holds the [`Body`].
pub const BODY_FRAME: &str = "body";
/// Name of the index by source.
pub const SOURCE_INDEX: &str = "source";
/// Most bytes of a reason.
const REASON_BYTES: usize = 2_000;
/// Most attributes of a message.
const MAX_ATTRIBUTES: usize = 32;

/// A parked message without its body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parked {
    /// Name of the source that it came from.
    pub source: String,
    /// The sender's id of the message, or what stands for it.
    pub message_id: String,
    /// Why it could not be taken, as of the last try.
    pub reason: String,
    /// Tries so far, those of operators included.
    pub tries: u32,
    /// How often it came.
    pub arrivals: u32,
    /// When it was sent, or received first.
    pub sent: Timestamp,
    /// When it was parked.
    pub parked: Timestamp,
    /// Bytes of the body as it came.
    pub size: u64,
    /// SHA-256 of the body as it came, in hexadecimal digits.
    pub digest: String,
    /// What else is known of the message, e.g. its content type.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// What became of it.
    pub status: Status,
    /// Who retried or discarded it, and when.
    #[serde(default)]
    pub settled: Option<Settled>,
}

/// What became of a parked message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for an operator.
    Parked,
    /// Taken in after all.
    Retried,
    /// Thrown away.
    Discarded,
}

/// Who settled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// ARN of the operator's key.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they said of it.
    #[serde(default)]
    pub note: Option<String>,
    /// Ids of the events that were taken.
    #[serde(default)]
    pub events: Vec<Uuid>,
}

/// A body as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// The text, or the bytes as base64.
    pub text: String,
    /// Whether `text` is base64.
    #[serde(default)]
    pub base64: bool,
}

/// A message to be parked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Park {
    /// Name of its source.
    pub source: String,
    /// The sender's id of the message, or what stands for it.
    pub message_id: String,
    /// Why it could not be taken.
    pub reason: String,
    /// Tries so far.
    pub tries: u32,
    /// When it was sent, or received first.
    pub sent: Timestamp,
    /// Bytes of the body as it came.
    pub size: u64,
    /// SHA-256 of the body as it came, in hexadecimal digits.
    pub digest: String,
    /// What else is known of the message. At most 32 are kept.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The body.
    pub body: Body,
}

/// What can happen to a parked message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Keep it.
    Park(Box<Park>),
    /// An operator's retry failed again.
    RetryFailed {
        /// Why.
        reason: String,
    },
    /// An operator's retry took it in: the same commit holds its events.
    Retried {
        /// ARN of the operator's key.
        by: String,
        /// Ids of its events.
        events: Vec<Uuid>,
    },
    /// An operator throws it away.
    Discard {
        /// ARN of the operator's key.
        by: String,
        /// What they say of it.
        note: Option<String>,
    },
}

impl Parked {
    /// Reads the stored frames; the body is not needed.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: &[(String, Value)]) -> Result<Self, RestoreError> {
        frames::root(frames)
    }
}

impl Body {
    /// The body among stored frames; `None` once the message is settled.
    ///
    /// # Errors
    /// [`RestoreError`] when it is newer than this program or damaged.
    pub fn restore(frames: &[(String, Value)]) -> Result<Option<Self>, RestoreError> {
        let found = frames.iter().find(|(key, _)| key == BODY_FRAME);
        found
            .map(|(key, body)| frames::read(key, body.clone()))
            .transpose()
    }
}

/// Decides what an input makes of a parked message. It asks nothing of the world.
///
/// # Errors
/// [`Rejection::NotFound`] without a state, [`Rejection::Conflict`] for a message that is settled,
/// [`Rejection::Invalid`] for a body over [`MAX_BODY`].
pub fn step(
    state: Option<&Parked>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Parked, Infallible>, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Park(park) => park_first(*park, cx),
            _ => Err(Rejection::not_found("PARKED_MESSAGE", cx.id.to_string())),
        };
    };
    let mut next = state.clone();
    match (state.status, input) {
        (Status::Parked, Input::Park(_)) => {
            next.arrivals = next.arrivals.saturating_add(1);
            Ok(decided(next, Vec::new(), None))
        }
        (Status::Parked, Input::RetryFailed { reason }) => {
            next.tries = next.tries.saturating_add(1);
            next.reason = paragraph(&reason, REASON_BYTES);
            let fact = Fact::new("parked.retry-failed", json!({ "reason": next.reason }));
            Ok(decided(next, Vec::new(), Some(fact)))
        }
        (Status::Parked, Input::Retried { by, events }) => {
            let fact = Fact::new("parked.retried", json!({ "by": by, "events": events }));
            next.status = Status::Retried;
            next.settled = Some(settled((by, None), events, cx));
            let gone = vec![FrameWrite::delete(BODY_FRAME)];
            Ok(decided(next, gone, Some(fact)))
        }
        (Status::Parked, Input::Discard { by, note }) => {
            let note = note.map(|note| paragraph(&note, REASON_BYTES));
            let fact = Fact::new("parked.discarded", json!({ "by": by, "note": note }));
            next.status = Status::Discarded;
            next.settled = Some(settled((by, note), Vec::new(), cx));
            let gone = vec![FrameWrite::delete(BODY_FRAME)];
            Ok(decided(next, gone, Some(fact)))
        }
        (_, Input::Park(_))
        | (Status::Retried, Input::Retried { .. })
        | (Status::Discarded, Input::Discard { .. }) => Ok(Decision::unchanged(next)),
        (status, _) => Err(already(status)),
    }
}

fn already(status: Status) -> Rejection {
    let word = match status {
        Status::Parked => "parked",
        Status::Retried => "taken in by a retry",
        Status::Discarded => "discarded",
    };
    Rejection::Conflict {
        code: String::new(),
        message: format!(
            "the message was {word} already: only a message that is parked can be retried or discarded"
        ),
    }
}

fn settled((by, note): (String, Option<String>), events: Vec<Uuid>, cx: &Context) -> Settled {
    Settled {
        by,
        at: epoch::to_millis(cx.at),
        note,
        events,
    }
}

fn park_first(park: Park, cx: &Context) -> Result<Decision<Parked, Infallible>, Rejection> {
    if park.body.text.len() > MAX_BODY {
        let message = format!(
            "the body has {} bytes, more than the {MAX_BODY} that are kept",
            park.body.text.len()
        );
        return Err(Rejection::invalid("body", message));
    }
    let attributes = park.attributes.into_iter().take(MAX_ATTRIBUTES);
    let parked = Parked {
        source: park.source,
        message_id: park.message_id,
        reason: paragraph(&park.reason, REASON_BYTES),
        tries: park.tries,
        arrivals: 1,
        sent: epoch::to_millis(park.sent),
        parked: epoch::to_millis(cx.at),
        size: park.size,
        digest: park.digest,
        attributes: attributes.collect(),
        status: Status::Parked,
        settled: None,
    };
    let fact = Fact::new(
        "parked.parked",
        json!({ "source": parked.source, "reason": parked.reason, "tries": parked.tries }),
    );
    let source = parked.source.clone();
    let body = vec![frames::put(BODY_FRAME, &park.body)];
    let mut decision = decided(parked, body, Some(fact));
    decision.index = [("all", "1"), (SOURCE_INDEX, source.as_str())]
        .map(|(name, value)| IndexEntry {
            name: name.to_owned(),
            value: value.to_owned(),
        })
        .to_vec();
    Ok(decision)
}

fn decided(
    parked: Parked,
    others: Vec<FrameWrite>,
    fact: Option<Fact>,
) -> Decision<Parked, Infallible> {
    let mut decision = Decision::unchanged(parked);
    decision.frames = others;
    decision.frames.push(frames::put("", &decision.state));
    decision.facts = fact.into_iter().collect();
    decision
}
