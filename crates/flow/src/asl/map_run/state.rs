//! The state of one map run, and its stored form.
//!
//! Frames: a small root, the origin once, the items once in pieces of bounded size, one frame for each execution that has
//! begun. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use model::decision::FrameWrite;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Begin;
use super::child::{Child, Standing, child_frame};
use super::delivery::Delivery;
use super::given::Given;
use super::pieces::Pieces;
use super::reading::Source;
use super::supply::Supply;
use crate::asl::dataset::manifest::Place;
use crate::asl::definition::{self, Kind, MachineType, Map, StateMachine};
use crate::asl::execution::{RestoreError, Status, read};

/// Version of the frames' shapes.
const VERSION: u16 = 1;
/// Key of the frame with what the run was made from.
pub const ORIGIN_FRAME: &str = "origin";
/// Key of the frame with what items are read from.
const SOURCE_FRAME: &str = "source";
/// Key of the frame with the objects that items are read from.
const PLACES_FRAME: &str = "places";

/// Statuses of a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    /// Executions live or are to begin.
    Running,
    /// As many ended well as have to.
    Succeeded,
    /// Too many did not.
    Failed,
    /// Its parent did not want it any more.
    Aborted,
}

impl RunStatus {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Aborted => "ABORTED",
        }
    }
}

/// Whose a map run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parent {
    /// The execution.
    pub(crate) execution: Uuid,
    /// Its ARN.
    pub(crate) arn: String,
    /// The thread whose Map it is.
    pub(crate) thread: u32,
    /// Name of the Map state.
    pub(crate) state: String,
    /// Event with which the state was entered.
    pub(crate) entered: u64,
}

/// What a map run was made from; written once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub(crate) v: u16,
    pub(crate) parent: Parent,
    /// Its ARN.
    pub(crate) arn: String,
    /// The Map's label.
    pub(crate) label: String,
    /// What the executions have in common; name, ARN, input and membership are each one's own.
    pub(crate) pattern: Box<crate::asl::input::Start>,
    /// ARN of the machine that the parent runs.
    pub(crate) machine_arn: String,
    /// The Map's block in the definition.
    pub(crate) block: usize,
    pub(crate) given: Given,
    /// What its reader, batcher and writer came to.
    #[serde(default)]
    pub(crate) supply: Supply,
}

/// What somebody may change while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// `MaxConcurrency`; 0 means no limit.
    pub(crate) concurrency: u32,
    /// `ToleratedFailureCount`.
    #[serde(default)]
    pub(crate) tolerated_count: Option<u64>,
    /// `ToleratedFailurePercentage`.
    #[serde(default)]
    pub(crate) tolerated_percentage: Option<f64>,
}

/// How many executions, or items, are in which state; those that are in none have not begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) running: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) timed_out: u64,
    pub(crate) aborted: u64,
    pub(crate) again: u64,
    /// Of those that did not end well: what cannot be redriven.
    pub(crate) lost: u64,
}

impl Tally {
    /// All that have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.running + self.again + self.succeeded + self.unsuccessful()
    }

    /// All that ended, and not well.
    pub(crate) fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }

    fn place(&mut self, child: &Child) -> &mut u64 {
        match (child.standing, child.status()) {
            (Standing::Running, _) => &mut self.running,
            (Standing::Again, _) => &mut self.again,
            (Standing::Ended, Some(Status::Succeeded)) => &mut self.succeeded,
            (Standing::Ended, Some(Status::TimedOut)) => &mut self.timed_out,
            (Standing::Ended, Some(Status::Aborted)) => &mut self.aborted,
            (Standing::Ended, _) => &mut self.failed,
        }
    }

    fn change(&mut self, child: &Child, (amount, comes): (u64, bool)) {
        let ended_badly = child.status().is_some_and(|it| it != Status::Succeeded);
        let lost = ended_badly && child.end.as_ref().is_some_and(|end| !end.redrivable);
        let place = self.place(child);
        *place = if comes {
            *place + amount
        } else {
            place.saturating_sub(amount)
        };
        if lost {
            self.lost = if comes {
                self.lost + amount
            } else {
                self.lost.saturating_sub(amount)
            };
        }
    }
}

/// What a map run is at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Phase {
    /// Its executions run.
    Running,
    /// What still runs is being stopped; then it is over.
    Ending(Verdict),
    /// Its executions have ended, its results are being written.
    Writing,
    /// It has ended.
    Over,
}

/// Why a map run ends early.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It failed.
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
    /// Its parent stopped it.
    Stopped,
}

/// What changes from turn to turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) v: u16,
    pub(crate) status: RunStatus,
    pub(crate) phase: Phase,
    pub(crate) started: Timestamp,
    #[serde(default)]
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) limits: Limits,
    /// Number of items; as far as they have been read.
    pub(crate) items: u64,
    /// Position of the first item that no execution has.
    pub(crate) next_item: u64,
    /// Number of executions begun so far.
    pub(crate) begun: u32,
    pub(crate) executions: Tally,
    pub(crate) item_tally: Tally,
    /// Bytes of all that executions gave that ended well.
    #[serde(default)]
    pub(crate) bytes: u64,
    /// Bytes of what describes the others.
    #[serde(default)]
    pub(crate) described: u64,
    #[serde(default)]
    pub(crate) redrives: u32,
    #[serde(default)]
    pub(crate) redriven: Option<Timestamp>,
    /// Its parent wants it again as soon as it is over, for the redrive of this number.
    #[serde(default, deserialize_with = "wanted")]
    pub(crate) wanted: Option<u32>,
    /// Number of calls so far.
    #[serde(default)]
    pub(crate) effects: u64,
    /// How far the writing of the results is.
    #[serde(default)]
    pub(crate) delivery: Option<Delivery>,
    /// Whether the results have been written.
    #[serde(default)]
    pub(crate) written: bool,
}

impl Root {
    /// The sum that an execution's results are counted in.
    fn sum_of(&mut self, child: &Child) -> &mut u64 {
        if child.succeeded() {
            &mut self.bytes
        } else {
            &mut self.described
        }
    }
}

/// One map run. Turns hand it on: a clone copies all that its executions gave; only items are shared.
#[derive(Debug, Clone)]
pub struct MapRun {
    pub(crate) root: Root,
    pub(crate) origin: Arc<Origin>,
    pub(crate) machine: Arc<StateMachine>,
    /// The items that may be needed yet.
    pub(crate) pieces: Pieces,
    pub(crate) children: BTreeMap<u32, Child>,
    /// Executions that wait to live again.
    pub(crate) again: BTreeSet<u32>,
    /// What items are read from, until all have been read.
    pub(crate) source: Option<Source>,
}

impl MapRun {
    pub(crate) fn new(at: Timestamp, begin: Begin) -> Result<Self, String> {
        let machine = parse(&begin.origin)?;
        let items = u64::try_from(begin.items.len()).unwrap_or(u64::MAX);
        let mut pieces = Pieces::default();
        pieces.add(0, begin.items, None);
        Ok(Self {
            root: Root {
                v: VERSION,
                status: RunStatus::Running,
                phase: Phase::Running,
                started: at,
                stopped: None,
                limits: begin.limits,
                items,
                next_item: 0,
                begun: 0,
                executions: Tally::default(),
                item_tally: Tally::default(),
                bytes: 0,
                described: 0,
                redrives: 0,
                redriven: None,
                wanted: None,
                effects: 0,
                delivery: None,
                written: false,
            },
            origin: Arc::new(begin.origin),
            machine: Arc::new(machine),
            pieces,
            children: BTreeMap::new(),
            again: BTreeSet::new(),
            source: None,
        })
    }

    /// Rebuilds a map run from its stored frames, in any order.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut root: Option<Root> = None;
        let mut origin: Option<Origin> = None;
        let mut source: Option<Source> = None;
        let mut places = None;
        let mut pieces = Pieces::default();
        let mut children: BTreeMap<u32, Child> = BTreeMap::new();
        for (key, mut body) in frames {
            match key.split_once('/') {
                None if key.is_empty() => root = Some(read(&key, body)?),
                None if key == ORIGIN_FRAME => origin = Some(read(&key, body)?),
                None if key == SOURCE_FRAME => source = Some(read(&key, body)?),
                None if key == PLACES_FRAME => places = Some(read(&key, body["places"].take())?),
                Some(("items", first)) => {
                    let Value::Array(items) = body["items"].take() else {
                        return Err(unreadable(&key, "it holds no list"));
                    };
                    let source = body["source"].as_str().map(Arc::from);
                    pieces.put(number(&key, first)?, items, source);
                }
                Some(("child", index)) => {
                    children.insert(number(&key, index)?, read(&key, body)?);
                }
                _ => {}
            }
        }
        let root = root.ok_or_else(|| RestoreError::Missing(String::new()))?;
        let origin = origin.ok_or_else(|| RestoreError::Missing(ORIGIN_FRAME.to_owned()))?;
        let machine = parse(&origin).map_err(RestoreError::Definition)?;
        let waits =
            |(index, child): (&u32, &Child)| (child.standing == Standing::Again).then_some(*index);
        let again = children.iter().filter_map(waits).collect();
        if let (Some(source), Some(places)) = (&mut source, places) {
            source.reading.restore_places(places);
        }
        if origin.pattern.express {
            for child in children.values().filter(|child| child.succeeded()) {
                pieces.release((child.first, child.items.into()));
            }
        } else {
            pieces.release((0, root.next_item));
        }
        Ok(Self {
            root,
            origin: Arc::new(origin),
            machine: Arc::new(machine),
            pieces,
            children,
            again,
            source,
        })
    }

    pub(crate) fn root_frame(&self) -> FrameWrite {
        FrameWrite::root(to_value(&self.root))
    }

    /// The frames that are written once.
    pub(crate) fn first_frames(&self) -> Vec<FrameWrite> {
        let origin = FrameWrite::put(ORIGIN_FRAME, to_value(self.origin.as_ref()));
        let pieces = self.pieces.firsts().map(|first| self.piece_frame(first));
        std::iter::once(origin).chain(pieces).collect()
    }

    /// The piece of the items that begins at a position.
    pub(crate) fn piece_frame(&self, first: u64) -> FrameWrite {
        let key = format!("items/{first:012}");
        match self.pieces.piece(first) {
            Some((items, source)) => {
                FrameWrite::put(key, json!({"v": VERSION, "items": items, "source": source}))
            }
            None => FrameWrite::delete(key),
        }
    }

    pub(crate) fn source_frame(&self) -> FrameWrite {
        match &self.source {
            Some(source) => FrameWrite::put(SOURCE_FRAME, to_value(source)),
            None => FrameWrite::delete(SOURCE_FRAME),
        }
    }

    /// The objects that items are read from: many, and written only when others come.
    pub(crate) fn places_frame(&self) -> FrameWrite {
        match self.places() {
            Some(places) => FrameWrite::put(
                PLACES_FRAME,
                json!({"v": VERSION, "places": places.as_ref()}),
            ),
            None => FrameWrite::delete(PLACES_FRAME),
        }
    }

    /// The objects that items are read from, as long as some are not open.
    pub(crate) fn places(&self) -> Option<&Arc<Vec<Place>>> {
        let places = self.source.as_ref().map(|source| source.reading.places());
        places.filter(|places| !places.is_empty())
    }

    pub(crate) fn child_frame(&self, index: u32) -> FrameWrite {
        let key = child_frame(index);
        match self.children.get(&index) {
            Some(child) => FrameWrite::put(key, to_value(child)),
            None => FrameWrite::delete(key),
        }
    }

    /// The Map's own fields: looked for again whenever they are needed, since the machine is shared.
    pub(crate) fn map(machine: &StateMachine, block: usize) -> Option<&Map> {
        let states = machine.blocks.iter().flat_map(|block| &block.states);
        states.into_iter().find_map(|state| match &state.kind {
            Kind::Map(map) if map.processor == block => Some(map.as_ref()),
            _ => None,
        })
    }

    /// The item at a position, and where it was read from.
    pub(crate) fn item(&self, at: u64) -> Option<(&Value, Option<&str>)> {
        self.pieces.item(at)
    }

    /// Lets an execution stand otherwise; the tallies follow.
    pub(crate) fn set(&mut self, index: u32, child: Child) {
        if let Some(before) = self.children.get(&index) {
            self.root.executions.change(before, (1, false));
            let items = u64::from(before.items);
            self.root.item_tally.change(before, (items, false));
            let size = before.size;
            let sum = self.root.sum_of(before);
            *sum = sum.saturating_sub(size);
        }
        self.root.executions.change(&child, (1, true));
        let items = u64::from(child.items);
        self.root.item_tally.change(&child, (items, true));
        let sum = self.root.sum_of(&child);
        *sum = sum.saturating_add(child.size);
        if child.standing == Standing::Again {
            self.again.insert(index);
        } else {
            self.again.remove(&index);
        }
        self.children.insert(index, child);
    }
}

impl PartialEq for MapRun {
    fn eq(&self, other: &Self) -> bool {
        // The parsed machine follows from the origin.
        self.root == other.root
            && self.origin == other.origin
            && self.pieces == other.pieces
            && self.children == other.children
            && self.again == other.again
            && self.source == other.source
    }
}

/// The machine of a run's definition; the parent's type says what it may hold, which is Standard.
fn parse(origin: &Origin) -> Result<StateMachine, String> {
    let text = &origin.pattern.definition;
    let machine = definition::parse(text, MachineType::Standard).map_err(|problems| {
        let all: Vec<String> = problems.iter().take(5).map(ToString::to_string).collect();
        all.join(", ")
    })?;
    match MapRun::map(&machine, origin.block) {
        Some(_) => Ok(machine),
        None => Err(format!("no Map has block {}", origin.block)),
    }
}

/// Frames of earlier programs say only whether it is wanted: 0 is the next redrive.
fn wanted<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Bool(true) => Some(0),
        Value::Number(number) => number.as_u64().and_then(|it| u32::try_from(it).ok()),
        _ => None,
    })
}

fn number<T: std::str::FromStr>(key: &str, text: &str) -> Result<T, RestoreError> {
    text.parse()
        .map_err(|_| unreadable(key, "its key holds no number"))
}

fn unreadable(key: &str, reason: &str) -> RestoreError {
    RestoreError::Unreadable {
        key: key.to_owned(),
        reason: reason.to_owned(),
    }
}

/// All frame types are plain data with text keys, which serde_json always writes; `Null` would fail the next restore.
fn to_value<T: Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
