//! The delivery machine: one event on its way to one HTTP(S) webhook, or one message to one mailbox.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` | posting | `Post` |
//! | posting | `Sent(Done)` | delivered | – |
//! | posting | `Sent` failed in passing or unknown | waiting | `SetTimer(retry)` |
//! | posting | `Sent` failed for good, or tries or age exhausted | dropped | – |
//! | waiting | `Timer(retry)` | posting | `Post` |
//! | delivered, dropped | any | same | – |
//!
//! At least once: a post whose outcome is unknown is repeated with the same `MessageId`. It must not know HTTP.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use model::effect::{EmailMessage, WebhookPost};
use model::ids::Entropy;
use model::incident::{cut, epoch};
use model::{Context, Decision, EffectCommand, Fact, IndexEntry, Outcome, Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use model::frames::{self, RestoreError};
use model::text::one_line;

/// EventBridge's default and greatest number of retries.
pub const MAX_ATTEMPTS: u32 = 185;
/// EventBridge's default and greatest age, in seconds.
pub const MAX_AGE_SECS: u32 = 86_400;
/// The key of the only timer.
const RETRY: &str = "retry";
/// Scheme of mail addresses.
const MAILTO: &str = "mailto:";
/// First wait in milliseconds; it doubles with every attempt.
const FIRST_WAIT_MS: u64 = 1_000;
/// Longest wait in milliseconds.
const LAST_WAIT_MS: u64 = 15 * 60 * 1_000;

/// A delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What is delivered, and where.
    pub request: Start,
    /// When it was accepted.
    pub started: Timestamp,
    /// Posts so far.
    pub attempts: u32,
    /// The post whose outcome is awaited.
    #[serde(default)]
    pub in_flight: Option<Uuid>,
    /// How it goes.
    pub status: Status,
    /// What the last failed attempt said.
    #[serde(default)]
    pub last_error: Option<String>,
}

/// How a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A post is on its way.
    Posting,
    /// Waits for its next attempt.
    Waiting,
    /// Taken by the receiver.
    Delivered,
    /// Given up.
    Dropped,
}

/// What is delivered, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The webhook's address, or `mailto:` and a mail address. A rule's target is never of the second kind.
    pub url: String,
    /// ARN of the rule that matched: `TopicArn` of the notification. For a mail what it is about.
    pub rule_arn: String,
    /// `Subject`, the event's `detail-type`; a mail's subject.
    pub subject: String,
    /// `Message`: the target's input text; a mail's text.
    pub message: String,
    /// Retries after the first attempt; `None` means [`MAX_ATTEMPTS`].
    #[serde(default)]
    pub maximum_retry_attempts: Option<u32>,
    /// Age in seconds after which it is given up; `None` means [`MAX_AGE_SECS`].
    #[serde(default)]
    pub maximum_event_age_in_seconds: Option<u32>,
}

/// What can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Start),
    /// A post ended.
    Sent {
        /// The effect's id.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
    /// The retry timer is due.
    Timer {
        /// Its key.
        key: String,
    },
}

/// All that a delivery asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Post.
    Post {
        /// Id of the effect; comes back in [`Input::Sent`].
        effect: Uuid,
        /// What to post.
        command: EffectCommand,
    },
    /// Set a timer.
    SetTimer {
        /// Key.
        key: String,
        /// When.
        due: Timestamp,
    },
}

impl Delivery {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames::root(&frames)
    }
}

/// Decides what an input makes of a delivery.
///
/// # Errors
/// [`Rejection::NotFound`] without a state, [`Rejection::Invalid`] for an address that is no HTTP(S) URL.
pub fn step(
    state: Option<&Delivery>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Delivery, Command>, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Start(request) => start(request, cx),
            _ => Err(Rejection::not_found("DELIVERY", cx.id.to_string())),
        };
    };
    Ok(match input {
        Input::Start(_) => Decision::unchanged(state.clone()),
        Input::Sent { effect, outcome } => sent(state, effect, &outcome, cx),
        Input::Timer { key } if key == RETRY && state.status == Status::Waiting => {
            post_again(state, cx)
        }
        Input::Timer { .. } => Decision::unchanged(state.clone()),
    })
}

fn start(request: Start, cx: &Context) -> Result<Decision<Delivery, Command>, Rejection> {
    let address = ["https://", "http://", MAILTO]
        .into_iter()
        .find_map(|scheme| request.url.strip_prefix(scheme));
    if address.is_none_or(str::is_empty) || request.url.len() > 2048 {
        let message = format!(
            "`{}` is not an http(s) or mail address of at most 2048 bytes",
            cut(&request.url, 80)
        );
        return Err(Rejection::invalid("Arn", message));
    }
    let mut delivery = Delivery {
        request,
        started: epoch::to_millis(cx.at),
        attempts: 0,
        in_flight: None,
        status: Status::Posting,
        last_error: None,
    };
    let command = post(&mut delivery, cx);
    let mut decision = decided(delivery, vec![command]);
    decision.index.push(IndexEntry {
        name: "all".to_owned(),
        value: "1".to_owned(),
    });
    decision.facts.push(Fact::new(
        "delivery.started",
        json!({ "rule": decision.state.request.rule_arn }),
    ));
    Ok(decision)
}

fn decided(delivery: Delivery, commands: Vec<Command>) -> Decision<Delivery, Command> {
    let mut decision = Decision::unchanged(delivery);
    decision.frames.push(frames::put("", &decision.state));
    decision.commands = commands;
    decision
}

fn post(delivery: &mut Delivery, cx: &Context) -> Command {
    delivery.attempts += 1;
    delivery.status = Status::Posting;
    let effect = ids::child(cx.id, u64::from(delivery.attempts));
    delivery.in_flight = Some(effect);
    let command = message(delivery, cx);
    Command::Post { effect, command }
}

fn message(delivery: &Delivery, cx: &Context) -> EffectCommand {
    let request = &delivery.request;
    if let Some(address) = request.url.strip_prefix(MAILTO) {
        return EffectCommand::SendEmail(EmailMessage {
            to: address.to_owned(),
            subject: one_line(&request.subject, 200),
            body: request.message.clone(),
            thread: None,
        });
    }
    let body = json!({
        "Type": "Notification",
        "MessageId": cx.id,
        "TopicArn": request.rule_arn,
        "Subject": one_line(&request.subject, 100),
        "Message": request.message,
        "Timestamp": delivery.started.to_string(),
    });
    let headers = BTreeMap::from([
        (
            "x-amz-sns-message-type".to_owned(),
            "Notification".to_owned(),
        ),
        ("x-amz-sns-message-id".to_owned(), cx.id.to_string()),
        (
            "x-amz-sns-topic-arn".to_owned(),
            one_line(&request.rule_arn, 2048),
        ),
    ]);
    EffectCommand::PostWebhook(WebhookPost {
        url: request.url.clone(),
        headers,
        body: body.to_string(),
        content_type: "text/plain; charset=UTF-8".to_owned(),
    })
}

fn sent(
    state: &Delivery,
    effect: Uuid,
    outcome: &Outcome,
    cx: &Context,
) -> Decision<Delivery, Command> {
    if state.in_flight != Some(effect) {
        return Decision::unchanged(state.clone());
    }
    let mut delivery = state.clone();
    delivery.in_flight = None;
    let (error, again) = match outcome {
        Outcome::Done { .. } => {
            delivery.status = Status::Delivered;
            let fact = Fact::new(
                "delivery.delivered",
                json!({ "attempts": delivery.attempts }),
            );
            let mut decision = decided(delivery, Vec::new());
            decision.facts.push(fact);
            return decision;
        }
        Outcome::Failed(failure) => (
            format!("{}: {}", failure.code, failure.message),
            failure.transient,
        ),
        Outcome::Unknown { reason } => (reason.clone(), true),
    };
    delivery.last_error = Some(one_line(&error, 500));
    let due = again.then(|| next_attempt(&delivery, cx)).flatten();
    match due {
        Some(due) => {
            delivery.status = Status::Waiting;
            let timer = Command::SetTimer {
                key: RETRY.to_owned(),
                due,
            };
            decided(delivery, vec![timer])
        }
        None => dropped(delivery),
    }
}

fn dropped(mut delivery: Delivery) -> Decision<Delivery, Command> {
    delivery.status = Status::Dropped;
    let body = json!({ "rule": delivery.request.rule_arn, "attempts": delivery.attempts, "error": delivery.last_error });
    let mut decision = decided(delivery, Vec::new());
    decision.facts.push(Fact::new("delivery.dropped", body));
    decision
}

/// When to try again: doubling waits with up to a quarter of jitter; `None` when tries or age are exhausted.
fn next_attempt(delivery: &Delivery, cx: &Context) -> Option<Timestamp> {
    let request = &delivery.request;
    let retries = request
        .maximum_retry_attempts
        .unwrap_or(MAX_ATTEMPTS)
        .min(MAX_ATTEMPTS);
    if delivery.attempts > retries {
        return None;
    }
    let wait = (FIRST_WAIT_MS << delivery.attempts.saturating_sub(1).min(20)).min(LAST_WAIT_MS);
    let wait = wait - jitter(&cx.entropy, wait / 4);
    let due = cx
        .at
        .checked_add(SignedDuration::from_millis(i64::try_from(wait).ok()?))
        .ok()?;
    let age = request
        .maximum_event_age_in_seconds
        .unwrap_or(MAX_AGE_SECS)
        .min(MAX_AGE_SECS);
    let last = delivery
        .started
        .checked_add(SignedDuration::from_secs(i64::from(age)))
        .ok()?;
    (due <= last).then_some(due)
}

/// A number from 0 to `most`.
fn jitter(entropy: &Entropy, most: u64) -> u64 {
    let bytes = ids::secret(entropy, "delivery jitter");
    let number = bytes
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number % (most + 1)
}

fn post_again(state: &Delivery, cx: &Context) -> Decision<Delivery, Command> {
    let mut delivery = state.clone();
    let command = post(&mut delivery, cx);
    decided(delivery, vec![command])
}
