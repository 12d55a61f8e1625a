//! The state of one execution, and its stored form.
//!
//! A *thread* walks through the states of one block: the execution's own, a branch, an iteration. Frames: a small
//! root, the origin once, one for each thread, the items of a running Map once, each finished branch's result once, and
//! the history in the pieces in which it came about. Decides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use model::FrameBody;
use model::decision::FrameWrite;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::definition::StateMachine;
use super::definitions::Definitions;
use super::document::Document;
use super::input::Start;
pub(crate) use super::working::{Call, Capture, Followed, Mapping, Offer};

/// Version of the frames' shapes.
const VERSION: u16 = 1;
/// How the keys of the history's frames begin: the id of each one's first event follows, in eight digits.
pub const HISTORY_FAMILY: &str = "history/";
/// How the keys of the frames begin with what is kept of changing calls, which are never read with the rest either.
pub const UNDO_FAMILY: &str = "history/undo/";
/// Most events of one such frame: a page of a history reads few of them.
pub(crate) const HISTORY_PIECE: usize = 250;
/// Key of the frame with what the execution was made from.
const ORIGIN_FRAME: &str = "origin";

/// Key of the piece of a history that begins with this event.
pub(crate) fn history_key(first: u64) -> String {
    format!("{HISTORY_FAMILY}{first:08}")
}

/// Where the frames are that hold the events from one id to another: the first key that is looked at, and the first that is
/// not. They may hold a few events before and behind.
#[must_use]
pub fn history_between(first: u64, last: u64) -> (String, String) {
    let earliest = first.saturating_sub(HISTORY_PIECE as u64 - 1);
    (history_key(earliest), history_key(last.saturating_add(1)))
}

/// Terminal and other statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It runs or waits.
    Running,
    /// It ended well.
    Succeeded,
    /// It ended with an error.
    Failed,
    /// Its time ran out.
    TimedOut,
    /// Somebody stopped it.
    Aborted,
}

impl Status {
    /// What a stored root frame says; `None` when it is none of an execution.
    #[must_use]
    pub fn of_root(root: &Value) -> Option<Self> {
        Self::deserialize(root.get("status")?).ok()
    }

    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

/// One execution. Cloning is cheap: large parts are shared until they change.
#[derive(Debug, Clone)]
pub struct Execution {
    pub(crate) root: Root,
    pub(crate) origin: Arc<Origin>,
    pub(crate) machine: Arc<StateMachine>,
    pub(crate) threads: BTreeMap<u32, Arc<Thread>>,
    /// Items of running Maps, by thread.
    pub(crate) items: BTreeMap<u32, Arc<Vec<Value>>>,
    /// Results of finished branches and iterations, by thread and index.
    pub(crate) results: BTreeMap<(u32, u32), Document>,
}

/// What changes from turn to turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) v: u16,
    pub(crate) id: Uuid,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    #[serde(default)]
    pub(crate) stopped: Option<Timestamp>,
    /// Number of threads given out.
    pub(crate) threads: u32,
    /// Id of the last event.
    pub(crate) events: u64,
    /// Number of effect ids given out.
    pub(crate) effects: u64,
    /// Number of timers set so far: makes their keys unique.
    pub(crate) ticks: u64,
    /// Threads that are about to enter a state.
    #[serde(default)]
    pub(crate) ready: VecDeque<u32>,
    /// Timer of the execution's own time limit.
    #[serde(default)]
    pub(crate) limit: Option<String>,
    /// JSON text of the output.
    #[serde(default)]
    pub(crate) output: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) cause: Option<String>,
    /// Threads that were at work when it failed: a redrive lets them work again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resting: Vec<u32>,
    /// Whether its machine was deleted while it ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) machine_deleted: bool,
    /// How often it was redriven, when last, and with which token.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) redrives: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redrive_token: Option<String>,
    /// How many changing calls were kept, to be taken back.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) changes: u32,
    /// Kept calls under way that nobody waits for any more, by effect: their end is still taken down.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) late: BTreeMap<Uuid, u32>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature is serde's"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What an execution was made from; written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) v: u16,
    pub(crate) start: Start,
}

/// One walk through the states of a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thread {
    pub(crate) v: u16,
    pub(crate) id: u32,
    /// The thread whose Parallel or Map state it belongs to.
    pub(crate) parent: Option<u32>,
    /// Its branch or iteration.
    pub(crate) index: u32,
    pub(crate) block: usize,
    /// Position of the state it is at.
    pub(crate) state: usize,
    pub(crate) phase: Phase,
    /// The state's raw input.
    pub(crate) input: Document,
    /// Event with which the state was entered, and the one before it.
    pub(crate) entered: (u64, u64),
    pub(crate) entered_at: Timestamp,
    /// The event that its next one follows.
    pub(crate) last: u64,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Value>,
    /// For each retrier how often it was used.
    #[serde(default)]
    pub(crate) retries: Vec<u64>,
    /// The item of the Map iteration, for the context object.
    #[serde(default)]
    pub(crate) item: Option<Document>,
}

/// What a thread waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Phase {
    /// To enter its state.
    Ready,
    /// For a Wait to end.
    Waiting { timer: String },
    /// For the next attempt.
    Backoff { timer: String },
    /// For a call, its token, or a person's word on it.
    Calling(Call),
    /// For its branches or iterations.
    Forked(Fork),
    /// For its map run.
    Mapping(Mapping),
}

/// The branches or iterations of a state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fork {
    /// How many there are.
    pub(crate) count: u32,
    /// How many have begun.
    pub(crate) begun: u32,
    /// How many have ended.
    pub(crate) ended: u32,
    /// How many may run at once.
    pub(crate) limit: u32,
    /// How many iterations may fail.
    #[serde(default)]
    pub(crate) tolerated: Option<u32>,
    /// How many have failed.
    #[serde(default)]
    pub(crate) failed: u32,
    /// Bytes of the results that are kept.
    #[serde(default)]
    pub(crate) kept: usize,
    /// The effective input, which the iterations' inputs are made from.
    pub(crate) input: Document,
}

/// Why frames are no execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A frame that every execution has is missing.
    #[error("the execution has no frame `{0}`: the store is damaged, restore it from a backup")]
    Missing(String),
    /// A frame's body has another shape.
    #[error("frame `{key}` cannot be read: {reason}")]
    Unreadable {
        /// The frame.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A frame was written by a newer version.
    #[error(
        "frame `{key}` has version {version}, this program reads up to {VERSION}: use a newer one"
    )]
    Newer {
        /// The frame.
        key: String,
        /// Its version.
        version: u64,
    },
    /// The stored definition is not valid for this version.
    #[error("the execution's definition cannot be read any more: {0}")]
    Definition(String),
}

impl Execution {
    pub(crate) fn new(id: Uuid, at: Timestamp, start: Start, machine: Arc<StateMachine>) -> Self {
        Self {
            root: Root {
                v: VERSION,
                id,
                status: Status::Running,
                started: at,
                stopped: None,
                threads: 0,
                events: 0,
                effects: 0,
                ticks: 0,
                ready: VecDeque::new(),
                limit: None,
                output: None,
                error: None,
                cause: None,
                resting: Vec::new(),
                machine_deleted: false,
                redrives: 0,
                redriven: None,
                redrive_token: None,
                changes: 0,
                late: BTreeMap::new(),
            },
            origin: Arc::new(Origin { v: VERSION, start }),
            machine,
            threads: BTreeMap::new(),
            items: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// Rebuilds an execution from its stored frames, in any order. Frames of other families (the history) are ignored.
    /// `definitions` may know its definition.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(
        frames: Vec<(String, Value)>,
        definitions: &Definitions,
    ) -> Result<Self, RestoreError> {
        let mut root: Option<Root> = None;
        let mut origin: Option<Origin> = None;
        let mut threads = BTreeMap::new();
        let mut items = BTreeMap::new();
        let mut results = BTreeMap::new();
        for (key, body) in frames {
            let mut parts = key.split('/');
            match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
                ("", ..) => root = Some(read(&key, body)?),
                (ORIGIN_FRAME, ..) => origin = Some(read(&key, body)?),
                ("thread", ..) => {
                    let thread: Thread = read(&key, body)?;
                    threads.insert(thread.id, Arc::new(thread));
                }
                ("items", Some(thread), _) => {
                    let Value::Array(list) = body else {
                        return Err(unreadable(&key, "it is no list"));
                    };
                    items.insert(number(&key, thread)?, Arc::new(list));
                }
                ("result", Some(thread), Some(index)) => {
                    let at = (number(&key, thread)?, number(&key, index)?);
                    results.insert(at, Document::from(body));
                }
                _ => {}
            }
        }
        let root = root.ok_or_else(|| RestoreError::Missing(String::new()))?;
        let origin = origin.ok_or_else(|| RestoreError::Missing(ORIGIN_FRAME.to_owned()))?;
        let machine = definitions.of(&origin.start);
        let machine = machine.map_err(RestoreError::Definition)?;
        let execution = Self {
            root,
            origin: Arc::new(origin),
            machine,
            threads,
            items,
            results,
        };
        execution.check_positions()?;
        Ok(execution)
    }

    /// Positions in stored threads must lie inside the definition: nothing behind this check looks twice.
    fn check_positions(&self) -> Result<(), RestoreError> {
        let outside = self.threads.values().find(|thread| {
            let block = self.machine.blocks.get(thread.block);
            block.is_none_or(|block| block.states.get(thread.state).is_none())
                || thread
                    .parent
                    .is_some_and(|parent| !self.threads.contains_key(&parent))
        });
        match outside {
            None => Ok(()),
            Some(thread) => Err(unreadable(
                &thread_key(thread.id),
                "it points at a state or thread that does not exist",
            )),
        }
    }

    pub(crate) fn root_frame(&self) -> FrameWrite {
        FrameWrite::root(FrameBody::typed(Arc::new(self.root.clone())))
    }

    pub(crate) fn origin_frame(&self) -> FrameWrite {
        FrameWrite::put(ORIGIN_FRAME, FrameBody::typed(Arc::clone(&self.origin)))
    }

    /// The thread's frame, or its removal.
    pub(crate) fn thread_frame(&self, id: u32) -> FrameWrite {
        match self.threads.get(&id) {
            Some(thread) => FrameWrite::put(thread_key(id), FrameBody::typed(Arc::clone(thread))),
            None => FrameWrite::delete(thread_key(id)),
        }
    }

    pub(crate) fn items_frame(&self, thread: u32) -> FrameWrite {
        let key = format!("items/{thread:08}");
        match self.items.get(&thread) {
            Some(items) => FrameWrite::put(key, FrameBody::typed(Arc::clone(items))),
            None => FrameWrite::delete(key),
        }
    }

    pub(crate) fn result_frame(&self, at: (u32, u32)) -> FrameWrite {
        let key = format!("result/{:08}/{:08}", at.0, at.1);
        match self.results.get(&at) {
            Some(result) => FrameWrite::put(key, FrameBody::typed(result.shared())),
            None => FrameWrite::delete(key),
        }
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> Status {
        self.root.status
    }

    /// The machine that it runs.
    #[must_use]
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// What it was started with.
    #[must_use]
    pub fn start(&self) -> &Start {
        &self.origin.start
    }

    /// How many events its history has: the id of the last one.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.root.events
    }

    /// When it began, and when it ended.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.root.started, self.root.stopped)
    }

    /// JSON text of the output, once it has succeeded.
    #[must_use]
    pub fn output(&self) -> Option<&str> {
        self.root.output.as_deref()
    }

    /// Error and cause of one that did not succeed.
    #[must_use]
    pub fn failure(&self) -> (Option<&str>, Option<&str>) {
        (self.root.error.as_deref(), self.root.cause.as_deref())
    }
}

impl PartialEq for Execution {
    fn eq(&self, other: &Self) -> bool {
        // The parsed machine follows from the origin.
        self.root == other.root
            && self.origin == other.origin
            && self.threads == other.threads
            && self.items == other.items
            && self.results == other.results
    }
}

fn thread_key(id: u32) -> String {
    format!("thread/{id:08}")
}

fn number(key: &str, text: &str) -> Result<u32, RestoreError> {
    text.parse()
        .map_err(|_| unreadable(key, "its key holds no number"))
}

fn unreadable(key: &str, reason: &str) -> RestoreError {
    RestoreError::Unreadable {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

pub(crate) fn read<T: DeserializeOwned>(key: &str, body: Value) -> Result<T, RestoreError> {
    let version = body.get("v").and_then(Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        return Err(RestoreError::Newer {
            key: key.to_owned(),
            version,
        });
    }
    serde_json::from_value(body).map_err(|error| unreadable(key, &error.to_string()))
}
