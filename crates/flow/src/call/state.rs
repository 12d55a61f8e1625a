//! A call as it is stored: a root that lists read, and frames for its parameters and its answer.

use jiff::Timestamp;
use model::FrameWrite;
use model::effect::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// The version that this program writes and the newest that it reads.
const VERSION: u64 = 1;
pub(super) const PARAMS_FRAME: &str = "params";
pub(super) const ANSWER_FRAME: &str = "answer";

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// boto3 client name.
    pub service: String,
    /// Operation in PascalCase.
    pub operation: String,
    /// Region to sign for.
    pub region: String,
    /// Account that the call must reach.
    #[serde(default)]
    pub account: Option<String>,
    /// ARN of the role to act as.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// What a repeat would do, as a word for readers: `reads`, `idempotent`, ...
    pub class: String,
    /// Limit of the call in seconds.
    pub timeout_secs: u32,
    /// ARN of the caller.
    pub by: String,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The account is being looked at; nothing is sent yet.
    Checking,
    /// Sent, or about to be.
    Calling,
    /// It happened.
    Succeeded,
    /// It was refused, or never sent.
    Failed,
    /// Nobody knows whether it happened.
    Unknown,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is known of it without its parameters and its answer.
    pub root: Root,
    /// Parameters in boto3's spelling.
    pub params: Value,
    /// The answer, if it is there and not too large.
    pub answer: Option<Value>,
}

/// What is known of a call without its parameters and its answer: what lists show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Root {
    /// What was asked for.
    pub request: Request,
    /// How it goes.
    pub status: Status,
    /// When it was accepted.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// Effects so far; each has an id of its own.
    pub effects: u32,
    /// The effect whose outcome is awaited, or was when it became unknown.
    #[serde(default)]
    pub in_flight: Option<Uuid>,
    /// Why it failed.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// Why its outcome is unknown.
    #[serde(default)]
    pub unknown: Option<String>,
    /// Who settled an unknown outcome.
    #[serde(default)]
    pub resolved_by: Option<String>,
    /// Size in bytes of an answer that is too large to be kept.
    #[serde(default)]
    pub too_large: Option<u64>,
}

/// Why stored frames could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A frame is missing.
    #[error("frame `{0}` is missing: the aggregate is damaged, restore it from a backup")]
    Missing(&'static str),
    /// A newer program wrote it.
    #[error("frame has version {0}, newer than {VERSION}: run the program that wrote it")]
    Newer(u64),
    /// It does not have the shape of its version.
    #[error("the root frame cannot be read: {0}")]
    Damaged(String),
}

impl Root {
    /// Reads the root frame.
    ///
    /// # Errors
    /// [`RestoreError`].
    pub fn restore(body: Value) -> Result<Self, RestoreError> {
        let version = body.get("v").and_then(Value::as_u64).unwrap_or(VERSION);
        if version > VERSION {
            return Err(RestoreError::Newer(version));
        }
        serde_json::from_value(body).map_err(|error| RestoreError::Damaged(error.to_string()))
    }
}

impl Call {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when one is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let (mut root, mut params, mut answer) = (None, None, None);
        for (key, body) in frames {
            match key.as_str() {
                "" => root = Some(body),
                PARAMS_FRAME => params = held(body),
                ANSWER_FRAME => answer = held(body),
                _ => {}
            }
        }
        Ok(Self {
            root: Root::restore(root.ok_or(RestoreError::Missing(""))?)?,
            params: params.ok_or(RestoreError::Missing(PARAMS_FRAME))?,
            answer,
        })
    }

    pub(super) fn root_frame(&self) -> FrameWrite {
        let mut body = serde_json::to_value(&self.root).unwrap_or_default();
        if let Some(map) = body.as_object_mut() {
            map.insert("v".to_owned(), VERSION.into());
        }
        FrameWrite::root(body)
    }
}

/// Frames are objects with a version; what they hold may be any value.
pub(super) fn holding(key: &str, value: Value) -> FrameWrite {
    FrameWrite::put(key, json!({"v": VERSION, "value": value}))
}

fn held(mut body: Value) -> Option<Value> {
    body.get_mut("value").map(Value::take)
}
