//! Incident records, timeline events, related items and triggers, in AWS's wire spelling (`ssm-incidents`).
//!
//! One struct is both the stored body and the answer on the wire. It must not know when they change: that is
//! `response::incident`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::arn::Arn;
use crate::plan::{self, ChatChannel, NotificationTarget, ResponsePlan};
use crate::{ClaimWish, Rejection, Scope};

/// Claim family of deduplication keys.
pub const DEDUPE_CLAIM: &str = "incident-dedupe";
/// Claim family of `StartIncident` client tokens.
pub const START_TOKEN_CLAIM: &str = "client-token/StartIncident";
/// How long a client token is remembered, in hours.
pub const TOKEN_HOURS: i64 = 24;

/// Instants as AWS writes them in JSON: seconds since 1970 with milliseconds, a number.
pub mod epoch {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    /// The instant cut to whole milliseconds: what is kept and what the wire shows.
    #[must_use]
    pub fn to_millis(at: Timestamp) -> Timestamp {
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
    }

    /// Seconds since 1970 with milliseconds.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds of the years 0 to 9999 stay below 2^53"
    )]
    pub fn seconds(at: Timestamp) -> f64 {
        at.as_millisecond() as f64 / 1000.0
    }

    /// The instant of `seconds` since 1970, to the millisecond; `None` outside the years -9999 to 9999.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float cast saturates and the range is checked behind it"
    )]
    pub fn parse(seconds: f64) -> Option<Timestamp> {
        if !seconds.is_finite() {
            return None;
        }
        Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok()
    }

    /// Writes a number.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(seconds(*at))
    }

    /// Reads a number.
    ///
    /// # Errors
    /// When it is no number or out of range.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        parse(seconds).ok_or_else(|| de::Error::custom("the timestamp is out of range"))
    }

    /// The same for an instant that may be absent.
    pub mod option {
        use jiff::Timestamp;
        use serde::{Deserialize, Deserializer, Serializer, de};

        /// Writes a number or null.
        ///
        /// # Errors
        /// Those of the serializer.
        #[expect(
            clippy::ref_option,
            reason = "serde's `with` passes the field by reference"
        )]
        pub fn serialize<S: Serializer>(
            at: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match at {
                Some(at) => serializer.serialize_f64(super::seconds(*at)),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a number or null.
        ///
        /// # Errors
        /// When it is no number or out of range.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let Some(seconds) = Option::<f64>::deserialize(deserializer)? else {
                return Ok(None);
            };
            let at = super::parse(seconds)
                .ok_or_else(|| de::Error::custom("the timestamp is out of range"))?;
            Ok(Some(at))
        }
    }
}

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

impl TriggerDetails {
    /// Checks lengths and the ARN.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `triggerDetails`.
    pub fn validate(&self) -> Result<(), Rejection> {
        plan::at_most("triggerDetails.source", Some(&self.source), 50)?;
        plan::at_most(
            "triggerDetails.rawData",
            self.raw_data.as_deref(),
            plan::RAW_DATA_CHARS,
        )?;
        self.trigger_arn.as_deref().map_or(Ok(()), |arn| {
            plan::check_arn("triggerDetails.triggerArn", arn)
        })
    }
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

impl RelatedItem {
    /// Checks title and identifier.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `field`.
    pub fn validate(&self, field: &str) -> Result<(), Rejection> {
        plan::at_most(&format!("{field}.title"), self.title.as_deref(), 200)?;
        self.identifier.validate(&format!("{field}.identifier"))
    }
}

impl ItemIdentifier {
    /// Checks the value.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] below `field`.
    pub fn validate(&self, field: &str) -> Result<(), Rejection> {
        match &self.value {
            ItemValue::Arn(arn) => plan::check_arn(&format!("{field}.value.arn"), arn),
            ItemValue::Url(url) => plan::at_most(&format!("{field}.value.url"), Some(url), 1000),
            ItemValue::MetricDefinition(text) => {
                plan::at_most(&format!("{field}.value.metricDefinition"), Some(text), 4000)
            }
            ItemValue::PagerDutyIncidentDetail(detail) => {
                let field = format!("{field}.value.pagerDutyIncidentDetail");
                if detail.id.is_empty() {
                    return Err(Rejection::invalid(
                        format!("{field}.id"),
                        "must not be empty",
                    ));
                }
                plan::at_most(&format!("{field}.id"), Some(&detail.id), 200)?;
                plan::at_most(
                    &format!("{field}.secretId"),
                    detail.secret_id.as_deref(),
                    512,
                )
            }
        }
    }
}

/// Checks a timeline event's references: at most ten, ARNs or generated ids.
///
/// # Errors
/// [`Rejection::Invalid`] at `eventReferences` or at one of its items.
pub fn check_references(references: &[EventReference]) -> Result<(), Rejection> {
    plan::check_count("eventReferences", references.len(), 10)?;
    for (index, reference) in references.iter().enumerate() {
        match reference {
            EventReference::Resource(arn) => {
                plan::check_arn(&format!("eventReferences[{index}].resource"), arn)?
            }
            EventReference::RelatedItemId(id) => {
                let field = format!("eventReferences[{index}].relatedItemId");
                if !is_generated_id(id) {
                    return Err(Rejection::invalid(
                        field,
                        "must be the `generatedId` of a related item",
                    ));
                }
            }
        }
    }
    Ok(())
}

fn is_generated_id(id: &str) -> bool {
    let Some((kind, hex)) = id
        .strip_prefix("related-item/")
        .and_then(|rest| rest.split_once('/'))
    else {
        return false;
    };
    let kinds =
        "ANALYSIS INCIDENT METRIC PARENT ATTACHMENT OTHER AUTOMATION INVOLVED_RESOURCE TASK";
    let hex_digit = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    kinds.split(' ').any(|known| known == kind) && hex.len() == 32 && hex.bytes().all(hex_digit)
}

/// Checks the tags of a plan, replication set or incident: at most 50, keys 1 to 128 characters without the prefix
/// `aws:`, values to 256 characters (empty allowed).
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_tags(field: &str, tags: &BTreeMap<String, String>) -> Result<(), Rejection> {
    plan::check_count(field, tags.len(), 50)?;
    // The model's class `[A-Za-z0-9 _=@:.+-/]` holds the range `+` to `/`, which includes the comma.
    let allowed = |c: char| c.is_ascii_alphanumeric() || " _=@:.+,-/".contains(c);
    for (key, value) in tags {
        if key.is_empty()
            || key.chars().count() > 128
            || key.starts_with("aws:")
            || !key.chars().all(allowed)
        {
            let message = format!(
                "the tag key `{}` must be 1 to 128 letters, digits, spaces or `_=@:.+,-/` and not start with `aws:`",
                cut(key, 60)
            );
            return Err(Rejection::invalid(field, message));
        }
        if value.chars().count() > 256 || !value.chars().all(allowed) {
            let message = format!(
                "the value of the tag `{}` must be at most 256 letters, digits, spaces or `_=@:.+,-/`",
                cut(key, 60)
            );
            return Err(Rejection::invalid(field, message));
        }
    }
    Ok(())
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
