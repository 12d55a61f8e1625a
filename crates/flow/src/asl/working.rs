//! What a state that is at work remembers: a Task its call, the job that it follows, the task that it offers; a
//! distributed Map its map run.

use model::effect::AwsCall;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::automation::captured::Captured;

/// A Task's call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Call {
    /// The effect in flight.
    #[serde(default)]
    pub(crate) effect: Option<Uuid>,
    /// The token that it waits for.
    #[serde(default)]
    pub(crate) token: Option<String>,
    /// Timer of its time limit.
    #[serde(default)]
    pub(crate) timer: Option<String>,
    /// Timer of its heartbeat.
    #[serde(default)]
    pub(crate) beat: Option<String>,
    /// Seconds between heartbeats.
    #[serde(default)]
    pub(crate) heartbeat: Option<u64>,
    /// Why nobody knows what became of the effect.
    #[serde(default)]
    pub(crate) unknown: Option<String>,
    /// The job that it follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<Box<Followed>>,
    /// What it offers to the workers of an activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offer: Option<Box<Offer>>,
    /// The reading around it, while one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) capture: Option<Box<Capture>>,
}

/// Where a Task is with the readings around its call.
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
        /// What was kept of it.
        record: Captured,
    },
    /// The state after is being read.
    After {
        /// What was kept of the call.
        record: Captured,
        /// What the call answered.
        answer: Value,
    },
}

/// A job that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Followed {
    /// Parameters of the call that began it.
    pub(crate) asked: Value,
    /// The role as which it was begun.
    pub(crate) role: String,
    /// Its answer, once it is there.
    #[serde(default)]
    pub(crate) begun: Option<Value>,
    /// How often it was looked at.
    #[serde(default)]
    pub(crate) looks: u32,
    /// How many looks in a row failed.
    #[serde(default)]
    pub(crate) misses: u32,
    /// Looks in a row that did not find the job.
    #[serde(default)]
    pub(crate) missing: u32,
    /// Timer of the next look.
    #[serde(default)]
    pub(crate) timer: Option<String>,
}

/// A task of an activity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// Name of the activity.
    pub(crate) activity: String,
    /// Its event, until the activity has taken the task.
    #[serde(default)]
    pub(crate) scheduled: Option<Value>,
    /// Whether a worker has it.
    #[serde(default)]
    pub(crate) taken: bool,
}

/// The map run of a distributed Map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Mapping {
    /// Its id.
    pub(crate) run: Uuid,
    /// Its ARN.
    pub(crate) arn: String,
    /// How often it was redriven.
    #[serde(default)]
    pub(crate) redrives: u32,
    /// Whether it has ended, and not well.
    #[serde(default)]
    pub(crate) over: bool,
}
