//! A preview's state and its frames: a small root, what is planned, each answer once, and the finished plan.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::decision::FrameWrite;
use model::effect::AwsCall;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Begin;
use crate::automation::preview::state::Read;
use crate::automation::preview::{Status, Summary};

const VERSION: u16 = 1;
const BEGIN_FRAME: &str = "begin";
const PLAN_FRAME: &str = "plan";

/// A dry run of a state machine.
#[derive(Debug, Clone)]
pub struct Preview {
    pub(super) root: Root,
    pub(super) begin: Begin,
    pub(super) reads: Vec<Read>,
    pub(super) summary: Option<Summary>,
    /// Answers that are written already.
    written: usize,
    fresh: bool,
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
    #[serde(default)]
    pub(super) hash: Option<String>,
    /// Number of effects asked for.
    pub(super) effects: u64,
    /// How often readings failed that may be made later, by what their answers are kept under.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) tries: BTreeMap<String, u32>,
    /// Bytes of all answers.
    #[serde(default)]
    pub(super) bytes: usize,
    /// Bytes of the values that its walks looked at.
    #[serde(default)]
    pub(super) work: usize,
    /// What is waited for.
    #[serde(default)]
    pub(super) asked: Vec<Asked>,
}

/// A question that is not answered yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) effect: Uuid,
    /// What the answer is kept under.
    pub(super) key: String,
    pub(super) call: AwsCall,
}

/// Why stored frames are no preview.
#[derive(Debug, thiserror::Error)]
#[error("frame `{key}` of the machine's plan cannot be read: {reason}")]
pub struct RestoreError {
    key: String,
    reason: String,
}

impl Preview {
    pub(super) fn new(begin: Begin, at: Timestamp) -> Self {
        Self {
            root: Root {
                v: VERSION,
                status: Status::InProgress,
                started: at,
                ended: None,
                message: None,
                hash: None,
                effects: 0,
                tries: BTreeMap::new(),
                bytes: 0,
                work: 0,
                asked: Vec::new(),
            },
            begin,
            reads: Vec::new(),
            summary: None,
            written: 0,
            fresh: true,
        }
    }

    /// Rebuilds a preview from its stored frames.
    ///
    /// # Errors
    /// When a frame is missing, damaged or newer than this program.
    pub fn restore(mut frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut root, mut begin, mut summary) = (None, None, None);
        let mut reads: Vec<Read> = Vec::new();
        for (key, body) in frames {
            match key.as_str() {
                "" => root = Some(read::<Root>(&key, body)?),
                BEGIN_FRAME => begin = Some(read::<Begin>(&key, body)?),
                PLAN_FRAME => summary = Some(read::<Summary>(&key, body)?),
                _ if key.starts_with("read/") => reads.push(read(&key, body)?),
                _ => {}
            }
        }
        let missing = |key: &str| RestoreError {
            key: key.to_owned(),
            reason: "it is missing".to_owned(),
        };
        let root = root.ok_or_else(|| missing(""))?;
        if root.v > VERSION {
            return Err(RestoreError {
                key: String::new(),
                reason: format!("version {} is newer than this program", root.v),
            });
        }
        Ok(Self {
            root,
            begin: begin.ok_or_else(|| missing(BEGIN_FRAME))?,
            summary,
            written: reads.len(),
            reads,
            fresh: false,
        })
    }

    /// What a turn has changed, as frames.
    pub(super) fn frames(&mut self) -> Vec<FrameWrite> {
        let mut frames = vec![FrameWrite::root(to_value(&self.root))];
        if std::mem::take(&mut self.fresh) {
            frames.push(FrameWrite::put(BEGIN_FRAME, to_value(&self.begin)));
        }
        if self.is_over() {
            frames.extend((0..self.written).map(|n| FrameWrite::delete(read_key(n))));
            self.written = 0;
            self.reads.clear();
            if let Some(summary) = &self.summary {
                frames.push(FrameWrite::put(PLAN_FRAME, to_value(summary)));
            }
            return frames;
        }
        for (n, read) in self.reads.iter().enumerate().skip(self.written) {
            frames.push(FrameWrite::put(read_key(n), to_value(read)));
        }
        self.written = self.reads.len();
        frames
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.root.status != Status::InProgress
    }

    /// `Status`.
    #[must_use]
    pub fn status(&self) -> Status {
        self.root.status
    }

    /// Why there is no plan.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.root.message.as_deref()
    }

    /// When it began, and when it ended.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.root.started, self.root.ended)
    }

    /// What is planned.
    #[must_use]
    pub fn begin(&self) -> &Begin {
        &self.begin
    }

    /// The plan's hash.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.root.hash.as_deref()
    }

    /// The plan, once it is there.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }
}

fn read_key(n: usize) -> String {
    format!("read/{n:06}")
}

fn read<T: serde::de::DeserializeOwned>(key: &str, body: Value) -> Result<T, RestoreError> {
    serde_json::from_value(body).map_err(|error| RestoreError {
        key: key.to_owned(),
        reason: error.to_string(),
    })
}

/// All frame types are plain data with text keys, which serde_json always writes.
fn to_value<T: Serialize>(body: &T) -> Value {
    serde_json::to_value(body).unwrap_or_default()
}
