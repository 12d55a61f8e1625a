//! Deliveries as they lie in the store, of this version and of the first.
//!
//! Two frames: the root says how it goes and is written by every turn; `payload` holds what is sent and the event's
//! text, which never change, and goes once it is no longer needed. The first version kept all in the root.

use jiff::Timestamp;
use model::FrameWrite;
use model::effect::EmailMessage;
use model::frames::{self, RestoreError};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::request::{Notification, Request, Retry, Start};
use super::{Delivery, Failed, Payload, Status};

/// The key of the frame with what is sent.
const PAYLOAD: &str = "payload";
/// How the first version wrote mail addresses.
const MAILTO: &str = "mailto:";

/// A start in this version's form or in the first's.
#[derive(Deserialize)]
pub(super) struct AnyStart {
    origin: Option<String>,
    #[serde(default)]
    target_id: String,
    #[serde(default)]
    target_arn: String,
    request: Option<Request>,
    #[serde(default)]
    retry: Retry,
    dead_letter: Option<String>,
    #[serde(default)]
    event: String,
    url: Option<String>,
    rule_arn: Option<String>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    message: String,
    maximum_retry_attempts: Option<u32>,
    maximum_event_age_in_seconds: Option<u32>,
}

impl TryFrom<AnyStart> for Start {
    type Error = String;

    fn try_from(any: AnyStart) -> Result<Self, String> {
        if let (Some(origin), Some(request)) = (any.origin, any.request) {
            return Ok(Self {
                origin,
                target_id: any.target_id,
                target_arn: any.target_arn,
                request,
                retry: any.retry,
                dead_letter: any.dead_letter,
                event: any.event,
            });
        }
        let (Some(url), Some(origin)) = (any.url, any.rule_arn) else {
            return Err(
                "it has neither `origin` and `request` nor `url` and `rule_arn`".to_owned(),
            );
        };
        let event = any.message.clone();
        let request = match url.strip_prefix(MAILTO) {
            Some(address) => Request::Email(EmailMessage {
                to: address.to_owned(),
                subject: any.subject,
                body: any.message,
                thread: None,
            }),
            None => Request::Notification(Notification {
                url: url.clone(),
                subject: any.subject,
                message: any.message,
            }),
        };
        Ok(Self {
            origin,
            target_id: String::new(),
            target_arn: url,
            request,
            retry: Retry {
                maximum_attempts: any.maximum_retry_attempts,
                maximum_age_secs: any.maximum_event_age_in_seconds,
                pace: None,
            },
            dead_letter: None,
            event,
        })
    }
}

/// The first version's root.
#[derive(Deserialize)]
struct FirstRoot {
    request: Start,
    started: Timestamp,
    attempts: u32,
    #[serde(default)]
    in_flight: Option<Uuid>,
    status: Status,
    #[serde(default)]
    last_error: Option<String>,
}

impl From<FirstRoot> for Delivery {
    fn from(root: FirstRoot) -> Self {
        let start = root.request;
        Self {
            origin: start.origin,
            target_id: start.target_id,
            target_arn: start.target_arn,
            retry: start.retry,
            dead_letter: start.dead_letter,
            started: root.started,
            since: root.started,
            attempts: root.attempts,
            effects: u64::from(root.attempts),
            postponed: 0,
            burials: 0,
            in_flight: root.in_flight,
            status: root.status,
            failed: root.last_error.map(|message| Failed {
                code: "UNKNOWN".to_owned(),
                message,
                exhausted: None,
            }),
            payload: Some(Payload {
                request: start.request,
                event: start.event,
            }),
            payload_stored: false,
        }
    }
}

/// Reads the frames.
pub(super) fn restore(frames: &[(String, Value)]) -> Result<Delivery, RestoreError> {
    let root: Value = frames::root(frames)?;
    if root.get("request").is_some() {
        return frames::root::<FirstRoot>(frames).map(Delivery::from);
    }
    let mut delivery: Delivery = frames::root(frames)?;
    if let Some((key, body)) = frames.iter().find(|(key, _)| key == PAYLOAD) {
        delivery.payload = Some(frames::read(key, body.clone())?);
        delivery.payload_stored = true;
    }
    Ok(delivery)
}

/// The frames that hold `delivery`; what is stored already is left out.
pub(super) fn write(delivery: &mut Delivery) -> Vec<FrameWrite> {
    let mut writes = vec![frames::put("", &*delivery)];
    match (&delivery.payload, delivery.payload_stored) {
        (Some(payload), false) => {
            writes.push(frames::put(PAYLOAD, payload));
            delivery.payload_stored = true;
        }
        (None, true) => {
            writes.push(FrameWrite::delete(PAYLOAD));
            delivery.payload_stored = false;
        }
        _ => {}
    }
    writes
}

/// The write that takes the whole delivery away.
pub(super) fn remove() -> Vec<FrameWrite> {
    vec![FrameWrite::delete("")]
}
