//! State machines, as stored.
//!
//! Knows what they look like and what their ARNs are; what they mean is crate `flow`'s.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Resource kind of state machines. Name: the machine's name.
pub const STATE_MACHINE: &str = "state-machine";

/// A state machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateMachine {
    /// Name.
    pub name: String,
    /// The definition's text, as it was given.
    pub definition: String,
    /// The role that its executions act as.
    pub role_arn: String,
    /// `loggingConfiguration` as given: kept and shown; executions write no logs.
    #[serde(default)]
    pub logging: Option<Value>,
    /// Whether `tracingConfiguration` is enabled: kept and shown; executions are not traced.
    #[serde(default)]
    pub tracing: bool,
    /// `revisionId`: another one for every change; the first revision has none.
    #[serde(default)]
    pub revision: Option<Uuid>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}
