//! What a run tells the incident that started it, and how a run is asked for: the only words the two share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::agreed::AgreedPlan;
use crate::fleet::{ParentRun, RateControl, RunLocation, RunTarget, TargetLocation};

/// A wish to start an automation execution.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StartRun {
    /// Document name or ARN.
    pub document_name: String,
    /// `$DEFAULT`, `$LATEST` or a number; `None` means `$DEFAULT`.
    pub document_version: Option<String>,
    /// Parameters in wire form (each a list of strings).
    pub parameters: BTreeMap<String, Vec<String>>,
    /// ARN of whoever asked.
    pub executed_by: String,
    /// Region to run in.
    pub region: String,
    /// `Auto` or `Interactive`.
    pub mode: String,
    /// The incident whose timeline tells of this run.
    pub incident: Option<Uuid>,
    /// Tags given at start.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The run that starts this one.
    #[serde(default)]
    pub parent: Option<ParentRun>,
    /// Role that the parent acts as: the child's identity unless its document names a role.
    #[serde(default)]
    pub caller_role: Option<String>,
    /// One execution for each of several resources.
    #[serde(default)]
    pub rate: RateControl,
    /// One execution for each account and region.
    #[serde(default)]
    pub locations: Vec<TargetLocation>,
    /// Where a child of `TargetLocations` runs.
    #[serde(default)]
    pub location: Option<RunLocation>,
    /// The resource that a child of a rate-controlled run is for.
    #[serde(default)]
    pub target: Option<RunTarget>,
    /// The S3 address that the locations came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locations_url: Option<String>,
    /// The alarm that stops the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<AlarmWatch>,
    /// What is kept for taking the run back, or what a run that takes another one back expects.
    #[serde(default)]
    pub undo: UndoWish,
    /// The plan that the run is bound to: it makes no changing call that the plan has not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed: Option<Box<AgreedPlan>>,
    /// The document itself, in the place of one that is looked up by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Box<GivenDocument>>,
}

/// A document that is run as it stands: no version of it is kept under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenDocument {
    /// Whether it is JSON; else it is YAML.
    pub json: bool,
    /// Its text.
    pub content: String,
}

/// `AlarmConfiguration`: a CloudWatch alarm that stops a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmWatch {
    /// The alarm's name.
    pub name: String,
    /// Whether the run goes on when the alarm's state cannot be read.
    #[serde(default)]
    pub ignore_poll_failure: bool,
}

/// Taking back: what a run keeps for it, and what a run that does it expects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UndoWish {
    /// Whether the state before each call with a known inverse is read and kept.
    #[serde(default)]
    pub capture: bool,
    /// The run that this one takes back.
    #[serde(default)]
    pub of: Option<Uuid>,
    /// What the steps of this run must find, by step name.
    #[serde(default)]
    pub expect: BTreeMap<String, Expected>,
    /// The role that steps of this run act as, by step name, where it is not the document's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
}

/// The state that a step which takes a call back must find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// The call that is taken back: boto3's service name.
    pub service: String,
    /// Its operation.
    pub operation: String,
    /// Its parameters.
    pub params: Value,
    /// The state before it.
    pub before: Value,
    /// The state that it left; `None` when that could not be read.
    #[serde(
        default,
        deserialize_with = "maybe_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub after: Option<Value>,
    /// Whether another state is overwritten as well.
    #[serde(default)]
    pub accept_drift: bool,
    /// The step to go on with when the state is as before already.
    pub then: String,
    /// Whether the step only compares.
    #[serde(default)]
    pub check: bool,
}

/// A member that may be null: null is a state like any other, absence is none.
pub fn maybe_null<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// What a run tells its incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunReport {
    /// The run exists and its first step is about to start.
    Started {
        /// Execution id.
        run: Uuid,
        /// Document name.
        document: String,
        /// Document version that runs.
        version: String,
    },
    /// It could not start; nothing was done.
    StartFailed {
        /// Execution id that would have been.
        run: Uuid,
        /// Document name.
        document: String,
        /// Why, with the remedy.
        reason: String,
    },
    /// A step ended or waits for people.
    Step {
        /// Execution id.
        run: Uuid,
        /// Step name.
        step: String,
        /// Action, e.g. `aws:executeAwsApi`.
        action: String,
        /// `Success`, `Failed`, `TimedOut`, `Cancelled`, `Waiting` or `OutcomeUnknown`.
        status: String,
        /// When the step began.
        started: Timestamp,
        /// When it ended (absent while it waits).
        ended: Option<Timestamp>,
        /// What it said: outputs or the failure's words, short.
        message: Option<String>,
    },
    /// The run ended.
    Ended {
        /// Execution id.
        run: Uuid,
        /// Terminal automation status.
        status: String,
        /// The document's outputs.
        outputs: Value,
        /// Failure message of a run that did not succeed.
        message: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A wish as it was stored before runs had parents, targets and locations.
    #[test]
    fn a_wish_of_the_first_version_is_read() {
        let stored = r#"{"document_name":"Doc","document_version":null,"parameters":{"A":["1"]},
            "executed_by":"arn:aws:iam::123456789012:user/ana","region":"eu-west-1","mode":"Auto","incident":null}"#;
        let request: StartRun = serde_json::from_str(stored).unwrap();
        assert_eq!(request.parameters["A"], ["1"]);
        assert_eq!(request.parent, None);
        assert!(!request.rate.is_asked() && request.locations.is_empty());
        let written = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<StartRun>(&written).unwrap(), request);
    }
}
