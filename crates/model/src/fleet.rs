//! Runs that belong together: a parent and its children, over resources, accounts and regions.
//!
//! How such runs are asked for and what a child tells its parent; nothing here decides.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::report::AlarmWatch;

/// Most levels of runs below the one that somebody started: a document that starts itself must end.
pub const MAX_DEPTH: u32 = 12;

/// The run that started another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRun {
    /// Its execution id.
    pub run: Uuid,
    /// Levels above the child, from 1.
    pub depth: u32,
    /// Whether a run above holds a place of its own and waits: then the child must not wait for one.
    #[serde(default)]
    pub holds_place: bool,
}

/// One entry of `Targets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `tag:NAME`, `tag-key`, `ParameterValues`, `ResourceGroup` or a resource type such as `AWS::EC2::Instance`.
    pub key: String,
    /// Values, of which one must fit.
    pub values: Vec<String>,
}

/// One execution for each of several resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateControl {
    /// `TargetParameterName`: the parameter that takes the resource.
    #[serde(default)]
    pub parameter: Option<String>,
    /// `Targets`.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// `TargetMaps`: parameters of each execution.
    #[serde(default)]
    pub maps: Vec<BTreeMap<String, Vec<String>>>,
    /// `MaxConcurrency`: a number or a percentage.
    #[serde(default)]
    pub max_concurrency: Option<String>,
    /// `MaxErrors`: a number or a percentage.
    #[serde(default)]
    pub max_errors: Option<String>,
}

impl RateControl {
    /// Whether there are resources to run for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        !self.targets.is_empty() || !self.maps.is_empty()
    }
}

/// One entry of `TargetLocations`: accounts and regions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetLocation {
    /// Account ids, and ids of organizational units.
    pub accounts: Vec<String>,
    /// Regions.
    pub regions: Vec<String>,
    /// `ExecutionRoleName`, a name or a path with a name; `None` is AWS's own default.
    #[serde(default)]
    pub role_name: Option<String>,
    /// `TargetLocationMaxConcurrency`.
    #[serde(default)]
    pub max_concurrency: Option<String>,
    /// `TargetLocationMaxErrors`.
    #[serde(default)]
    pub max_errors: Option<String>,
    /// `IncludeChildOrganizationUnits`.
    #[serde(default)]
    pub include_child_units: bool,
    /// `ExcludeAccounts`: account ids that are left out.
    #[serde(default)]
    pub exclude_accounts: Vec<String>,
    /// `Targets` of this entry; empty means those of the request.
    #[serde(default)]
    pub targets: Vec<Target>,
    /// `TargetsMaxConcurrency`, before the request's `MaxConcurrency`.
    #[serde(default)]
    pub targets_max_concurrency: Option<String>,
    /// `TargetsMaxErrors`, before the request's `MaxErrors`.
    #[serde(default)]
    pub targets_max_errors: Option<String>,
    /// `TargetLocationAlarmConfiguration`: the alarm that stops the runs of this entry, read in their account and region.
    #[serde(default)]
    pub alarm: Option<AlarmWatch>,
}

/// Where a child of `TargetLocations` runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLocation {
    /// The account.
    pub account: String,
    /// Region whose documents are used: that of the parent.
    pub home_region: String,
    /// ARN of the role that is assumed there.
    pub role_arn: String,
    /// ARNs of roles on the way to it, in order.
    #[serde(default)]
    pub through: Vec<String>,
    /// Whether the role stands in the place of the one that the document names: so for the runs that
    /// `TargetLocations` asks for, not for those that they start.
    #[serde(default)]
    pub instead: bool,
}

/// The resource that a child runs for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunTarget {
    /// The resource, as it stands in the parameter: `{{RESOURCE_ID}}`.
    pub resource: String,
}

/// How many children there are, and how they ended: `ProgressCounters`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `TotalSteps`.
    pub total: u32,
    /// `SuccessSteps`.
    pub success: u32,
    /// `FailedSteps`.
    pub failed: u32,
    /// `CancelledSteps`.
    pub cancelled: u32,
    /// `TimedOutSteps`.
    pub timed_out: u32,
}

/// What a child that ended tells its parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChildEnd {
    /// Its execution id.
    pub run: Uuid,
    /// Terminal automation status.
    pub status: String,
    /// The values of the document's outputs, in the document's order; an absent one is an empty text.
    #[serde(default)]
    pub output: Vec<String>,
    /// The same by name, in wire shape.
    #[serde(default)]
    pub outputs: BTreeMap<String, Vec<String>>,
    /// Why it did not succeed.
    #[serde(default)]
    pub message: Option<String>,
    /// Its own children, if it has any.
    #[serde(default)]
    pub progress: Option<Progress>,
    /// Whether it ended because it had drifted from the plan that it is bound to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
}
