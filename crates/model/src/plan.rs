//! Response plans and the replication set, as stored and as they go over the wire, with every limit of the API.
//!
//! Member names are AWS's (`ssm-incidents`), so one struct is both the stored body and the answer of `GetResponsePlan`.
//! It must not know how an incident is opened from a plan: that is crate `response`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Scope;
use crate::incident::epoch;

mod limits;

pub use limits::{at_most, check_arn, check_count, check_impact, check_targets};

/// Resource kind of response plans. Name: the plan's name. Stored in the region-less scope.
pub const RESPONSE_PLAN: &str = "response-plan";
/// Resource kind of the replication set. Name: `current`, since an account has one. Stored in the region-less scope.
pub const REPLICATION_SET: &str = "replication-set";

/// The longest `RawData` (and the longest `rawData` in a timeline event), in characters.
pub const RAW_DATA_CHARS: usize = 10_000;

/// What happens when something goes wrong: template, people, runbook, channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponsePlan {
    /// Immutable; the tail of the ARN.
    pub name: String,
    /// Free text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What a new incident starts with.
    pub incident_template: IncidentTemplate,
    /// ARNs of the contacts, escalation plans and schedules to engage.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub engagements: Vec<String>,
    /// SNS topics of the chat channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_channel: Option<ChatChannel>,
    /// At most one runbook.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// At most one third-party integration; kept and shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Integration>,
    /// Tags; read by `ListTagsForResource`, not part of `GetResponsePlan`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// What a new incident starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentTemplate {
    /// Title; may hold Quell's `{{ }}` variables.
    pub title: String,
    /// 1 critical to 5 none.
    pub impact: i64,
    /// First summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Deduplication key; may hold Quell's `{{ }}` variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedupe_string: Option<String>,
    /// Tags copied to each incident.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub incident_tags: BTreeMap<String, String>,
    /// Topics that are told of changes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notification_targets: Vec<NotificationTarget>,
}

/// A topic that is told of an incident's changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotificationTarget {
    /// An SNS topic.
    SnsTopicArn(String),
}

/// Where a chat bot listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ChatChannel {
    /// One to five SNS topics.
    ChatbotSns(Vec<String>),
    /// None; on an update: remove.
    Empty {},
}

/// A runbook that a new incident starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A Systems Manager automation.
    SsmAutomation(SsmAutomation),
}

/// A Systems Manager automation to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SsmAutomation {
    /// Document name or ARN.
    pub document_name: String,
    /// `$DEFAULT`, `$LATEST` or a number; absent or empty means `$DEFAULT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_version: Option<String>,
    /// Role the runbook is started with.
    pub role_arn: String,
    /// Whose account it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_account: Option<TargetAccount>,
    /// Parameters; values may hold Quell's `{{ }}` variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Vec<String>>,
    /// Parameters filled from the incident.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dynamic_parameters: BTreeMap<String, DynamicParameter>,
}

/// Whose account a runbook acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetAccount {
    /// The plan's own.
    ResponsePlanOwnerAccount,
    /// The account the event came from.
    ImpactedAccount,
}

/// The source of a dynamic parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DynamicParameter {
    /// A variable of the incident.
    Variable(DynamicVariable),
}

/// A variable of the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DynamicVariable {
    /// The incident's ARN, one string.
    IncidentRecordArn,
    /// ARNs of the resources involved, a list.
    InvolvedResources,
}

/// A third-party integration; kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Integration {
    /// PagerDuty.
    PagerDutyConfiguration(PagerDuty),
}

/// PagerDuty settings of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PagerDuty {
    /// Name of the configuration.
    pub name: String,
    /// Where the incident goes.
    pub pager_duty_incident_configuration: PagerDutyService,
    /// Secrets Manager secret with the key.
    pub secret_id: String,
}

/// The PagerDuty service of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PagerDutyService {
    /// Service id.
    pub service_id: String,
}

/// The body of `UpdateResponsePlan`: absent members stay as they are, empty ones clear.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponsePlanPatch {
    /// New display name.
    pub display_name: Option<String>,
    /// New template title.
    pub incident_template_title: Option<String>,
    /// New template impact.
    pub incident_template_impact: Option<i64>,
    /// New template summary.
    pub incident_template_summary: Option<String>,
    /// New template key.
    pub incident_template_dedupe_string: Option<String>,
    /// New template tags.
    pub incident_template_tags: Option<BTreeMap<String, String>>,
    /// New topics.
    pub incident_template_notification_targets: Option<Vec<NotificationTarget>>,
    /// New engagements.
    pub engagements: Option<Vec<String>>,
    /// New chat channel; `{"empty":{}}` removes.
    pub chat_channel: Option<ChatChannel>,
    /// New runbook.
    pub actions: Option<Vec<Action>>,
    /// New integration.
    pub integrations: Option<Vec<Integration>>,
}

impl ResponsePlan {
    /// The plan's ARN in `scope`'s account: `arn:aws:ssm-incidents::<account>:response-plan/<name>`.
    #[must_use]
    pub fn arn(&self, scope: &Scope) -> String {
        plan_arn(scope, &self.name)
    }

    /// Applies an update. The caller validates the result.
    pub fn apply(&mut self, patch: ResponsePlanPatch) {
        let template = &mut self.incident_template;
        if let Some(text) = patch.display_name {
            self.display_name = Some(text).filter(|text| !text.is_empty());
        }
        if let Some(title) = patch.incident_template_title {
            template.title = title;
        }
        if let Some(impact) = patch.incident_template_impact {
            template.impact = impact;
        }
        if let Some(text) = patch.incident_template_summary {
            template.summary = Some(text).filter(|text| !text.is_empty());
        }
        if let Some(text) = patch.incident_template_dedupe_string {
            template.dedupe_string = Some(text).filter(|text| !text.is_empty());
        }
        if let Some(tags) = patch.incident_template_tags {
            template.incident_tags = tags;
        }
        if let Some(targets) = patch.incident_template_notification_targets {
            template.notification_targets = targets;
        }
        if let Some(engagements) = patch.engagements {
            self.engagements = engagements;
        }
        if let Some(channel) = patch.chat_channel {
            self.chat_channel =
                Some(channel).filter(|channel| !matches!(channel, ChatChannel::Empty {}));
        }
        if let Some(actions) = patch.actions {
            self.actions = actions;
        }
        if let Some(integrations) = patch.integrations {
            self.integrations = integrations;
        }
    }
}

impl ChatChannel {
    /// The topics, none for `empty`.
    #[must_use]
    pub fn topics(&self) -> &[String] {
        match self {
            Self::ChatbotSns(topics) => topics,
            Self::Empty {} => &[],
        }
    }
}

/// The ARN of the plan `name` in `scope`'s account.
#[must_use]
pub fn plan_arn(scope: &Scope, name: &str) -> String {
    format!(
        "arn:{}:ssm-incidents::{}:response-plan/{name}",
        scope.partition(),
        scope.account
    )
}

/// The regions that a replication set keeps data in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationSet {
    /// `arn:aws:ssm-incidents::<account>:replication-set/<uuid>`.
    pub arn: String,
    /// Caller who made it.
    pub created_by: String,
    /// When.
    #[serde(with = "epoch")]
    pub created_time: Timestamp,
    /// Whether deleting is refused.
    pub deletion_protected: bool,
    /// Caller of the last change.
    pub last_modified_by: String,
    /// When.
    #[serde(with = "epoch")]
    pub last_modified_time: Timestamp,
    /// Regions by name.
    pub region_map: BTreeMap<String, RegionInfo>,
    /// `CREATING`, `ACTIVE`, `UPDATING`, `DELETING` or `FAILED`.
    pub status: String,
    /// Tags; not part of `GetReplicationSet`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// One region of a replication set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegionInfo {
    /// Key id, `DefaultKey` when none was given.
    pub sse_kms_key_id: String,
    /// `ACTIVE`, `CREATING`, `DELETING` or `FAILED`.
    pub status: String,
    /// Words about the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// When the status changed.
    #[serde(with = "epoch")]
    pub status_update_date_time: Timestamp,
}

impl RegionInfo {
    /// A region that is ready; an absent or empty key is AWS's `DefaultKey`.
    #[must_use]
    pub fn active(key: Option<String>, at: Timestamp) -> Self {
        Self {
            sse_kms_key_id: key
                .filter(|key| !key.is_empty())
                .unwrap_or_else(|| "DefaultKey".to_owned()),
            status: "ACTIVE".to_owned(),
            status_message: None,
            status_update_date_time: at,
        }
    }
}
