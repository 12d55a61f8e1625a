//! The record of one step's execution: what a reader of the run is shown, and what later steps refer to.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Status of a run or of a step's execution, in the wire's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Not begun.
    Pending,
    /// At work.
    InProgress,
    /// Waits for people.
    Waiting,
    /// Ended well.
    Success,
    /// Its time ran out.
    TimedOut,
    /// Being cancelled.
    Cancelling,
    /// Cancelled.
    Cancelled,
    /// Ended badly.
    Failed,
}

impl Status {
    /// The wire name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::InProgress => "InProgress",
            Self::Waiting => "Waiting",
            Self::Success => "Success",
            Self::TimedOut => "TimedOut",
            Self::Cancelling => "Cancelling",
            Self::Cancelled => "Cancelled",
            Self::Failed => "Failed",
        }
    }

    /// The status with this wire name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::InProgress,
            Self::Waiting,
            Self::Success,
            Self::TimedOut,
            Self::Cancelling,
            Self::Cancelled,
            Self::Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == name)
    }

    /// Whether nothing follows any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Success | Self::TimedOut | Self::Cancelled | Self::Failed
        )
    }
}

/// One execution of one step. A step that a run comes back to has several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepExecution {
    /// Version of this record's shape.
    pub v: u16,
    /// Position in the run's sequence of executions, from 0.
    pub seq: u32,
    /// `StepExecutionId`.
    pub id: Uuid,
    /// Step name.
    pub name: String,
    /// Action name.
    pub action: String,
    /// Where it stands.
    pub status: Status,
    /// Whether an effect of it may or may not have happened; then it waits for a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outcome_unknown: bool,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Resolved inputs, without a script's text.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub inputs: Map<String, Value>,
    /// Outputs by name, typed.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
    /// A remark for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// HTTP status of a failed call, or 0 after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_code: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The loop around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
}

/// The id of a step's execution: known before its first one begins, so that a pending step has one as well. `again`
/// is the sequence number of a repeated execution.
pub(crate) fn execution_id(run: Uuid, step: &str, again: Option<u32>) -> Uuid {
    let again = again.map(|seq| seq.to_string()).unwrap_or_default();
    model::ids::named(&["automation-step", &run.to_string(), step, &again])
}

/// The pass of a loop that an execution belongs to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParentStep {
    /// Execution id of the loop.
    pub id: Uuid,
    /// Name of the loop.
    pub name: String,
    /// Pass, from 1.
    pub iteration: u32,
    /// The pass's item, as text.
    pub value: Option<String>,
}

/// Why a step failed, in the wire's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For people.
    pub message: String,
    /// `FailureStage`: `InputValidation`, `PreVerification`, `Invocation`, `PostVerification`.
    pub stage: String,
    /// `FailureType`: `Action`, `Permission`, `Throttling`, `Verification`, `Internal`.
    pub kind: String,
    /// Whether time ran out.
    #[serde(default)]
    pub timed_out: bool,
    /// HTTP status where there was one.
    #[serde(default)]
    pub code: Option<String>,
}

impl Failure {
    /// The inputs are not what the action takes. Never retried.
    pub(crate) fn inputs(message: impl std::fmt::Display) -> Self {
        Self {
            message: format!(
                "Step fails when it is validating and resolving the step inputs. {message}"
            ),
            stage: "InputValidation".to_owned(),
            kind: "Verification".to_owned(),
            timed_out: false,
            code: None,
        }
    }

    /// The action did not do what it should.
    pub(crate) fn action(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            stage: "Invocation".to_owned(),
            kind: "Action".to_owned(),
            timed_out: false,
            code: None,
        }
    }

    /// The action was done, but what came back is not what the step declares.
    pub(crate) fn verification(message: impl Into<String>) -> Self {
        Self {
            stage: "PostVerification".to_owned(),
            kind: "Verification".to_owned(),
            ..Self::action(message)
        }
    }

    /// A person refused it. Never retried.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self {
            stage: "PreVerification".to_owned(),
            ..Self::action(message)
        }
    }

    /// Time ran out.
    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self {
            timed_out: true,
            ..Self::action(message)
        }
    }

    /// Whether another attempt could end differently.
    pub(crate) fn retryable(&self) -> bool {
        self.stage != "InputValidation" && self.stage != "PreVerification"
    }
}
