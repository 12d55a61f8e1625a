//! Response plans and the replication set, as stored and as they go over the wire, with every limit of the API.
//!
//! Member names are AWS's (`ssm-incidents`), so one struct is both the stored body and the answer of `GetResponsePlan`.
//! It must not know how an incident is opened from a plan: that is crate `response`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::arn::Arn;
use crate::incident::{self, epoch};
use crate::{Rejection, Scope};

/// Resource kind of response plans. Name: the plan's name. Stored in the region-less scope.
pub const RESPONSE_PLAN: &str = "response-plan";
/// Resource kind of the replication set. Name: its UUID. Stored in the region-less scope.
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

    /// Checks every limit and pattern of the API. The empty strings and maps that Terraform sends are accepted.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] with the member's path in wire spelling, e.g. `incidentTemplate.impact`.
    pub fn validate(&self) -> Result<(), Rejection> {
        let named = self
            .name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if self.name.is_empty() || self.name.len() > 200 || !named {
            return Err(Rejection::invalid(
                "name",
                "must be 1 to 200 letters, digits, `-` or `_`",
            ));
        }
        at_most("displayName", self.display_name.as_deref(), 200)?;
        self.incident_template.validate()?;
        check_count("engagements", self.engagements.len(), 5)?;
        for (index, arn) in self.engagements.iter().enumerate() {
            check_contact_arn(&format!("engagements[{index}]"), arn)?;
        }
        if let Some(channel) = &self.chat_channel {
            channel.validate()?;
        }
        check_count("actions", self.actions.len(), 1)?;
        for (index, Action::SsmAutomation(action)) in self.actions.iter().enumerate() {
            action.validate(&format!("actions[{index}].ssmAutomation"))?;
        }
        check_count("integrations", self.integrations.len(), 1)?;
        for (index, Integration::PagerDutyConfiguration(duty)) in
            self.integrations.iter().enumerate()
        {
            duty.validate(&format!("integrations[{index}].pagerDutyConfiguration"))?;
        }
        incident::check_tags("tags", &self.tags)
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

impl IncidentTemplate {
    fn validate(&self) -> Result<(), Rejection> {
        at_most("incidentTemplate.title", Some(&self.title), 200)?;
        check_impact("incidentTemplate.impact", self.impact)?;
        at_most("incidentTemplate.summary", self.summary.as_deref(), 8000)?;
        at_most(
            "incidentTemplate.dedupeString",
            self.dedupe_string.as_deref(),
            1000,
        )?;
        incident::check_tags("incidentTemplate.incidentTags", &self.incident_tags)?;
        check_targets(
            "incidentTemplate.notificationTargets",
            &self.notification_targets,
        )
    }
}

impl ChatChannel {
    /// Checks the number and length of the topics.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `chatChannel.chatbotSns`.
    pub fn validate(&self) -> Result<(), Rejection> {
        let Self::ChatbotSns(topics) = self else {
            return Ok(());
        };
        if topics.is_empty() || topics.len() > 5 {
            let message = format!(
                "must hold 1 to 5 SNS topic ARNs, but holds {}",
                topics.len()
            );
            return Err(Rejection::invalid("chatChannel.chatbotSns", message));
        }
        for (index, topic) in topics.iter().enumerate() {
            check_arn(&format!("chatChannel.chatbotSns[{index}]"), topic)?;
        }
        Ok(())
    }

    /// The topics, none for `empty`.
    #[must_use]
    pub fn topics(&self) -> &[String] {
        match self {
            Self::ChatbotSns(topics) => topics,
            Self::Empty {} => &[],
        }
    }
}

impl SsmAutomation {
    fn validate(&self, path: &str) -> Result<(), Rejection> {
        let length = self.document_name.chars().count();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        if !(3..=128).contains(&length) || !self.document_name.chars().all(allowed) {
            let message = "must be 3 to 128 letters, digits or `_-.:/`";
            return Err(Rejection::invalid(format!("{path}.documentName"), message));
        }
        at_most(
            &format!("{path}.documentVersion"),
            self.document_version.as_deref(),
            128,
        )?;
        let role = Arn::parse(&self.role_arn).filter(|arn| {
            arn.service == "iam" && arn.tail("role").is_some_and(|tail| !tail.is_empty())
        });
        if role.is_none() || self.role_arn.chars().count() > 1000 {
            let message = "must be the ARN of an IAM role, `arn:aws:iam::<account>:role/<name>`";
            return Err(Rejection::invalid(format!("{path}.roleArn"), message));
        }
        check_count(&format!("{path}.parameters"), self.parameters.len(), 200)?;
        check_count(
            &format!("{path}.dynamicParameters"),
            self.dynamic_parameters.len(),
            200,
        )?;
        for key in self.parameters.keys().chain(self.dynamic_parameters.keys()) {
            if key.is_empty() || key.chars().count() > 50 {
                let message = format!(
                    "the name `{}` must have 1 to 50 characters",
                    incident::cut(key, 60)
                );
                return Err(Rejection::invalid(format!("{path}.parameters"), message));
            }
        }
        for (key, values) in &self.parameters {
            let field = format!("{path}.parameters.{key}");
            check_count(&field, values.len(), 100)?;
            for value in values {
                at_most(&field, Some(value), 512)?;
            }
        }
        Ok(())
    }
}

impl PagerDuty {
    fn validate(&self, path: &str) -> Result<(), Rejection> {
        let service = &self.pager_duty_incident_configuration.service_id;
        let members = [
            ("name", &self.name, 200),
            ("secretId", &self.secret_id, 512),
            ("pagerDutyIncidentConfiguration.serviceId", service, 200),
        ];
        for (member, text, most) in members {
            let field = format!("{path}.{member}");
            if text.is_empty() {
                return Err(Rejection::invalid(field, "must not be empty"));
            }
            at_most(&field, Some(text), most)?;
        }
        Ok(())
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

impl ReplicationSet {
    /// Checks the regions (1 to 3, names to 20 characters) and the tags.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `regions` or `tags`.
    pub fn validate(&self) -> Result<(), Rejection> {
        if self.region_map.is_empty() || self.region_map.len() > 3 {
            let message = format!(
                "must name 1 to 3 regions, but names {}",
                self.region_map.len()
            );
            return Err(Rejection::invalid("regions", message));
        }
        for (name, region) in &self.region_map {
            let plain = name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if name.is_empty() || name.len() > 20 || !plain {
                let message = format!(
                    "`{}` is not a region name such as `us-east-1`",
                    incident::cut(name, 40)
                );
                return Err(Rejection::invalid("regions", message));
            }
            at_most(
                &format!("regions.{name}.sseKmsKeyId"),
                Some(&region.sse_kms_key_id),
                2048,
            )?;
        }
        incident::check_tags("tags", &self.tags)
    }
}

/// Refuses an impact outside 1 to 5.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_impact(field: &str, impact: i64) -> Result<(), Rejection> {
    if (1..=5).contains(&impact) {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must be 1 (critical) to 5 (no impact), but is {impact}"),
    ))
}

/// Refuses more than ten topics, or topics that are no ARNs.
///
/// # Errors
/// [`Rejection::Invalid`] at `field` or at one of its items.
pub fn check_targets(field: &str, targets: &[NotificationTarget]) -> Result<(), Rejection> {
    check_count(field, targets.len(), 10)?;
    for (index, NotificationTarget::SnsTopicArn(arn)) in targets.iter().enumerate() {
        check_arn(&format!("{field}[{index}].snsTopicArn"), arn)?;
    }
    Ok(())
}

/// Refuses what is no ARN of at most 1,000 characters.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_arn(field: &str, text: &str) -> Result<(), Rejection> {
    if text.chars().count() > 1000 || Arn::parse(text).is_none() {
        let message = format!(
            "`{}` is not an ARN of at most 1000 characters",
            incident::cut(text, 80)
        );
        return Err(Rejection::invalid(field, message));
    }
    Ok(())
}

/// Refuses text of more than `most` characters.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn at_most(field: &str, text: Option<&str>, most: usize) -> Result<(), Rejection> {
    let length = text.map_or(0, |text| text.chars().count());
    if length <= most {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must have at most {most} characters, but has {length}"),
    ))
}

/// Refuses more than `most` members.
///
/// # Errors
/// [`Rejection::Invalid`] at `field`.
pub fn check_count(field: &str, count: usize, most: usize) -> Result<(), Rejection> {
    if count <= most {
        return Ok(());
    }
    Err(Rejection::invalid(
        field,
        format!("must have at most {most} members, but has {count}"),
    ))
}

fn check_contact_arn(field: &str, text: &str) -> Result<(), Rejection> {
    let alias = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let arn = Arn::parse(text).filter(|arn| {
        let account = arn.account.len() == 12 && arn.account.bytes().all(|b| b.is_ascii_digit());
        let contact = arn
            .tail("contact")
            .is_some_and(|tail| !tail.is_empty() && tail.chars().all(alias));
        arn.service == "ssm-contacts" && account && contact
    });
    if arn.is_some() {
        return Ok(());
    }
    let message = format!(
        "`{}` is not the ARN of a contact, `arn:aws:ssm-contacts:<region>:<account>:contact/<alias>`",
        incident::cut(text, 80)
    );
    Err(Rejection::invalid(field, message))
}
