//! Contacts, their plans and channels, in AWS's wire spelling (`ssm-contacts`), with every limit of the API.
//!
//! It must not know who is paged when: that is `response::engage`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::arn::Arn;
use crate::incident::epoch;
use crate::{Rejection, Scope};

mod limits;

pub use limits::check_tags;

/// Resource kind of contacts. Name: the alias.
pub const CONTACT: &str = "contact";
/// Resource kind of contact channels. Name: `<alias>/<uuid>`.
pub const CONTACT_CHANNEL: &str = "contact-channel";

/// Most stages of one plan. AWS has an unpublished quota; this one keeps an engagement's state small.
pub const STAGES: usize = 50;
/// Most targets of one stage.
pub const TARGETS: usize = 50;

/// What a contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ContactType {
    /// A person; stages target the person's channels.
    Personal,
    /// An escalation plan; stages target contacts.
    Escalation,
    /// An on-call schedule; rotations say who.
    #[serde(rename = "ONCALL_SCHEDULE")]
    OncallSchedule,
}

impl ContactType {
    /// The wire word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Personal => "PERSONAL",
            Self::Escalation => "ESCALATION",
            Self::OncallSchedule => "ONCALL_SCHEDULE",
        }
    }
}

/// A person, an escalation plan or a schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Contact {
    /// `arn:aws:ssm-contacts:<region>:<account>:contact/<alias>`.
    pub contact_arn: String,
    /// Immutable; the tail of the ARN.
    pub alias: String,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What it is.
    #[serde(rename = "Type")]
    pub kind: ContactType,
    /// Who or what is engaged, and when.
    #[serde(default)]
    pub plan: Plan,
    /// Tags; not part of `GetContact`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// The resource policy document; not part of `GetContact`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// A tag in the wire form of `ssm-contacts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Key.
    pub key: String,
    /// Value, not empty.
    pub value: String,
}

/// Stages in order, or the rotations of a schedule.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Plan {
    /// Stages in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stages: Option<Vec<Stage>>,
    /// Rotations of a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation_ids: Option<Vec<String>>,
}

impl Plan {
    /// The stages, none for a schedule.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        self.stages.as_deref().unwrap_or_default()
    }
}

/// Targets that are engaged together, and the time before the next stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stage {
    /// Minutes until the next stage, 0 to 30.
    pub duration_in_minutes: i64,
    /// Who or what is engaged.
    #[serde(default)]
    pub targets: Vec<Target>,
}

/// Exactly one of a channel or a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A channel of the same person.
    #[serde(rename = "ChannelTargetInfo")]
    Channel(ChannelTarget),
    /// A person or schedule.
    #[serde(rename = "ContactTargetInfo")]
    Contact(ContactTarget),
}

/// A channel as target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ChannelTarget {
    /// The channel's ARN.
    pub contact_channel_id: String,
    /// Minutes before a failed send is tried again, 0 to 60; absent or 0 means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_interval_in_minutes: Option<i64>,
}

/// A contact as target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContactTarget {
    /// The contact's ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<String>,
    /// Whether an acknowledgement stops the plan.
    pub is_essential: bool,
}

/// How a channel reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelType {
    /// Text message.
    Sms,
    /// Phone call.
    Voice,
    /// Mail.
    Email,
}

impl ChannelType {
    /// The wire word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Voice => "VOICE",
            Self::Email => "EMAIL",
        }
    }
}

/// Whether a channel may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActivationStatus {
    /// May be used.
    Activated,
    /// Waits for its code; never engaged.
    NotActivated,
}

/// A way to reach one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContactChannel {
    /// `arn:aws:ssm-contacts:<region>:<account>:contact-channel/<alias>/<uuid>`.
    pub contact_channel_arn: String,
    /// The person.
    pub contact_arn: String,
    /// Name for people.
    pub name: String,
    /// How it reaches the person.
    #[serde(rename = "Type")]
    pub kind: ChannelType,
    /// Where.
    pub delivery_address: DeliveryAddress,
    /// Whether it may be used.
    pub activation_status: ActivationStatus,
    /// SHA-256 of the code last sent, lower-case hex; never on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation_code_hash: Option<String>,
    /// When the code was sent.
    #[serde(
        default,
        with = "epoch::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub activation_code_sent: Option<Timestamp>,
    /// Wrong codes since then: after [`ACTIVATION_TRIES`] a new code is needed.
    #[serde(default)]
    pub activation_tries: u32,
}

/// Wrong codes after which a new one must be sent.
pub const ACTIVATION_TRIES: u32 = 10;
/// How long an activation code holds, in hours.
pub const ACTIVATION_HOURS: i64 = 24;

/// Where a channel leads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeliveryAddress {
    /// Phone number with `+` and country code, or mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simple_address: Option<String>,
}

impl Contact {
    /// ARNs of what the plan's stages target, in order.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.plan
            .stages()
            .iter()
            .flat_map(|stage| &stage.targets)
            .filter_map(|target| match target {
                Target::Channel(channel) => Some(channel.contact_channel_id.as_str()),
                Target::Contact(contact) => contact.contact_id.as_deref(),
            })
    }
}

impl ContactChannel {
    /// The address, empty when none is given.
    #[must_use]
    pub fn address(&self) -> &str {
        self.delivery_address
            .simple_address
            .as_deref()
            .unwrap_or_default()
    }

    /// Remembers (by its hash) the code that is sent now.
    pub fn expect_code(&mut self, code: &str, at: Timestamp) {
        self.activation_code_hash = Some(self.code_hash(code));
        self.activation_code_sent = Some(at);
        self.activation_tries = 0;
    }

    /// Activates the channel with a code. A wrong code is counted: the caller stores the channel in both cases.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] at `ActivationCode` for a wrong, old or exhausted code.
    pub fn activate(&mut self, code: &str, at: Timestamp) -> Result<(), Rejection> {
        if self.activation_status == ActivationStatus::Activated {
            return Ok(());
        }
        let field = "ActivationCode";
        let formed = (6..=10).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        if !formed {
            return Err(Rejection::invalid(field, "must be 6 to 10 digits"));
        }
        let fresh = self
            .activation_code_sent
            .is_some_and(|sent| at.duration_since(sent).as_hours() < ACTIVATION_HOURS);
        let Some(expected) = self.activation_code_hash.clone().filter(|_| fresh) else {
            return Err(Rejection::invalid(
                field,
                "no code is outstanding: call SendActivationCode",
            ));
        };
        if self.activation_tries >= ACTIVATION_TRIES {
            return Err(Rejection::invalid(
                field,
                "too many wrong codes: call SendActivationCode for a new one",
            ));
        }
        // Hashes are compared: how long the comparison takes says nothing about the code.
        if expected != self.code_hash(code) {
            self.activation_tries += 1;
            return Err(Rejection::invalid(
                field,
                "the activation code is not the one that was sent",
            ));
        }
        self.activation_status = ActivationStatus::Activated;
        self.activation_code_hash = None;
        self.activation_code_sent = None;
        Ok(())
    }

    /// Takes the channel out of use.
    pub fn deactivate(&mut self) {
        self.activation_status = ActivationStatus::NotActivated;
    }

    fn code_hash(&self, code: &str) -> String {
        let digest = Sha256::new()
            .chain_update(&self.contact_channel_arn)
            .chain_update(b"\0")
            .chain_update(code);
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// The ARN of the contact `alias` in `scope`.
#[must_use]
pub fn contact_arn(scope: &Scope, alias: &str) -> String {
    contacts_arn(scope, &format!("contact/{alias}"))
}

/// The ARN of the channel `id` of the contact `alias` in `scope`.
#[must_use]
pub fn channel_arn(scope: &Scope, alias: &str, id: Uuid) -> String {
    contacts_arn(scope, &format!("contact-channel/{alias}/{id}"))
}

/// The ARN of the engagement `id` of the contact `alias` in `scope`.
#[must_use]
pub fn engagement_arn(scope: &Scope, alias: &str, id: Uuid) -> String {
    contacts_arn(scope, &format!("engagement/{alias}/{id}"))
}

/// The ARN of the page `id` to the contact `alias` in `scope`.
#[must_use]
pub fn page_arn(scope: &Scope, alias: &str, id: Uuid) -> String {
    contacts_arn(scope, &format!("page/{alias}/{id}"))
}

fn contacts_arn(scope: &Scope, resource: &str) -> String {
    format!(
        "arn:{}:ssm-contacts:{}:{}:{resource}",
        scope.partition(),
        scope.region,
        scope.account
    )
}

/// The alias in the ARN of a contact, channel, engagement or page.
#[must_use]
pub fn alias_of(arn: &str) -> Option<String> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "ssm-contacts")?;
    let (_, tail) = arn.resource.split_once('/')?;
    let alias = tail.split('/').next()?;
    (!alias.is_empty()).then(|| alias.to_owned())
}

/// The UUID at the end of the ARN of a channel, engagement or page (`family`), or a bare UUID.
#[must_use]
pub fn id_of(text: &str, family: &str) -> Option<Uuid> {
    if let Ok(id) = Uuid::parse_str(text) {
        return Some(id);
    }
    let arn = Arn::parse(text).filter(|arn| arn.service == "ssm-contacts")?;
    let (_, id) = arn.tail(family)?.rsplit_once('/')?;
    Uuid::parse_str(id).ok()
}
