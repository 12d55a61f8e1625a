//! What an incident remembers between turns: its record and what hangs on it, without the timeline.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::Scope;
use model::incident::{IncidentRecord, RelatedItem, TimelineEvent};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::recall::Recall;
use model::frames::{self, RestoreError};

/// An incident's root state. Timeline events are frames `event/<uuid>`, raw triggers frames `trigger/<n>`;
/// neither is held here, so that a long timeline costs a turn nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The aggregate's id, the UUID at the end of the ARN.
    pub id: Uuid,
    /// Whose it is.
    pub scope: Scope,
    /// The record as the wire shows it.
    pub record: IncidentRecord,
    /// ARN of the plan it was opened from.
    pub plan_arn: String,
    /// Region of its runbook and engagements.
    pub region: String,
    /// Related items, at most 100, oldest first.
    #[serde(default)]
    pub related: Vec<RelatedItem>,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// The deduplication key that it claims while open.
    #[serde(default)]
    pub dedupe_key: Option<String>,
    /// Triggers seen, the first included.
    #[serde(default)]
    pub triggers: u32,
    /// Timeline events written so far: the next one's sequence number.
    #[serde(default)]
    pub sequence: u64,
    /// Engagements started.
    #[serde(default)]
    pub engagements: Vec<EngagementRef>,
    /// Runs started.
    #[serde(default)]
    pub runs: Vec<RunRef>,
    /// The instants that the times are computed from.
    pub moments: Moments,
    /// Whether a delete was decided; such a state is never stored.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deleted: bool,
    /// Client tokens.
    #[serde(default)]
    pub(crate) recall: Recall,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// An engagement that the incident started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngagementRef {
    /// Its id.
    pub id: Uuid,
    /// Who is engaged.
    pub contact_arn: String,
    /// Whether it ended.
    #[serde(default)]
    pub ended: bool,
    /// When it was first acknowledged.
    #[serde(default)]
    pub acknowledged: Option<Timestamp>,
}

/// A run that tells this incident how it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRef {
    /// Execution id.
    pub id: Uuid,
    /// Document name.
    pub document: String,
    /// `Pending` until it started, then the automation status.
    pub status: String,
}

/// The instants that the times are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moments {
    /// When the cause happened, as far as its first trigger knows (for GuardDuty `service.eventFirstSeen`).
    pub detected: Timestamp,
    /// When the incident was opened.
    pub opened: Timestamp,
    /// When the first page was sent.
    #[serde(default)]
    pub first_page: Option<Timestamp>,
    /// When the first page was acknowledged.
    #[serde(default)]
    pub first_ack: Option<Timestamp>,
    /// When the first run for this incident ended with `Success`.
    #[serde(default)]
    pub contained: Option<Timestamp>,
    /// When it was resolved.
    #[serde(default)]
    pub resolved: Option<Timestamp>,
}

/// One trigger as it came: the body of a frame `trigger/<n>`, n from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawTrigger {
    /// When it was taken.
    pub at: Timestamp,
    /// `aws.events`, `aws.cloudwatch`, `aws.ssm-incidents.custom` or a caller's own word.
    pub source: String,
    /// The rule, alarm or resource that triggered.
    #[serde(default)]
    pub trigger_arn: Option<String>,
    /// The event or data, whole.
    pub raw_data: String,
    /// What the target's input made of it, where that differs.
    #[serde(default)]
    pub input: Option<String>,
}

impl RawTrigger {
    /// Key prefix of these frames.
    pub const FRAMES: &str = "trigger/";

    /// Reads a frame's body.
    ///
    /// # Errors
    /// [`RestoreError`] when it is newer than this program or damaged.
    pub fn read(key: &str, body: Value) -> Result<Self, RestoreError> {
        frames::read(key, body)
    }
}

/// Key prefix of the frames of timeline events.
pub const EVENT_FRAMES: &str = "event/";

/// Reads the body of a frame `event/<uuid>`.
///
/// # Errors
/// [`RestoreError`] when it is newer than this program or damaged.
pub fn read_event(key: &str, body: Value) -> Result<TimelineEvent, RestoreError> {
    frames::read(key, body)
}

/// How long things took. The end points are named, since the field's short forms (MTTD, MTTR) differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    /// Cause to opened.
    pub detect: SignedDuration,
    /// Opened to the first acknowledgement.
    pub acknowledge: Option<SignedDuration>,
    /// Opened to contained.
    pub contain: Option<SignedDuration>,
    /// Opened to resolved.
    pub resolve: Option<SignedDuration>,
}

impl Incident {
    /// Reads the stored frames; only the root is needed, others are left alone.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames::root(&frames)
    }

    /// How long things took so far.
    #[must_use]
    pub fn times(&self) -> Times {
        let Moments {
            detected, opened, ..
        } = self.moments;
        let since = |at: Option<Timestamp>| at.map(|at| at.duration_since(opened));
        Times {
            detect: opened.duration_since(detected),
            acknowledge: since(self.moments.first_ack),
            contain: since(self.moments.contained),
            resolve: since(self.moments.resolved),
        }
    }

    /// The plan's name, from the record's ARN.
    #[must_use]
    pub fn plan_name(&self) -> &str {
        self.plan_arn.rsplit('/').next().unwrap_or_default()
    }
}
