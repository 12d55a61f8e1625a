//! The incident machine: one record from its first trigger to its removal.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Trigger` | open | `StartRun`, `Engage`…, `PublishSns`… |
//! | open | `Trigger` | open (folded: an event, no second run, nobody paged again) | – |
//! | resolved | `Trigger` | [`Rejection::Closed`]: the engine opens a new one | – |
//! | open | `Update{status: RESOLVED}` | resolved, key released | `StopEngagement`…, `PublishSns`… |
//! | resolved | `Update{status: OPEN}` | open, key claimed again | `PublishSns`… |
//! | any | other `Update`, timeline, related items, tags | same | `PublishSns`… for `Update` |
//! | any | `Run`, `Engagement` | same, with timeline events and times | `PublishSns`… for an acknowledgement |
//! | any | `Delete` | gone: the root frame is deleted | `StopEngagement`… |
//!
//! It must not know how a run or an engagement works: they meet only through [`Input`] and [`Command`].

mod open;
mod record;
mod related;
mod reports;
mod state;
mod timeline;
mod turn;

pub use state::{
    EVENT_FRAMES, EngagementRef, Incident, Moments, RawTrigger, RunRef, Times, read_event,
};

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::incident::{
    EventReference, IncidentStatus, RelatedItemsUpdate, TimelineEvent, Trigger, epoch,
};
use model::plan::{ChatChannel, NotificationTarget};
use model::report::{RunReport, StartRun};
use model::{Decision, Rejection};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::engage::{Asker, EngagementNotice, Start};
use model::Context;

/// What can happen to an incident. Reports and notices bring a tag of their own, hence the body apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
pub enum Input {
    /// A rule, an alarm or a caller triggers a response plan.
    Trigger(Box<Trigger>),
    /// `UpdateIncidentRecord`.
    Update(Update),
    /// `CreateTimelineEvent`. Replies `{eventId, incidentRecordArn}`.
    CreateTimelineEvent(NewTimelineEvent),
    /// `UpdateTimelineEvent`.
    UpdateTimelineEvent(TimelineEventPatch),
    /// `DeleteTimelineEvent`; a missing event is no error.
    DeleteTimelineEvent {
        /// Which.
        event_id: Uuid,
        /// The frame `event/<id>` as stored.
        #[serde(default)]
        existing: Option<TimelineEvent>,
    },
    /// `UpdateRelatedItems`.
    UpdateRelatedItems {
        /// What to add or remove.
        update: RelatedItemsUpdate,
        /// ARN of the caller.
        by: String,
        /// `clientToken`.
        #[serde(default)]
        client_token: Option<String>,
    },
    /// `TagResource`.
    Tag {
        /// Tags set.
        tags: BTreeMap<String, String>,
    },
    /// `UntagResource`.
    Untag {
        /// Keys removed.
        keys: Vec<String>,
    },
    /// `DeleteIncidentRecord`.
    Delete,
    /// A run of this incident tells how it goes.
    Run(RunReport),
    /// An engagement of this incident tells how it goes.
    Engagement(EngagementNotice),
}

/// `UpdateIncidentRecord`: absent members stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// What changes.
    pub patch: RecordPatch,
    /// ARN of the caller.
    pub by: String,
    /// `clientToken`.
    #[serde(default)]
    pub client_token: Option<String>,
}

/// The members that `UpdateIncidentRecord` can change, in wire spelling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordPatch {
    /// New title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// New summary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// New impact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impact: Option<i64>,
    /// New status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<IncidentStatus>,
    /// New chat channel; `{"empty":{}}` removes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat_channel: Option<ChatChannel>,
    /// New topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_targets: Option<Vec<NotificationTarget>>,
}

/// `CreateTimelineEvent`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewTimelineEvent {
    /// `Custom Event`, `Note` or another text that does not start with `SSM `.
    pub event_type: String,
    /// Data, kept verbatim.
    pub event_data: String,
    /// When it happened; may lie before the incident.
    #[serde(with = "epoch")]
    pub event_time: Timestamp,
    /// What it refers to.
    #[serde(default)]
    pub event_references: Vec<EventReference>,
    /// `clientToken`.
    #[serde(default)]
    pub client_token: Option<String>,
}

/// `UpdateTimelineEvent`: absent members stay as they are, references are replaced as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEventPatch {
    /// Which.
    pub event_id: Uuid,
    /// The frame `event/<id>` as stored, given by whoever loads it.
    #[serde(default)]
    pub existing: Option<TimelineEvent>,
    /// New data.
    #[serde(default)]
    pub event_data: Option<String>,
    /// New type.
    #[serde(default)]
    pub event_type: Option<String>,
    /// New time.
    #[serde(default, with = "epoch::option")]
    pub event_time: Option<Timestamp>,
    /// New references.
    #[serde(default)]
    pub event_references: Option<Vec<EventReference>>,
    /// `clientToken`.
    #[serde(default)]
    pub client_token: Option<String>,
}

/// All that an incident asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Start an engagement (an input `engage::Input::Start` of the aggregate `engagement`).
    Engage(Engage),
    /// Stop an engagement.
    StopEngagement {
        /// Which.
        engagement: Uuid,
        /// Why, for its record.
        reason: String,
    },
    /// Start a run.
    StartRun {
        /// Id of the run to be.
        run: Uuid,
        /// What to run.
        request: Box<StartRun>,
    },
    /// Publish to an SNS topic.
    PublishSns(PublishSns),
}

/// A wish to engage a contact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engage {
    /// Id of the engagement to be.
    pub engagement: Uuid,
    /// Whom.
    pub contact_arn: String,
    /// The incident.
    pub incident_id: Uuid,
    /// Its ARN.
    pub incident_arn: String,
    /// One line for mail and phone.
    pub subject: String,
    /// Text for mail and phone.
    pub content: String,
    /// One line that may be seen by others (SMS).
    pub public_subject: String,
    /// Text that may be seen by others (SMS).
    pub public_content: String,
    /// Who asks.
    pub sender: String,
}

impl Engage {
    /// The input that starts the engagement.
    #[must_use]
    pub fn start(self) -> Start {
        Start {
            contact_arn: self.contact_arn,
            asker: Asker::Incident {
                incident: self.incident_id,
            },
            sender: self.sender,
            subject: self.subject,
            content: self.content,
            public_subject: Some(self.public_subject),
            public_content: Some(self.public_content),
            incident_id: Some(self.incident_arn),
            token: None,
        }
    }
}

/// A wish to publish to an SNS topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishSns {
    /// Id of the effect.
    pub effect: Uuid,
    /// Topic.
    pub topic_arn: String,
    /// Region of the topic.
    pub region: String,
    /// Subject, at most 100 characters.
    pub subject: String,
    /// JSON text in EventBridge's envelope.
    pub message: String,
}

/// Decides what an input makes of an incident.
///
/// # Errors
/// [`Rejection::NotFound`] for any input but a trigger without a state, [`Rejection::Closed`] for a trigger of a
/// resolved incident, [`Rejection::Invalid`] with the member at fault, [`Rejection::Conflict`] for a client token
/// with other parameters, [`Rejection::Quota`] at a limit.
pub fn step(
    state: Option<&Incident>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Incident, Command>, Rejection> {
    let Some(state) = state.filter(|state| !state.deleted) else {
        return match input {
            Input::Trigger(trigger) => open::open(*trigger, cx),
            _ => Err(Rejection::not_found("INCIDENT_RECORD", cx.id.to_string())),
        };
    };
    match input {
        Input::Trigger(trigger) => open::fold(state, *trigger, cx),
        Input::Update(update) => record::update(state, update, cx),
        Input::CreateTimelineEvent(event) => timeline::create(state, event, cx),
        Input::UpdateTimelineEvent(patch) => timeline::update(state, patch, cx),
        Input::DeleteTimelineEvent { event_id, existing } => {
            timeline::delete(state, event_id, existing, cx)
        }
        Input::UpdateRelatedItems {
            update,
            by,
            client_token,
        } => related::update(state, update, related::Asker { by, client_token }, cx),
        Input::Tag { tags } => record::tag(state, tags, cx),
        Input::Untag { keys } => record::untag(state, &keys, cx),
        Input::Delete => Ok(record::delete(state, cx)),
        Input::Run(report) => Ok(reports::run(state, report, cx)),
        Input::Engagement(notice) => Ok(reports::engagement(state, notice, cx)),
    }
}
