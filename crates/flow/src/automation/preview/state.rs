//! A preview's state and its frames: the root, the work that is left, each answer once, and the finished plan.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::decision::FrameWrite;
use model::effect::{AwsCall, Outcome};
use model::fleet::ChildEnd;
use model::report::{GivenDocument, StartRun};
use model::{Decision, Fact};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::finish::Summary;
use super::ledger::{Ledger, Trail};
use super::plan::digest;
use super::{Bound, Command, HASH_INDEX};
use crate::automation::input::Context;
use crate::automation::run::Run;

const VERSION: u16 = 1;
const WORK_FRAME: &str = "work";
const PLAN_FRAME: &str = "plan";
const GIVEN_FRAME: &str = "given";

/// `Status` of a preview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It is under way.
    InProgress,
    /// The plan is there.
    Success,
    /// There is no plan.
    Failed,
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::Success => "Success",
            Self::Failed => "Failed",
        }
    }
}

/// A dry run.
#[derive(Debug, Clone)]
pub struct Preview {
    pub(super) root: Root,
    pub(super) work: Option<Work>,
    pub(super) reads: Vec<Read>,
    pub(super) summary: Option<Summary>,
    /// The document itself, where it was given and is not the server's.
    pub(super) given: Option<GivenDocument>,
    /// Answers that are written already.
    written: usize,
    /// Ways that are written already.
    kept: BTreeSet<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Root {
    v: u16,
    pub(super) status: Status,
    pub(super) started: Timestamp,
    #[serde(default)]
    pub(super) ended: Option<Timestamp>,
    #[serde(default)]
    pub(super) message: Option<String>,
    /// Number of effects asked for.
    pub(super) effects: u64,
    /// Document and version.
    pub(super) document: (String, String),
    /// What the planned run is asked for.
    pub(super) request: StartRun,
    /// Whether it is what a run does that waits for approval: that run.
    #[serde(default)]
    pub(super) of: Option<Uuid>,
    /// Digest of the document's text and of what the run is asked for.
    #[serde(default)]
    pub(super) what: String,
    #[serde(default)]
    pub(super) hash: Option<String>,
    #[serde(default)]
    pub(super) bound: Option<Bound>,
    /// How the plan differs from the one that was agreed to.
    #[serde(default)]
    pub(super) drift: Vec<String>,
}

/// What is left to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Work {
    v: u16,
    /// The way that is followed.
    pub(super) now: Option<Way>,
    /// Ways to be followed after it; each in a frame of its own.
    #[serde(skip)]
    pub(super) later: Vec<Way>,
    pub(super) ledger: Ledger,
    /// What is waited for.
    #[serde(default)]
    pub(super) asked: Option<Asked>,
    /// The child whose document is wanted.
    #[serde(default)]
    pub(super) wanted: Option<(Uuid, StartRun)>,
    /// Runs that were played: their ids stand for nothing that lasts.
    #[serde(default)]
    pub(super) runs: Vec<Uuid>,
    /// Accounts and regions.
    #[serde(default)]
    pub(super) places: BTreeSet<(String, String)>,
    /// How the ways end.
    #[serde(default)]
    pub(super) outcomes: Vec<String>,
    /// Whether the first step to be taken is to pass an approval.
    #[serde(default)]
    pub(super) approving: bool,
}

/// One way: the runs on it, the innermost last, and children that wait for their turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Way {
    pub(super) v: u16,
    #[serde(with = "dumped")]
    pub(super) stack: Vec<Run>,
    pub(super) pending: Vec<(Uuid, StartRun)>,
    pub(super) trail: Trail,
    /// Where the branch goes that it begins at.
    #[serde(default)]
    pub(super) goto: Option<Option<String>>,
    /// Whether it begins with the failure of the innermost run's present step.
    #[serde(default)]
    pub(super) fails: bool,
    /// How the innermost run ended, for the one that started it.
    #[serde(default)]
    pub(super) end: Option<Box<ChildEnd>>,
}

/// An effect that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    /// Its id outside.
    pub(super) effect: Uuid,
    /// Its id in the run.
    pub(super) inner: Uuid,
    /// What the answer is kept under.
    pub(super) key: String,
    /// Service and parameters of a call.
    #[serde(default)]
    pub(super) call: Option<AwsCall>,
    /// What is compared of a script that is not run.
    #[serde(default)]
    pub(super) script: Option<Value>,
}

/// An answer: all ways see the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Read {
    v: u16,
    /// Digest of the question.
    pub(crate) key: String,
    /// `service:operation`; empty for a script.
    pub(crate) by: String,
    /// Its parameters.
    pub(crate) params: Value,
    pub(crate) outcome: Outcome,
}

impl Read {
    pub(crate) fn new(key: String, call: Option<&AwsCall>, outcome: Outcome) -> Self {
        let by = call.map(|call| format!("{}:{}", call.service, call.operation));
        Self {
            v: VERSION,
            key,
            by: by.unwrap_or_default(),
            params: call.map(|call| call.params.clone()).unwrap_or_default(),
            outcome,
        }
    }
}

/// Why stored frames are no preview.
#[derive(Debug, thiserror::Error)]
#[error("frame `{key}` of the preview cannot be read: {reason}")]
pub struct RestoreError {
    key: String,
    reason: String,
}

impl Preview {
    pub(super) fn new(run: Run, bound: Option<Bound>, (approving, at): (bool, Timestamp)) -> Self {
        let (name, version) = run.document_name();
        let root = Root {
            v: VERSION,
            status: Status::InProgress,
            started: at,
            ended: None,
            message: None,
            effects: 0,
            document: (name.to_owned(), version.to_owned()),
            request: StartRun {
                agreed: None,
                ..run.request().clone()
            },
            of: approving.then(|| run.id()),
            what: what_runs(&run),
            hash: None,
            bound,
            drift: Vec::new(),
        };
        let given = run.origin.given();
        let work = Work {
            v: VERSION,
            runs: vec![run.id()],
            now: Some(Way {
                v: VERSION,
                stack: vec![run],
                pending: Vec::new(),
                trail: Trail::default(),
                goto: None,
                fails: false,
                end: None,
            }),
            later: Vec::new(),
            ledger: Ledger::default(),
            asked: None,
            wanted: None,
            places: BTreeSet::new(),
            outcomes: Vec::new(),
            approving,
        };
        Self {
            root,
            work: Some(work),
            reads: Vec::new(),
            summary: None,
            given,
            written: 0,
            kept: BTreeSet::new(),
        }
    }

    /// Rebuilds a preview from its stored frames.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(mut frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames.sort_by(|a, b| a.0.cmp(&b.0));
        let mut root = None;
        let mut work: Option<Work> = None;
        let mut later: Vec<Way> = Vec::new();
        let (mut summary, mut given) = (None, None);
        let mut reads = Vec::new();
        for (key, body) in frames {
            match key.as_str() {
                "" => root = Some(read(&key, body)?),
                WORK_FRAME => work = Some(read(&key, body)?),
                PLAN_FRAME => summary = Some(read(&key, body)?),
                GIVEN_FRAME => given = Some(read(&key, body)?),
                _ if key.starts_with("way/") => later.push(read(&key, body)?),
                _ if key.starts_with("read/") => reads.push(read(&key, body)?),
                _ => {}
            }
        }
        let missing = || RestoreError {
            key: String::new(),
            reason: "it is missing".to_owned(),
        };
        later.sort_by_key(|way| way.trail.number());
        let kept = later.iter().map(|way| way.trail.number()).collect();
        if let Some(work) = work.as_mut() {
            work.later = later;
        }
        Ok(Self {
            kept,
            root: root.ok_or_else(missing)?,
            work,
            summary,
            given,
            written: reads.len(),
            reads,
        })
    }

    /// The decision of a turn: what changed is written.
    pub(super) fn decided(
        mut self,
        mut commands: Vec<Command>,
        cx: &Context,
    ) -> Decision<Self, Command> {
        let mut frames = vec![FrameWrite::root(to_value(&self.root))];
        let mut facts = Vec::new();
        let mut index = Vec::new();
        if self.is_over() {
            commands.push(Command::Kept);
            frames.extend((0..self.written).map(|n| FrameWrite::delete(read_key(n))));
            frames.extend(self.kept.iter().map(|n| FrameWrite::delete(way_key(*n))));
            frames.push(FrameWrite::delete(WORK_FRAME));
            self.kept.clear();
            self.written = 0;
            self.work = None;
            self.reads.clear();
            if let Some(summary) = &self.summary {
                frames.push(FrameWrite::put(PLAN_FRAME, to_value(summary)));
            }
            let status = self.root.status.as_str();
            let body = json!({"preview": cx.id, "status": status, "hash": self.root.hash, "message": self.root.message});
            facts.push(Fact::new("preview.ended", body));
            if let Some(hash) = &self.root.hash {
                index.push(model::IndexEntry {
                    name: HASH_INDEX.to_owned(),
                    value: hash.clone(),
                });
            }
        } else {
            for (n, read) in self.reads.iter().enumerate().skip(self.written) {
                frames.push(FrameWrite::put(read_key(n), to_value(read)));
            }
            self.written = self.reads.len();
            if let Some(work) = &self.work {
                frames.extend(changed_ways(&mut self.kept, &work.later));
                frames.push(FrameWrite::put(WORK_FRAME, to_value(work)));
            }
        }
        let mut decision = Decision::unchanged(self);
        decision.frames = frames;
        decision.facts = facts;
        decision.index = index;
        decision.commands = commands;
        decision
    }

    /// Nothing is left of it but what the journal says.
    pub(super) fn forgotten(self, cx: &Context) -> Decision<Self, Command> {
        let mut decision = Decision::unchanged(self);
        decision.frames.push(FrameWrite::delete(""));
        decision
            .facts
            .push(Fact::new("preview.forgotten", json!({"preview": cx.id})));
        decision
    }

    /// The frame of the document that was given, for the first turn.
    pub(super) fn given_frame(&self) -> Option<FrameWrite> {
        let given = self.given.as_ref()?;
        Some(FrameWrite::put(GIVEN_FRAME, to_value(given)))
    }
}

/// Writes ways that are new, and removes those that are followed by now.
fn changed_ways(kept: &mut BTreeSet<u32>, later: &[Way]) -> Vec<FrameWrite> {
    let waiting: BTreeSet<u32> = later.iter().map(|way| way.trail.number()).collect();
    let gone = kept.difference(&waiting);
    let mut frames: Vec<FrameWrite> = gone.map(|n| FrameWrite::delete(way_key(*n))).collect();
    let new = later
        .iter()
        .filter(|way| !kept.contains(&way.trail.number()));
    frames.extend(new.map(|way| FrameWrite::put(way_key(way.trail.number()), to_value(way))));
    *kept = waiting;
    frames
}

fn way_key(n: u32) -> String {
    format!("way/{n:06}")
}

fn read_key(n: usize) -> String {
    format!("read/{n:06}")
}

fn read<T: serde::de::DeserializeOwned>(key: &str, body: Value) -> Result<T, RestoreError> {
    let unreadable = |reason: String| RestoreError {
        key: key.to_owned(),
        reason,
    };
    let version = body.get("v").and_then(Value::as_u64).unwrap_or(0);
    if version > u64::from(VERSION) {
        return Err(unreadable(format!(
            "version {version} is newer than this program"
        )));
    }
    serde_json::from_value(body).map_err(|error| unreadable(error.to_string()))
}

/// Digest of a run's document and of what it is asked for: whoever asks does not count.
fn what_runs(run: &Run) -> String {
    let origin = &run.origin;
    let request = &origin.request;
    digest(&json!([
        origin.name,
        origin.content,
        origin.attachments,
        request.parameters,
        request.rate,
        request.locations,
        request.region
    ]))
}

/// All frame types are plain data with text keys, which serde_json always writes.
fn to_value<T: Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}

/// Runs within a frame, each as its own frames.
mod dumped {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    use crate::automation::run::Run;

    pub(super) fn serialize<S: Serializer>(runs: &[Run], to: S) -> Result<S::Ok, S::Error> {
        let all: Vec<Vec<(String, Value)>> = runs.iter().map(Run::dump).collect();
        all.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Run>, D::Error> {
        let all = Vec::<Vec<(String, Value)>>::deserialize(from)?;
        let runs = all.into_iter().map(Run::restore);
        runs.collect::<Result<_, _>>().map_err(D::Error::custom)
    }
}
