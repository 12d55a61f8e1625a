//! Event buses, rules and targets, as stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Resource kind of buses. Name: the bus name.
pub const BUS: &str = "event-bus";
/// Resource kind of rules. Name: `<bus>/<rule>`.
pub const RULE: &str = "event-rule";

/// Resource kind of archives. Name: the archive's name.
pub const ARCHIVE: &str = "event-archive";
/// Resource kind of deleted archives whose events are still to go. Name: the archive's own id.
pub const ARCHIVE_GONE: &str = "event-archive-gone";

/// An event bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bus {
    /// Name, `default` for the account's own.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// ARN of the SQS queue for events that a KMS key fails; kept and shown, since Quell uses no such key.
    #[serde(default)]
    pub dead_letter: Option<String>,
    /// What would be logged.
    #[serde(default)]
    pub logs: Option<BusLogs>,
    /// Resource policy document; kept and shown.
    #[serde(default)]
    pub policy: Option<Value>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl Bus {
    /// A bus of which nothing but its name is said.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: None,
            dead_letter: None,
            logs: None,
            policy: None,
            tags: BTreeMap::new(),
        }
    }
}

/// `LogConfig` of a bus, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusLogs {
    /// `NONE` or `FULL`.
    pub include_detail: String,
    /// `OFF`: Quell writes no logs of buses.
    pub level: String,
}

/// An archive: which events of a bus are kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// Name, unique within account and region.
    pub name: String,
    /// The archive's own id, under which its events are kept.
    pub id: Uuid,
    /// The bus.
    pub bus: String,
    /// ARN of the bus, as given.
    pub bus_arn: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Pattern text as given; `None` keeps every event.
    #[serde(default)]
    pub event_pattern: Option<String>,
    /// Days that events are kept, counted from their own time; 0 keeps them for ever.
    #[serde(default)]
    pub retention_days: u32,
}

/// Whether a rule takes events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleState {
    /// Matches events.
    #[serde(rename = "ENABLED")]
    Enabled,
    /// Matches nothing.
    #[serde(rename = "DISABLED")]
    Disabled,
    /// As enabled, and wants read-only CloudTrail calls too.
    #[serde(rename = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS")]
    EnabledWithAllCloudtrailManagementEvents,
}

/// A rule with its targets: one resource, so that both change together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Name within its bus.
    pub name: String,
    /// The bus it listens on.
    pub bus: String,
    /// Pattern text as given.
    #[serde(default)]
    pub event_pattern: Option<String>,
    /// Schedule text as given.
    #[serde(default)]
    pub schedule_expression: Option<String>,
    /// Whether it takes events.
    pub state: RuleState,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Role given by the caller; kept and shown.
    #[serde(default)]
    pub role_arn: Option<String>,
    /// Targets by id, in order of id.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Where a matched event goes. Members of the wire form that Quell keeps but does not read stay in `rest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Id within the rule.
    #[serde(rename = "Id")]
    pub id: String,
    /// ARN of what takes the events, or a webhook's `https://` address.
    #[serde(rename = "Arn")]
    pub arn: String,
    /// Role given by the caller.
    #[serde(rename = "RoleArn", default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// Constant JSON text instead of the event.
    #[serde(rename = "Input", default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// JSONPath into the event.
    #[serde(rename = "InputPath", default, skip_serializing_if = "Option::is_none")]
    pub input_path: Option<String>,
    /// `{InputPathsMap, InputTemplate}`.
    #[serde(
        rename = "InputTransformer",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub input_transformer: Option<Value>,
    /// `{MaximumRetryAttempts, MaximumEventAgeInSeconds}`.
    #[serde(
        rename = "RetryPolicy",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub retry_policy: Option<Value>,
    /// Other members as given (DeadLetterConfig, HttpParameters, ...).
    #[serde(flatten)]
    pub rest: serde_json::Map<String, Value>,
}

impl Target {
    /// Whether the target gets something else than the event itself.
    #[must_use]
    pub fn has_own_input(&self) -> bool {
        self.input.is_some() || self.input_path.is_some() || self.input_transformer.is_some()
    }
}
