//! Incident records, timeline events, related items and triggers, in AWS's wire spelling (`ssm-incidents`).
//!
//! One struct is both the stored body and the answer on the wire. It must not know when they change: that is
//! `response::incident`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::arn::Arn;
use crate::plan::{ChatChannel, NotificationTarget, ResponsePlan};
use crate::{ClaimWish, Scope};

/// Claim family of deduplication keys.
pub const DEDUPE_CLAIM: &str = "incident-dedupe";
/// Claim family of `StartIncident` client tokens.
pub const START_TOKEN_CLAIM: &str = "client-token/StartIncident";
/// How long a client token is remembered, in hours.
pub const TOKEN_HOURS: i64 = 24;

pub mod epoch;
mod limits;

pub use limits::{check_references, check_tags};

/// Whether an incident still needs work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IncidentStatus {
    /// Being worked on.
    Open,
    /// Done; a new trigger opens another incident.
    Resolved,
}

impl IncidentStatus {
    /// The wire word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// An incident as `GetIncidentRecord` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentRecord {
    /// `arn:aws:ssm-incidents::<account>:incident-record/<plan>/<uuid>`.
    pub arn: String,
    /// Runs started for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub automation_executions: Vec<AutomationExecution>,
    /// Where a chat bot listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat_channel: Option<ChatChannel>,
    /// When it was opened.
    #[serde(with = "epoch")]
    pub creation_time: Timestamp,
    /// Its deduplication key.
    pub dedupe_string: String,
    /// 1 critical to 5 none.
    pub impact: i64,
    /// Who or what opened it.
    pub incident_record_source: IncidentRecordSource,
    /// Caller of the last change.
    pub last_modified_by: String,
    /// When.
    #[serde(with = "epoch")]
    pub last_modified_time: Timestamp,
    /// Topics told of changes.
    #[serde(default)]
    pub notification_targets: Vec<NotificationTarget>,
    /// When it was resolved.
    #[serde(
        default,
        with = "epoch::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub resolved_time: Option<Timestamp>,
    /// Whether it still needs work.
    pub status: IncidentStatus,
    /// What is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// What it is called.
    pub title: String,
}

/// A run started for an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AutomationExecution {
    /// `arn:aws:ssm:<region>:<account>:automation-execution/<uuid>`.
    SsmExecutionArn(String),
}

/// Who or what opened an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncidentRecordSource {
    /// ARN of the caller.
    pub created_by: String,
    /// Service principal that acted for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<String>,
    /// The rule, alarm or resource that triggered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
    /// `aws.events`, `aws.cloudwatch`, `aws.ssm-incidents.custom` or a caller's own word.
    pub source: String,
}

/// One entry of a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEvent {
    /// Data, conventionally JSON text.
    pub event_data: String,
    /// Id.
    pub event_id: Uuid,
    /// What it refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_references: Vec<EventReference>,
    /// When it happened.
    #[serde(with = "epoch")]
    pub event_time: Timestamp,
    /// `Custom Event`, `Note` or one of the engine's own.
    pub event_type: String,
    /// When it was written or last changed.
    #[serde(with = "epoch")]
    pub event_updated_time: Timestamp,
    /// The incident.
    pub incident_record_arn: String,
    /// Order of writing: decides among events of one instant. Not on the wire.
    #[serde(default)]
    pub sequence: u64,
}

/// What a timeline event refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EventReference {
    /// An ARN.
    Resource(String),
    /// The generated id of a related item.
    RelatedItemId(String),
}

/// Something that belongs to an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelatedItem {
    /// `related-item/<TYPE>/<32 hex upper>`, given by the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_id: Option<String>,
    /// Type and value.
    pub identifier: ItemIdentifier,
    /// Words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Type and value of a related item: its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemIdentifier {
    /// What kind.
    #[serde(rename = "type")]
    pub kind: ItemType,
    /// Which.
    pub value: ItemValue,
}

/// What kind of thing a related item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the words of the API say what they mean")]
pub enum ItemType {
    Analysis,
    Incident,
    Metric,
    Parent,
    Attachment,
    Other,
    Automation,
    InvolvedResource,
    Task,
}

impl ItemType {
    /// The wire word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Analysis => "ANALYSIS",
            Self::Incident => "INCIDENT",
            Self::Metric => "METRIC",
            Self::Parent => "PARENT",
            Self::Attachment => "ATTACHMENT",
            Self::Other => "OTHER",
            Self::Automation => "AUTOMATION",
            Self::InvolvedResource => "INVOLVED_RESOURCE",
            Self::Task => "TASK",
        }
    }
}

/// Which thing a related item is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemValue {
    /// An ARN.
    Arn(String),
    /// A metric in CloudWatch's source form.
    MetricDefinition(String),
    /// A PagerDuty incident.
    PagerDutyIncidentDetail(PagerDutyIncidentDetail),
    /// An address.
    Url(String),
}

/// A PagerDuty incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PagerDutyIncidentDetail {
    /// Whether resolving here resolves there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_resolve: Option<bool>,
    /// Id there.
    pub id: String,
    /// Secret with the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_id: Option<String>,
}

/// `relatedItemsUpdate` of `UpdateRelatedItems`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RelatedItemsUpdate {
    /// Add; adding what is there changes nothing but its title.
    ItemToAdd(RelatedItem),
    /// Remove by type and value; removing what is not there changes nothing.
    ItemToRemove(ItemIdentifier),
}

/// `triggerDetails` of `StartIncident`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerDetails {
    /// Raw event, at most 10,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_data: Option<String>,
    /// Who says so.
    pub source: String,
    /// When it happened.
    #[serde(with = "epoch")]
    pub timestamp: Timestamp,
    /// What triggered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_arn: Option<String>,
}

/// How an incident's trigger is told apart from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "key", rename_all = "snake_case")]
pub enum Dedupe {
    /// Triggers with this key fold into one open incident of the account.
    Key(String),
    /// Every trigger opens its own incident.
    None,
}

/// Everything a decider needs to open an incident, or to fold into one. Built by `response::plan`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// The plan as it was.
    pub plan: ResponsePlan,
    /// Its ARN.
    pub plan_arn: String,
    /// `incidentRecordSource.source`.
    pub source: String,
    /// The rule, alarm or resource that triggered.
    #[serde(default)]
    pub trigger_arn: Option<String>,
    /// When the cause happened, as far as the trigger knows.
    pub detected: Timestamp,
    /// The full raw event or data, untruncated; empty when there was none.
    #[serde(default)]
    pub raw: String,
    /// What the target's input made of it; `None` when it is the event itself.
    #[serde(default)]
    pub input: Option<String>,
    /// Title instead of the template's.
    #[serde(default)]
    pub title: Option<String>,
    /// Impact instead of the template's.
    #[serde(default)]
    pub impact: Option<i64>,
    /// Related items given with the start.
    #[serde(default)]
    pub related_items: Vec<RelatedItem>,
    /// ARNs (or ids) of the resources involved.
    #[serde(default)]
    pub involved_resources: Vec<String>,
    /// How it is told apart.
    pub dedupe: Dedupe,
    /// `clientToken` of `StartIncident`.
    #[serde(default)]
    pub client_token: Option<String>,
    /// ARN of the caller.
    pub caller_arn: String,
    /// Service principal that acted.
    #[serde(default)]
    pub invoked_by: Option<String>,
    /// Region whose runbooks and topics are meant.
    pub region: String,
}

impl Trigger {
    /// The claim that makes the deduplication key unique among the account's open incidents.
    #[must_use]
    pub fn dedupe_claim(&self) -> Option<ClaimWish> {
        let Dedupe::Key(key) = &self.dedupe else {
            return None;
        };
        Some(ClaimWish {
            scope: DEDUPE_CLAIM.to_owned(),
            key: key.clone(),
            expires: None,
        })
    }

    /// The claim that makes the client token unique for [`TOKEN_HOURS`].
    #[must_use]
    pub fn token_claim(&self, at: Timestamp) -> Option<ClaimWish> {
        let token = self
            .client_token
            .as_ref()
            .filter(|token| !token.is_empty())?;
        let expires = at
            .checked_add(jiff::SignedDuration::from_hours(TOKEN_HOURS))
            .ok();
        Some(ClaimWish {
            scope: START_TOKEN_CLAIM.to_owned(),
            key: token.clone(),
            expires,
        })
    }
}

/// The first `most` characters of a text.
#[must_use]
pub fn cut(text: &str, most: usize) -> &str {
    text.char_indices()
        .nth(most)
        .map_or(text, |(end, _)| text.get(..end).unwrap_or(text))
}

/// The ARN of an incident of `plan` in `scope`'s account.
#[must_use]
pub fn incident_arn(scope: &Scope, plan: &str, id: Uuid) -> String {
    format!(
        "arn:{}:ssm-incidents::{}:incident-record/{plan}/{id}",
        scope.partition(),
        scope.account
    )
}

/// The incident's id in its ARN.
#[must_use]
pub fn incident_id(arn: &str) -> Option<Uuid> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "ssm-incidents")?;
    let (_, id) = arn.tail("incident-record")?.rsplit_once('/')?;
    Uuid::parse_str(id).ok()
}
