//! An event as EventBridge carries it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The EventBridge envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Envelope version, `"0"`.
    pub version: String,
    /// Unique per event (not per finding).
    pub id: String,
    /// Free-text kind, e.g. `GuardDuty Finding`.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// Who sent it, e.g. `aws.guardduty`.
    pub source: String,
    /// Account the event belongs to.
    pub account: String,
    /// ISO 8601 with seconds, UTC.
    pub time: String,
    /// Region the event belongs to.
    pub region: String,
    /// ARNs of what it is about.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The source's own JSON object.
    pub detail: Value,
}
