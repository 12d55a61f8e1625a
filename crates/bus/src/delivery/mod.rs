//! The delivery machine: one event, or one message, on its way to one target.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` | posting | `Perform` |
//! | none | `Start` of what cannot be sent | burying, or dropped | `Perform` (queue) |
//! | posting | `Sent`: taken | gone: delivered | – |
//! | posting | `Sent`: failed in passing, unknown, not tried | waiting | `SetTimer(retry)` |
//! | posting | `Sent`: refused, or tries or age exhausted | burying, or dropped without a queue | `Perform` (queue) |
//! | waiting | `Timer(retry)`, `Retry` | posting | `Perform` |
//! | burying | `Sent`: taken | dead-lettered | `SetTimer(forget)` |
//! | burying | `Sent`: failed in passing | burying | `SetTimer(bury)` |
//! | burying | `Sent`: refused, or failed too often | dropped | `SetTimer(forget)` |
//! | burying | `Timer(bury)` | burying | `Perform` (queue) |
//! | dropped | `Retry` | posting, with all its tries again | `Perform` |
//! | dropped, dead-lettered | `Timer(forget)` | gone | – |
//!
//! At least once: what has an unknown outcome is repeated, with the same delivery id in it. A delivery that has ended
//! well leaves nothing but its journal; one that was dropped is kept for [`KEEP_DAYS`] days, for a person to see and to
//! try again. The machine must not know HTTP.

mod burial;
mod dead_letter;
mod outcome;
mod pace;
mod request;
mod stored;
mod timing;

use jiff::{SignedDuration, Timestamp};
use model::frames::RestoreError;
use model::incident::epoch;
use model::{Context, Decision, EffectCommand, Fact, IndexEntry, Outcome, Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use burial::{buried, bury, give_up};
pub use dead_letter::queue_url;
use outcome::Attempt;
pub use pace::{Backoff, Pace, PaceError};
pub use request::{Notification, Request, Retry, Start, Undeliverable};
use timing::{next_attempt, wait};

/// EventBridge's default and greatest number of retries.
pub const MAX_ATTEMPTS: u32 = 185;
/// EventBridge's default and greatest age, in seconds.
pub const MAX_AGE_SECS: u32 = 86_400;
/// How often an event is written to a dead-letter queue before it counts as dropped.
pub const MAX_BURIALS: u32 = 10;
/// How long a dropped event is kept, in days: as long as an SQS queue would keep it at most.
pub const KEEP_DAYS: i64 = 14;
/// Name of the index by [`Status::as_str`]. An entry stays when the state changes: readers look at the state, too.
pub const STATE_INDEX: &str = "state";

const RETRY: &str = "retry";
const BURY: &str = "bury";
const FORGET: &str = "forget";
/// First wait in milliseconds; it doubles with every attempt.
const FIRST_WAIT_MS: u64 = 1_000;
/// First wait in milliseconds after an attempt that found too many others waiting for the same destination.
const BUSY_WAIT_MS: u64 = 5_000;

/// A delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// ARN of the rule or topic that it comes from.
    pub origin: String,
    /// The target's id within its rule.
    pub target_id: String,
    /// The target's ARN or address.
    pub target_arn: String,
    /// How often and how long it is tried.
    pub retry: Retry,
    /// ARN of the queue that takes it when it cannot be delivered.
    pub dead_letter: Option<String>,
    /// When it was accepted.
    pub started: Timestamp,
    /// When its present round of attempts began: at its start, or when a person wanted it tried again.
    pub since: Timestamp,
    /// Attempts of this round.
    pub attempts: u32,
    /// Effects so far: each has an id of its own.
    pub effects: u64,
    /// How often it found its destination busy since it was last tried.
    #[serde(default)]
    pub postponed: u32,
    /// Attempts to write to the dead-letter queue.
    #[serde(default)]
    pub burials: u32,
    /// The effect whose outcome is awaited.
    #[serde(default)]
    pub in_flight: Option<Uuid>,
    /// How it goes.
    pub status: Status,
    /// What the last failed attempt said.
    #[serde(default)]
    pub failed: Option<Failed>,
    /// What is sent; `None` once nothing more will be.
    #[serde(skip)]
    pub payload: Option<Payload>,
    /// Whether the payload's frame is stored.
    #[serde(skip)]
    payload_stored: bool,
}

/// What is sent, apart from the root since it may be long and does not change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// What is done.
    pub request: Request,
    /// The original event's text, for the dead-letter queue.
    pub event: String,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// In the words of EventBridge's `ERROR_CODE`: `NO_PERMISSIONS`, `NO_RESOURCE`, `TIMEOUT`, ...
    pub code: String,
    /// For people.
    pub message: String,
    /// Which limit ended the attempts, if one did.
    #[serde(default)]
    pub exhausted: Option<Exhausted>,
}

/// A limit that ends the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exhausted {
    /// `MaximumRetryAttempts`.
    Attempts,
    /// `MaximumEventAgeInSeconds`.
    Age,
}

/// How a delivery goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An attempt is on its way.
    Posting,
    /// Waits for its next attempt.
    Waiting,
    /// Taken by the receiver.
    Delivered,
    /// On its way to the dead-letter queue.
    Burying,
    /// The dead-letter queue has it.
    DeadLettered,
    /// Given up, and no queue has it.
    Dropped,
}

impl Status {
    /// The name in the index and for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Posting => "posting",
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Burying => "burying",
            Self::DeadLettered => "dead_lettered",
            Self::Dropped => "dropped",
        }
    }
}

/// What can happen to a delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Start>),
    /// An effect ended.
    Sent {
        /// The effect's id.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
    /// A timer is due.
    Timer {
        /// Its key.
        key: String,
    },
    /// A person wants it tried now.
    Retry,
}

/// All that a delivery asks of the world.
#[expect(
    clippy::large_enum_variant,
    reason = "a decision holds one or two of them, and each is moved once"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Do what the target wants, or write to the dead-letter queue.
    Perform {
        /// Id of the effect; comes back in [`Input::Sent`].
        effect: Uuid,
        /// What to do.
        command: EffectCommand,
    },
    /// Set a timer.
    SetTimer {
        /// Key.
        key: String,
        /// When.
        due: Timestamp,
    },
    /// Cancel a timer.
    CancelTimer {
        /// Key.
        key: String,
    },
}

impl Delivery {
    /// Reads the stored frames, also those of the first version.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        stored::restore(&frames)
    }

    fn new(start: Start, at: Timestamp) -> Self {
        Self {
            origin: start.origin,
            target_id: start.target_id,
            target_arn: start.target_arn,
            retry: start.retry,
            dead_letter: start.dead_letter,
            started: at,
            since: at,
            attempts: 0,
            effects: 0,
            postponed: 0,
            burials: 0,
            in_flight: None,
            status: Status::Posting,
            failed: None,
            payload: Some(Payload {
                request: start.request,
                event: start.event,
            }),
            payload_stored: false,
        }
    }

    fn can_be_sent(&self) -> bool {
        let payload = self.payload.as_ref();
        payload.is_some_and(|payload| !matches!(payload.request, Request::Undeliverable(_)))
    }

    fn has_ended(&self) -> bool {
        matches!(
            self.status,
            Status::Delivered | Status::DeadLettered | Status::Dropped
        )
    }
}

/// Decides what an input makes of a delivery.
///
/// # Errors
/// [`Rejection::NotFound`] without a state, [`Rejection::Conflict`] for a retry of what is under way or has ended well.
pub fn step(
    state: Option<&Delivery>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Delivery, Command>, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Start(start) => Ok(begin(*start, cx)),
            _ => Err(Rejection::not_found("DELIVERY", cx.id.to_string())),
        };
    };
    let delivery = state.clone();
    Ok(match input {
        Input::Start(_) => Decision::unchanged(delivery),
        Input::Sent { effect, outcome } if state.in_flight == Some(effect) => {
            sent(delivery, &outcome, cx)
        }
        Input::Timer { key } => timer(delivery, &key, cx),
        Input::Retry => retry(delivery, cx)?,
        Input::Sent { .. } => Decision::unchanged(delivery),
    })
}

fn begin(start: Start, cx: &Context) -> Decision<Delivery, Command> {
    let delivery = Delivery::new(start, epoch::to_millis(cx.at));
    let mut decision = attempt(delivery, cx);
    decision.index.push(index("all", "1"));
    let fact = ended("delivery.started", &decision.state, cx);
    decision.facts.insert(0, fact);
    decision
}

fn index(name: &str, value: &str) -> IndexEntry {
    IndexEntry {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// The decision that writes `delivery` down; a state that people look for goes into the index.
fn decided(mut delivery: Delivery, commands: Vec<Command>) -> Decision<Delivery, Command> {
    let frames = stored::write(&mut delivery);
    let shown = matches!(
        delivery.status,
        Status::Waiting | Status::Dropped | Status::DeadLettered
    );
    let mut decision = Decision::unchanged(delivery);
    if shown {
        let state = decision.state.status.as_str();
        decision.index.push(index(STATE_INDEX, state));
    }
    decision.frames = frames;
    decision.commands = commands;
    decision
}

/// The id of the next effect, which is then awaited.
fn next_effect(delivery: &mut Delivery, cx: &Context) -> Uuid {
    delivery.effects += 1;
    let effect = ids::child(cx.id, delivery.effects);
    delivery.in_flight = Some(effect);
    effect
}

/// Tries the target.
fn attempt(mut delivery: Delivery, cx: &Context) -> Decision<Delivery, Command> {
    let Some(payload) = &delivery.payload else {
        let lost = "what was to be sent is not in the store: restore it from a backup";
        return give_up(delivery, outcome::failed("INTERNAL_ERROR", lost), cx);
    };
    let command = payload
        .request
        .command(cx.id, &delivery.origin, delivery.started);
    match command {
        Ok(command) => {
            delivery.attempts += 1;
            delivery.status = Status::Posting;
            let effect = next_effect(&mut delivery, cx);
            let retried = (delivery.effects > 1).then(|| ended("delivery.retried", &delivery, cx));
            let mut decision = decided(delivery, vec![Command::Perform { effect, command }]);
            decision.facts.extend(retried);
            decision
        }
        Err(why) => give_up(delivery, outcome::failed(&why.code, &why.message), cx),
    }
}

fn sent(mut delivery: Delivery, outcome: &Outcome, cx: &Context) -> Decision<Delivery, Command> {
    delivery.in_flight = None;
    let attempt = outcome::attempt(outcome);
    if delivery.status == Status::Burying {
        return buried(delivery, attempt, cx);
    }
    match attempt {
        Attempt::Taken => delivered(delivery, cx),
        Attempt::NotTried => {
            delivery.attempts = delivery.attempts.saturating_sub(1);
            delivery.postponed += 1;
            let wait = wait(BUSY_WAIT_MS, delivery.postponed, cx);
            wait_or_give_up(delivery, wait, cx)
        }
        Attempt::Again(failed) => {
            delivery.postponed = 0;
            delivery.failed = Some(failed);
            let wait = match delivery.retry.pace {
                Some(pace) => SignedDuration::from_secs(pace.wait_secs(delivery.attempts).into()),
                None => wait(FIRST_WAIT_MS, delivery.attempts, cx),
            };
            wait_or_give_up(delivery, wait, cx)
        }
        Attempt::Never(failed) => give_up(delivery, failed, cx),
    }
}

/// Nothing is left to do: the delivery goes.
fn delivered(mut delivery: Delivery, cx: &Context) -> Decision<Delivery, Command> {
    delivery.status = Status::Delivered;
    delivery.payload = None;
    delivery.payload_stored = false;
    let mut decision = Decision::unchanged(delivery);
    decision.frames = stored::remove();
    decision
        .facts
        .push(ended("delivery.delivered", &decision.state, cx));
    decision
}

/// What a fact about an end says: enough to count it by rule and target.
fn ended(name: &str, delivery: &Delivery, cx: &Context) -> Fact {
    let latency = cx.at.duration_since(delivery.started).as_millis();
    let failed = delivery.failed.as_ref();
    let body = json!({
        "rule": delivery.origin,
        "target": delivery.target_arn,
        "target_id": delivery.target_id,
        "attempts": delivery.attempts,
        "latency_ms": u64::try_from(latency).unwrap_or(0),
        "code": failed.map(|failed| &failed.code),
        "error": failed.map(|failed| &failed.message),
    });
    Fact::new(name, body)
}

fn wait_or_give_up(
    mut delivery: Delivery,
    wait: SignedDuration,
    cx: &Context,
) -> Decision<Delivery, Command> {
    match next_attempt(&delivery, wait, cx.at) {
        Ok(due) => {
            delivery.status = Status::Waiting;
            let key = RETRY.to_owned();
            let fact = ended("delivery.failed", &delivery, cx);
            let mut decision = decided(delivery, vec![Command::SetTimer { key, due }]);
            decision.facts.push(fact);
            decision
        }
        Err(exhausted) => {
            let never_tried = "the destination was busy with other deliveries the whole time";
            let last = delivery.failed.take();
            let mut failed = last.unwrap_or_else(|| outcome::failed("THROTTLING", never_tried));
            failed.exhausted = Some(exhausted);
            give_up(delivery, failed, cx)
        }
    }
}

fn timer(delivery: Delivery, key: &str, cx: &Context) -> Decision<Delivery, Command> {
    match (key, delivery.status) {
        (RETRY, Status::Waiting) => attempt(delivery, cx),
        (BURY, Status::Burying) if delivery.in_flight.is_none() => bury(delivery, cx),
        (FORGET, Status::Dropped | Status::DeadLettered) => {
            let mut decision = Decision::unchanged(delivery);
            decision.frames = stored::remove();
            decision
        }
        _ => Decision::unchanged(delivery),
    }
}

/// A person wants it tried now: a waiting one goes on, a dropped one begins again.
fn retry(mut delivery: Delivery, cx: &Context) -> Result<Decision<Delivery, Command>, Rejection> {
    let timer = match delivery.status {
        Status::Waiting => RETRY,
        Status::Dropped if delivery.can_be_sent() => FORGET,
        Status::Dropped => {
            return Err(Rejection::Conflict {
                code: String::new(),
                message: "nothing could be made of the event for this target: correct the rule and put the event again"
                    .to_owned(),
            });
        }
        other => {
            return Err(Rejection::Conflict {
                code: String::new(),
                message: format!(
                    "the delivery is `{}`: only a waiting or a dropped one can be tried again",
                    other.as_str()
                ),
            });
        }
    };
    if delivery.has_ended() {
        delivery.attempts = 0;
        delivery.postponed = 0;
        delivery.since = epoch::to_millis(cx.at);
        delivery.failed = None;
    }
    let mut decision = attempt(delivery, cx);
    // A timer that the attempt has set anew stays.
    let set_anew = decision
        .commands
        .iter()
        .any(|command| matches!(command, Command::SetTimer { key, .. } if key == timer));
    if !set_anew {
        let key = timer.to_owned();
        decision.commands.push(Command::CancelTimer { key });
    }
    decision.reply = json!({ "state": decision.state.status.as_str() });
    Ok(decision)
}
