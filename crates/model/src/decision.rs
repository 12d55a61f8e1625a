//! What a pure decider answers: the next state and everything that must be committed with it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use jiff::Timestamp;
use uuid::Uuid;

use crate::Scope;
use crate::frame_body::FrameBody;
use crate::ids::Entropy;

/// What a turn gives every machine besides its input.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// The aggregate's id.
    pub id: Uuid,
    /// Whose it is.
    pub scope: Scope,
    /// When the turn is decided: the only clock.
    pub at: Timestamp,
    /// The turn's 32 random bytes: the only randomness.
    pub entropy: Entropy,
}

/// One decision of one machine. The engine maps it to one transaction; nothing of it is visible before the commit.
#[derive(Debug, Clone)]
pub struct Decision<S, C> {
    /// The aggregate after the turn, held in memory by its actor.
    pub state: S,
    /// The frames this decision touched: only these are written.
    pub frames: Vec<FrameWrite>,
    /// What the world is asked to do, in order.
    pub commands: Vec<C>,
    /// Versioned facts for the journal.
    pub facts: Vec<Fact>,
    /// Secondary index entries added (an entry that exists already is left alone).
    pub index: Vec<IndexEntry>,
    /// Unique claims taken by this turn; on a conflict nothing of the turn is committed.
    pub claims: Vec<ClaimWish>,
    /// Claims given back by this turn: `(scope, key)`.
    pub releases: Vec<(String, String)>,
    /// What the caller is told once the turn is committed (`Null` for inputs that nobody waits for).
    pub reply: Value,
}

impl<S, C> Decision<S, C> {
    /// A decision that changes nothing but holds `state`.
    pub fn unchanged(state: S) -> Self {
        Self {
            state,
            frames: Vec::new(),
            commands: Vec::new(),
            facts: Vec::new(),
            index: Vec::new(),
            claims: Vec::new(),
            releases: Vec::new(),
            reply: Value::Null,
        }
    }
}

/// One part of an aggregate's stored state. The root frame's key is empty.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameWrite {
    /// Key within the aggregate: `""` for the root, otherwise `<family>/<id>`, e.g. `event/<uuid>`.
    pub key: String,
    /// The frame's versioned body; `None` deletes the frame.
    pub body: Option<FrameBody>,
}

impl FrameWrite {
    /// The root frame.
    #[must_use]
    pub fn root(body: impl Into<FrameBody>) -> Self {
        Self {
            key: String::new(),
            body: Some(body.into()),
        }
    }

    /// A named frame.
    #[must_use]
    pub fn put(key: impl Into<String>, body: impl Into<FrameBody>) -> Self {
        Self {
            key: key.into(),
            body: Some(body.into()),
        }
    }

    /// The removal of a named frame.
    #[must_use]
    pub fn delete(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            body: None,
        }
    }
}

/// A secondary index entry: `list` finds the aggregate by `(kind, name, value)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Index name such as `incident` or `page`.
    pub name: String,
    /// Value looked up exactly.
    pub value: String,
}

/// A wish for a unique claim `(scope, key)`. The holder is the aggregate of the turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimWish {
    /// What family of names it is, e.g. `incident-dedupe`, `client-token/StartIncident`.
    pub scope: String,
    /// The unique value within the family.
    pub key: String,
    /// When the claim lapses by itself; `None` lasts until it is released.
    pub expires: Option<Timestamp>,
}

/// A versioned fact for the journal: what happened, in the words of the machine that decided it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Dotted name such as `incident.opened`, `run.step.started`.
    pub name: String,
    /// Version of the body's shape, from 1.
    pub version: u16,
    /// The fact's data.
    pub body: Value,
}

impl Fact {
    /// A fact of version 1.
    #[must_use]
    pub fn new(name: &str, body: Value) -> Self {
        Self {
            name: name.to_owned(),
            version: 1,
            body,
        }
    }
}

/// Why an input was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Rejection {
    /// The input is malformed or breaks a rule; `field` names the place.
    #[error("{message}")]
    Invalid {
        /// The member at fault, in wire spelling (`eventData`), or empty for the whole input.
        field: String,
        /// What is wrong and what would be right.
        message: String,
    },
    /// The thing addressed does not exist.
    #[error("{kind} `{id}` was not found")]
    NotFound {
        /// Resource type in wire spelling, e.g. `INCIDENT_RECORD`, `TIMELINE_EVENT`, `PAGE`.
        kind: String,
        /// Its id or ARN.
        id: String,
    },
    /// The input does not fit the state of the aggregate (finished, waiting for something else).
    #[error("{message}")]
    Conflict {
        /// Modelled exception name where a service has several (`InvalidAutomationSignalException`), or empty.
        code: String,
        /// What the state is and what would be accepted.
        message: String,
    },
    /// The incident is resolved: a trigger must open a new one. The engine routes it again.
    #[error("the aggregate is closed")]
    Closed,
    /// A limit is reached.
    #[error("{message}")]
    Quota {
        /// Which limit and its value.
        message: String,
    },
}

impl Rejection {
    /// An `Invalid` rejection for one field.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            message: message.into(),
        }
    }

    /// A `NotFound` rejection.
    pub fn not_found(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self::NotFound {
            kind: kind.into(),
            id: id.into(),
        }
    }
}
