//! The engagement machine: who is paged when, and when paging stops.
//!
//! One aggregate holds a whole tree: the contact engaged and, for an escalation plan, every person below it.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` | paging (or ended: nobody can be reached) | `Send`…, `SetTimer`…, `NotifyIncident` |
//! | paging | `Timer(escalation/<i>)` | stage i's people start | `Send`…, `SetTimer`… |
//! | paging | `Timer(person/<n>/<i>)` | person n's stage i starts | `Send`…, `SetTimer` |
//! | paging | `Timer(retry/<page>)` | the failed page is sent again | `Send` |
//! | paging | `Timer(unanswered)` | same, nobody answered | `NotifyIncident` |
//! | any | `Sent` | receipt SENT or ERROR | `NotifyIncident`, `SetTimer(retry/…)` |
//! | any | `Accept` READ | the person's stages stop; an essential answer ends it | `CancelTimer`…, `NotifyIncident` |
//! | paging | `Stop` | ended | `CancelTimer`…, `NotifyIncident` |
//! | ended | `Start`, `Stop`, `Timer` | same | – |
//!
//! A stage begins at the sum of the durations before it, counted from the start and not from when its timer fired:
//! a late timer never delays the stages behind it. It must not know how a mail is sent or what an incident is.

mod accept;
mod directory;
mod mail;
mod pages;
mod progress;
mod start;
mod state;
mod wrap_up;

pub use directory::Directory;
pub use state::{Engagement, Hop, Page, Person, Receipt, ReceiptType, Stopped};

use jiff::Timestamp;
use model::{Decision, EffectCommand, Outcome, Rejection};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use model::Context;

/// What can happen to an engagement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin. Replies `{EngagementArn}`.
    Start(Box<Start>),
    /// A timer that was set is due.
    Timer {
        /// Its key.
        key: String,
    },
    /// `AcceptPage`. Replies `{}`.
    Accept(Accept),
    /// `StopEngagement`, or the incident was resolved. Replies `{}`.
    Stop {
        /// Why.
        #[serde(default)]
        reason: Option<String>,
    },
    /// A send ended.
    Sent {
        /// The effect's id.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
}

/// Whom to engage and what to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Contact, escalation plan or schedule.
    pub contact_arn: String,
    /// Who asks: decides what happens when nobody can be reached.
    pub asker: Asker,
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
    /// `IncidentId` as given: an ARN or any text.
    #[serde(default)]
    pub incident_id: Option<String>,
    /// `IdempotencyToken`.
    #[serde(default)]
    pub token: Option<String>,
}

/// Who asks for an engagement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Asker {
    /// A caller of `StartEngagement`: is refused when nobody can be reached.
    Person,
    /// An incident: is told when nobody can be reached.
    Incident {
        /// Which.
        incident: Uuid,
    },
}

/// `AcceptPage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Which page.
    pub page: Uuid,
    /// The channel that the answer came by.
    #[serde(default)]
    pub channel_arn: Option<String>,
    /// Delivered or read.
    pub accept_type: AcceptType,
    /// The code, 6 to 10 digits.
    pub code: String,
    /// Whether the code must be right.
    #[serde(default)]
    pub validation: AcceptCodeValidation,
    /// Words for the receipt.
    #[serde(default)]
    pub note: Option<String>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AcceptType {
    /// The page arrived.
    Delivered,
    /// A person has read it: the acknowledgement.
    Read,
}

/// Whether the code of an answer must be right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AcceptCodeValidation {
    /// Any code will do.
    Ignore,
    /// It must be the one that was sent.
    #[default]
    Enforce,
}

/// All that an engagement asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Send a page.
    Send {
        /// Id of the effect; comes back in [`Input::Sent`].
        effect: Uuid,
        /// What to send.
        command: EffectCommand,
    },
    /// Set a timer; one of the same key is replaced.
    SetTimer {
        /// Key, comes back in [`Input::Timer`].
        key: String,
        /// When.
        due: Timestamp,
    },
    /// Cancel a timer; a missing one is no error.
    CancelTimer {
        /// Key.
        key: String,
    },
    /// Tell the incident.
    NotifyIncident {
        /// Which.
        incident: Uuid,
        /// What.
        notice: EngagementNotice,
    },
}

/// What an engagement tells its incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EngagementNotice {
    /// A page went out.
    PageSent(PageNotice),
    /// A page could not go out.
    PageFailed {
        /// Which.
        page: PageNotice,
        /// Why, one line.
        reason: String,
    },
    /// A person acknowledged.
    Acknowledged(PageNotice),
    /// The whole plan ran and nobody acknowledged; the pages can still be.
    Unanswered(EndNotice),
    /// Nothing more will be sent.
    Ended(EndNotice),
}

/// The end of an engagement, or of its plan, in a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndNotice {
    /// The engagement.
    pub engagement: Uuid,
    /// Its ARN.
    pub engagement_arn: String,
    /// Who was engaged.
    pub contact_arn: String,
    /// When.
    pub at: Timestamp,
    /// Why, one line.
    pub reason: String,
}

/// A page in a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageNotice {
    /// The engagement.
    pub engagement: Uuid,
    /// Its ARN.
    pub engagement_arn: String,
    /// The page's ARN.
    pub page_arn: String,
    /// The person paged.
    pub contact_arn: String,
    /// When.
    pub at: Timestamp,
}

/// Decides what an input makes of an engagement. `directory` holds the contacts and channels that the engagement
/// refers to ([`Directory::missing`] says which); what it lacks counts as deleted.
///
/// # Errors
/// [`Rejection::NotFound`] without a state or for an unknown page or contact, [`Rejection::Invalid`] for a wrong code
/// or a contact that cannot be engaged, [`Rejection::Conflict`] for a token with other parameters.
pub fn step(
    state: Option<&Engagement>,
    input: Input,
    directory: &Directory,
    cx: &Context,
) -> Result<Decision<Engagement, Command>, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Start(start) => start::start(*start, directory, cx),
            Input::Accept(accept) => Err(Rejection::not_found("PAGE", accept.page.to_string())),
            _ => Err(Rejection::not_found("ENGAGEMENT", cx.id.to_string())),
        };
    };
    match input {
        Input::Start(start) => start::again(state, &start),
        Input::Timer { key } => Ok(progress::timer(state, &key, directory, cx)),
        Input::Accept(accept) => accept::accept(state, &accept, directory, cx),
        Input::Stop { reason } => Ok(wrap_up::stop(state, reason, cx)),
        Input::Sent { effect, outcome } => Ok(pages::sent(state, effect, &outcome, cx)),
    }
}
