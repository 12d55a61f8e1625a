//! The state of one run, and its stored form: a small root frame, the document once, one frame per step execution.
//!
//! Knows how to become frames and to come back from them, and what a reader may ask; decides nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::FrameBody;
use model::decision::FrameWrite;
use model::report::StartRun;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::action::Memory;
use super::agreed::Following;
use super::captured::{Capture, Captured};
use super::document::Document;
use super::fleet::{Fleet, Member, Members};
pub(crate) use super::origin::Origin;
use super::record::{Status, StepExecution};
pub use super::restore_error::RestoreError;

/// Version of the frames' shapes.
pub(crate) const VERSION: u16 = 1;
/// Key of the frame with the document and what the run was started with.
pub(crate) const DOCUMENT_FRAME: &str = "document";
/// Key of the frame that says what a fleet's children are for.
pub(crate) const MEMBERS_FRAME: &str = "members";
/// Most step executions of one run: backward jumps are legal, so something must end a circle.
pub const MAX_STEP_EXECUTIONS: u32 = 10_000;

/// One automation execution. Cloning is cheap: large parts are shared until they change.
#[derive(Debug, Clone)]
pub struct Run {
    pub(crate) root: Root,
    pub(crate) origin: Arc<Origin>,
    pub(crate) document: Arc<Document>,
    /// Executions in their order.
    pub(crate) steps: Vec<Arc<StepExecution>>,
    /// For each step of the document its last execution.
    pub(crate) latest: Vec<Option<u32>>,
    /// What a fleet's children are for, in the order in which they begin; steps are their executions then.
    pub(crate) members: Arc<Vec<Member>>,
    /// Changing calls that were prepared for being taken back, in their order.
    pub(crate) undo: Vec<Arc<Captured>>,
}

/// What changes from turn to turn. What is empty is left out of its frame: most of it is, most of the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) v: u16,
    pub(crate) id: Uuid,
    pub(crate) status: Status,
    pub(crate) started: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<Timestamp>,
    /// The step that begins next, as soon as it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<usize>,
    /// The step that waits for something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<Current>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_loop: Option<LoopState>,
    /// Interactive runs: whether somebody has started the next step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) started_by_hand: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<Stop>,
    /// Number of effect ids given out.
    pub(crate) effects: u64,
    /// Seconds that a throttled call is tried again for.
    #[serde(default)]
    pub(crate) throttle_secs: u32,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) variables: Map<String, Value>,
    /// Parameters whose defaults come from the parameter store and are still to be looked up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) lookups: Vec<String>,
    /// The look-up in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lookup: Option<Uuid>,
    /// Parameters that were looked up.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) looked_up: Map<String, Value>,
    /// Message of the last critical step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
    /// What the run tells about its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure_message: Option<String>,
    /// Outputs in wire shape, once the run has ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) outputs: BTreeMap<String, Vec<String>>,
    /// The children, when the run has them in the place of steps.
    #[serde(default)]
    pub(crate) fleet: Option<Fleet>,
    /// The alarm that stops the run, once it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alarm: Option<AlarmState>,
    /// How far it came in the plan that it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) following: Option<Box<Following>>,
}

/// What is known of the alarm that stops the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AlarmState {
    /// The question in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asking: Option<Uuid>,
    /// Whether its state was asked for once.
    #[serde(default)]
    pub(crate) seen: bool,
    /// The state that stopped the run: `ALARM` or `UNKNOWN`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) triggered: Option<String>,
}

/// The step that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Current {
    /// Its execution.
    pub(crate) seq: u32,
    /// Its position in the document.
    pub(crate) step: usize,
    /// The effect in flight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effect: Option<Uuid>,
    /// Whether that effect only reads, so that nothing is lost by not waiting for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) reading: bool,
    /// The effect that nobody knows the outcome of, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unknown: Option<(Uuid, String)>,
    /// Its time ran out while an effect that changes the world was in flight.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) overdue: bool,
    /// Timers that are set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) timers: Vec<String>,
    /// Number of timers set so far: makes their keys unique.
    #[serde(default)]
    pub(crate) ticks: u32,
    /// What the action remembers.
    pub(crate) memory: Memory,
    /// The child run that it waits for.
    #[serde(default)]
    pub(crate) child: Option<Uuid>,
    /// How far the reading around a changing call came.
    #[serde(default)]
    pub(crate) capture: Option<Box<Capture>>,
}

/// The loop around the current step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoopState {
    /// The loop's execution.
    pub(crate) seq: u32,
    /// Its position in the document.
    pub(crate) step: usize,
    /// The pass, from 1.
    pub(crate) iteration: u32,
    /// Timer of the loop's own time limit.
    #[serde(default)]
    pub(crate) timer: Option<String>,
    /// Whether that limit has passed.
    #[serde(default)]
    pub(crate) overdue: bool,
}

/// A stop that was asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Stop {
    /// End well after the current step.
    Complete,
    /// End cancelled; `cleaning` once the clean-up chain runs.
    Cancel {
        cleaning: bool,
        timer: Option<String>,
    },
}

impl Run {
    pub(crate) fn new(id: Uuid, at: Timestamp, origin: Origin, document: Arc<Document>) -> Self {
        let latest = vec![None; document.steps.len()];
        Self {
            root: Root {
                v: VERSION,
                id,
                status: Status::InProgress,
                started: at,
                ended: None,
                next: document.first(),
                current: None,
                in_loop: None,
                started_by_hand: false,
                stop: None,
                effects: 0,
                throttle_secs: 0,
                variables: Map::new(),
                lookups: Vec::new(),
                lookup: None,
                looked_up: Map::new(),
                failed: None,
                failure_message: None,
                outputs: BTreeMap::new(),
                fleet: None,
                alarm: None,
                following: None,
            },
            origin: Arc::new(origin),
            document,
            steps: Vec::new(),
            latest,
            members: Arc::default(),
            undo: Vec::new(),
        }
    }

    /// Rebuilds a run from its stored frames, in any order. Frames of unknown families are ignored.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut root: Option<Root> = None;
        let mut origin: Option<Origin> = None;
        let mut steps: BTreeMap<u32, StepExecution> = BTreeMap::new();
        let mut members: Vec<Member> = Vec::new();
        let mut undo: BTreeMap<u32, Arc<Captured>> = BTreeMap::new();
        for (key, body) in frames {
            if key.is_empty() {
                root = Some(read(&key, body)?);
            } else if key == DOCUMENT_FRAME {
                origin = Some(read(&key, body)?);
            } else if key.starts_with("step/") {
                let record: StepExecution = read(&key, body)?;
                steps.insert(record.seq, record);
            } else if key == MEMBERS_FRAME {
                members = read::<Members>(&key, body)?.members;
            } else if key.starts_with("undo/") {
                let record: Captured = read(&key, body)?;
                undo.insert(record.n, Arc::new(record));
            }
        }
        let root = root.ok_or_else(|| RestoreError::Missing(String::new()))?;
        let origin = origin.ok_or_else(|| RestoreError::Missing(DOCUMENT_FRAME.to_owned()))?;
        let document = origin.parsed()?;
        let mut latest = vec![None; document.steps.len()];
        for (n, (seq, record)) in steps.iter().enumerate() {
            if u32::try_from(n) != Ok(*seq) {
                return Err(RestoreError::Missing(step_key(
                    u32::try_from(n).unwrap_or(u32::MAX),
                )));
            }
            // A fleet's executions are named after resources, not after steps.
            if root.fleet.is_none()
                && let Some(slot) = document
                    .by_name
                    .get(&record.name)
                    .and_then(|at| latest.get_mut(*at))
            {
                *slot = Some(*seq);
            }
        }
        let run = Self {
            root,
            origin: Arc::new(origin),
            document: Arc::new(document),
            steps: steps.into_values().map(Arc::new).collect(),
            latest,
            members: Arc::new(members),
            undo: undo.into_values().collect(),
        };
        run.check_positions()?;
        Ok(run)
    }

    /// Positions in a stored root must lie inside the document: nothing behind this check looks twice.
    fn check_positions(&self) -> Result<(), RestoreError> {
        let steps = self.document.steps.len();
        let root = &self.root;
        let current = root.current.as_ref();
        let in_loop = root.in_loop.as_ref();
        let positions = [root.next, current.map(|c| c.step), in_loop.map(|l| l.step)];
        let sequences = [current.map(|c| c.seq), in_loop.map(|l| l.seq)];
        let executed = self.steps.len();
        let outside = positions.into_iter().flatten().any(|at| at >= steps)
            || sequences
                .into_iter()
                .flatten()
                .any(|seq| usize::try_from(seq).map_or(true, |seq| seq >= executed));
        if outside {
            return Err(RestoreError::Unreadable {
                key: String::new(),
                reason: "it points at a step that does not exist".to_owned(),
            });
        }
        Ok(())
    }

    pub(crate) fn root_frame(&self) -> FrameWrite {
        FrameWrite::root(FrameBody::typed(Arc::new(self.root.clone())))
    }

    pub(crate) fn document_frame(&self) -> FrameWrite {
        FrameWrite::put(DOCUMENT_FRAME, FrameBody::typed(Arc::clone(&self.origin)))
    }

    pub(crate) fn step_frame(&self, seq: u32) -> Option<FrameWrite> {
        let record = self.steps.get(usize::try_from(seq).ok()?)?;
        Some(FrameWrite::put(
            step_key(seq),
            FrameBody::typed(Arc::clone(record)),
        ))
    }

    pub(crate) fn members_frame(&self) -> FrameWrite {
        let members = Members {
            v: VERSION,
            members: self.members.as_ref().clone(),
        };
        FrameWrite::put(MEMBERS_FRAME, FrameBody::typed(Arc::new(members)))
    }

    pub(crate) fn undo_frame(&self, n: u32) -> Option<FrameWrite> {
        let record = self.undo.get(usize::try_from(n).ok()?)?;
        let body = FrameBody::typed(Arc::clone(record));
        Some(FrameWrite::put(format!("undo/{n:06}"), body))
    }

    pub(crate) fn record(&self, seq: u32) -> Option<&StepExecution> {
        self.steps
            .get(usize::try_from(seq).ok()?)
            .map(AsRef::as_ref)
    }

    pub(crate) fn record_mut(&mut self, seq: u32) -> Option<&mut StepExecution> {
        self.steps
            .get_mut(usize::try_from(seq).ok()?)
            .map(Arc::make_mut)
    }

    /// The execution id.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.root.id
    }

    /// `AutomationExecutionStatus`.
    #[must_use]
    pub fn status(&self) -> Status {
        self.root.status
    }

    /// The incident whose timeline tells of this run.
    #[must_use]
    pub fn incident(&self) -> Option<Uuid> {
        self.origin.request.incident
    }

    /// Name and version of the document.
    #[must_use]
    pub fn document_name(&self) -> (&str, &str) {
        (&self.origin.name, &self.origin.version)
    }

    /// The parsed document.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// What the run was asked for.
    #[must_use]
    pub fn request(&self) -> &StartRun {
        &self.origin.request
    }

    /// When it began, and when it ended.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.root.started, self.root.ended)
    }

    /// The execution that is under way or waits, if any.
    #[must_use]
    pub fn current(&self) -> Option<&StepExecution> {
        self.root
            .current
            .as_ref()
            .and_then(|current| self.record(current.seq))
    }

    /// Why the current step's outcome is unknown, if it is.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.root
            .current
            .as_ref()?
            .unknown
            .as_ref()
            .map(|(_, reason)| reason.as_str())
    }

    /// Whether it has children in the place of steps.
    #[must_use]
    pub fn is_fleet(&self) -> bool {
        self.root.fleet.is_some()
    }

    /// What the run tells about its failure.
    #[must_use]
    pub fn failure_message(&self) -> Option<&str> {
        self.root.failure_message.as_deref()
    }

    /// The document's outputs in wire shape.
    #[must_use]
    pub fn outputs(&self) -> &BTreeMap<String, Vec<String>> {
        &self.root.outputs
    }

    /// All executions so far, in their order.
    pub fn executions(
        &self,
    ) -> impl ExactSizeIterator<Item = &StepExecution> + DoubleEndedIterator {
        self.steps.iter().map(AsRef::as_ref)
    }

    /// A parameter's typed value.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Value> {
        self.root
            .looked_up
            .get(name)
            .or_else(|| self.origin.parameters.get(name))
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        // The parsed document follows from the origin, `latest` from the steps.
        self.root == other.root
            && self.origin == other.origin
            && self.steps == other.steps
            && self.members == other.members
            && self.undo == other.undo
    }
}

pub(crate) fn step_key(seq: u32) -> String {
    format!("step/{seq:06}")
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(
    key: &str,
    body: Value,
) -> Result<T, RestoreError> {
    let version = body.get("v").and_then(Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        return Err(RestoreError::Newer {
            key: key.to_owned(),
            version,
        });
    }
    serde_json::from_value(body).map_err(|error| RestoreError::Unreadable {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}
