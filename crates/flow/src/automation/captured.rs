//! What a run keeps of its changing calls, so that they can be taken back.
//!
//! Plain data: what is read and when is decided in `machine::capture`.

use model::effect::{AwsCall, Outcome};
use model::report::maybe_null;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::inverse;

/// The reading around a changing call, for taking it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Capture {
    /// The state before is being read; the call follows.
    Before {
        /// The call.
        call: AwsCall,
    },
    /// The call is under way.
    Change {
        /// Number of the record.
        n: u32,
    },
    /// The state after is being read.
    After {
        /// Number of the record.
        n: u32,
        /// What the call answered.
        result: Value,
    },
}

/// A changing call with what is needed to take it back: a frame `undo/NNNNNN`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Captured {
    pub(crate) v: u16,
    /// Position in the run's sequence of changing calls, from 0.
    pub(crate) n: u32,
    /// The step's execution; the id of the event that asked for the call, in an execution of a state machine.
    pub(crate) seq: u32,
    /// The state, in such an execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) params: Value,
    /// The role that made it.
    #[serde(default)]
    pub(crate) role: Option<String>,
    /// The state before the call.
    #[serde(
        default,
        deserialize_with = "maybe_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) before: Option<Value>,
    /// Why it could not be read.
    #[serde(default)]
    pub(crate) unreadable: Option<String>,
    /// The state after the call.
    #[serde(
        default,
        deserialize_with = "maybe_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) after: Option<Value>,
    /// What became of the call: `sent`, `done`, `failed`.
    pub(crate) call: String,
}

impl Captured {
    /// The reading of the state that the call left.
    pub(crate) fn reading_after(&self) -> Option<inverse::Call> {
        let before = self.before.as_ref()?;
        let rule = inverse::rule(&self.service, &self.operation)?;
        rule.reading_after(self.params.as_object()?, before)
    }

    /// The state that the outcome of a reading tells.
    pub(crate) fn told(&self, outcome: &Outcome) -> Result<Value, String> {
        inverse::told(&self.service, &self.operation, (&self.params, outcome))
    }
}
