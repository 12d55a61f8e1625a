//! What an engagement remembers between turns.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::Scope;
use model::contact::{ChannelType, ContactType, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use model::frames::{self, RestoreError};

/// An engagement: the root frame, and its pages as frames `page/<uuid>`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Engagement {
    /// The aggregate's id.
    pub id: Uuid,
    /// Whose it is; the region is that of the contact.
    pub scope: Scope,
    /// `arn:aws:ssm-contacts:<region>:<account>:engagement/<alias>/<uuid>`.
    pub arn: String,
    /// Contact, escalation plan or schedule engaged.
    pub contact_arn: String,
    /// `Sender`.
    pub sender: String,
    /// One line for mail and phone.
    pub subject: String,
    /// Text for mail and phone.
    pub content: String,
    /// One line that may be seen by others.
    #[serde(default)]
    pub public_subject: Option<String>,
    /// Text that may be seen by others.
    #[serde(default)]
    pub public_content: Option<String>,
    /// `IncidentId` as given.
    #[serde(default)]
    pub incident_id: Option<String>,
    /// The incident that is told.
    #[serde(default)]
    pub incident: Option<Uuid>,
    /// When it began.
    pub started: Timestamp,
    /// When and why it ended.
    #[serde(default)]
    pub stopped: Option<Stopped>,
    /// When the whole plan had run without an answer.
    #[serde(default)]
    pub unanswered: Option<Timestamp>,
    /// The escalation plan as it was at the start; `None` for a person.
    #[serde(default)]
    pub escalation: Option<Escalation>,
    /// People engaged so far.
    #[serde(default)]
    pub people: Vec<Person>,
    /// Keys of the timers that are set.
    #[serde(default)]
    pub timers: BTreeSet<String>,
    /// Digest of the start request, to tell a repetition from another request.
    pub request: Uuid,
    /// Pages by id; each a frame of its own.
    #[serde(skip)]
    pub pages: BTreeMap<Uuid, Page>,
}

/// The end of an engagement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// When.
    pub at: Timestamp,
    /// Why, one line.
    pub reason: String,
}

/// An escalation plan on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// Its stages as they were at the start.
    pub stages: Vec<Stage>,
    /// The stage that starts next.
    pub next: usize,
}

/// One person's plan on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub contact_arn: String,
    /// The alias in the ARN.
    pub alias: String,
    /// How the engagement came to this person.
    pub path: Vec<Hop>,
    /// Whether an acknowledgement ends the engagement.
    pub essential: bool,
    /// The person's stages as they were when the person was engaged.
    pub stages: Vec<Stage>,
    /// The stage that starts next.
    pub next: usize,
    /// When the first stage began.
    pub started: Timestamp,
    /// When the person acknowledged.
    #[serde(default)]
    pub acknowledged: Option<Timestamp>,
}

/// One node on the way from the contact engaged to a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The contact.
    pub contact_arn: String,
    /// Its type.
    pub kind: ContactType,
    /// The stage, from 0.
    pub stage: usize,
}

/// One message to one channel, with all its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Id.
    pub id: Uuid,
    /// `arn:aws:ssm-contacts:<region>:<account>:page/<alias>/<uuid>`.
    pub arn: String,
    /// Index into [`Engagement::people`].
    pub person: usize,
    /// The person's stage that it belongs to, from 0.
    pub stage: usize,
    /// Channel.
    pub channel_arn: String,
    /// Type of the channel.
    pub channel: ChannelType,
    /// Address, as it was when the page was started.
    pub address: String,
    /// The code that acknowledges.
    pub code: String,
    /// When it was started.
    pub started: Timestamp,
    /// Minutes before a failed send is tried again; 0 is never.
    pub retry_minutes: i64,
    /// Sends so far.
    pub attempts: u32,
    /// The send whose outcome is awaited.
    #[serde(default)]
    pub in_flight: Option<Uuid>,
    /// When it was handed over.
    #[serde(default)]
    pub sent: Option<Timestamp>,
    /// When it arrived.
    #[serde(default)]
    pub delivered: Option<Timestamp>,
    /// When it was acknowledged.
    #[serde(default)]
    pub read: Option<Timestamp>,
    /// What happened to it, oldest first.
    #[serde(default)]
    pub receipts: Vec<Receipt>,
}

/// One thing that happened to a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What.
    pub kind: ReceiptType,
    /// Provider's message id, accept code or note, or the error.
    #[serde(default)]
    pub info: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The channel.
    pub channel_arn: String,
}

/// What happened to a page, in the wire's alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReceiptType {
    /// It arrived.
    Delivered,
    /// It could not be sent.
    Error,
    /// It was acknowledged.
    Read,
    /// It was handed over.
    Sent,
    /// The engagement ended before an answer.
    Stop,
}

impl ReceiptType {
    /// The wire word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "DELIVERED",
            Self::Error => "ERROR",
            Self::Read => "READ",
            Self::Sent => "SENT",
            Self::Stop => "STOP",
        }
    }
}

impl Engagement {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, or a frame is newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut state: Self = frames::root(&frames)?;
        for (key, body) in frames {
            if key.starts_with("page/") {
                let page: Page = frames::read(&key, body)?;
                state.pages.insert(page.id, page);
            }
        }
        Ok(state)
    }

    /// The contact that a page goes to.
    #[must_use]
    pub fn contact_of(&self, page: &Page) -> &str {
        self.people
            .get(page.person)
            .map_or(&self.contact_arn, |person| &person.contact_arn)
    }
}
