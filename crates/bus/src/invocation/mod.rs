//! The invocation machine: one event that a function takes asynchronously.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` | running | `Perform` (run) |
//! | running | `Ended`: the function answered | telling, or gone | `Perform` (tell) |
//! | running | `Ended`: the function failed, tries and age left | waiting | `SetTimer(retry)`: 1, then 2 minutes |
//! | running | `Ended`: no place, broken off, unknown | waiting | `SetTimer(retry)`: growing, does not count |
//! | running | `Ended`: failed, tries or age exhausted; refused | telling, or gone | `Perform` (tell) |
//! | waiting | `Timer(retry)` | running | `Perform` (run) |
//! | telling | `Ended`: taken, refused, or failed too often | telling the next, or gone | `Perform` (tell) |
//! | telling | `Ended`: failed in passing | telling | `SetTimer(tell)` |
//! | telling | `Timer(tell)` | telling | `Perform` (tell) |
//!
//! At least once, as the service says of asynchronous invocations: what has an unknown outcome runs again. An event that
//! was given up is told to the function's destination for failures and to its dead-letter queue; without either nothing
//! is left of it but the journal. The machine must not know how code is run.

mod ending;
mod record;
mod tell;

use jiff::{SignedDuration, Timestamp};
use model::frames::{self, RestoreError};
use model::{Context, Decision, EffectCommand, Fact, FrameWrite, Outcome, Rejection, ids};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use ending::Ending;

/// How often a destination is tried.
pub const MAX_TELLS: u32 = 10;

const RETRY: &str = "retry";
const TELL: &str = "tell";
const PAYLOAD: &str = "payload";
/// Wait before the first retry after a failure of the function, in seconds; it doubles.
const RETRY_SECS: i64 = 60;
/// First and longest wait when there was no place, in seconds.
const BUSY_SECS: (i64, i64) = (1, 300);

/// An event for a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The function's name.
    pub function: String,
    /// ARN that was invoked, with its qualifier.
    pub invoked_arn: String,
    /// The function's ARN with the version that runs.
    pub version_arn: String,
    /// `$LATEST` or a number.
    pub version: String,
    /// The event: a JSON text.
    pub payload: String,
    /// The client's context: a JSON text.
    #[serde(default)]
    pub client_context: Option<String>,
    /// Retries after a failure.
    pub retries: u32,
    /// Age in seconds after which the event is given up.
    pub age_secs: u32,
    /// ARN that is told of a failure.
    #[serde(default)]
    pub on_failure: Option<String>,
    /// ARN that is told of a success.
    #[serde(default)]
    pub on_success: Option<String>,
    /// ARN of the queue or topic that gets an event which was given up.
    #[serde(default)]
    pub dead_letter: Option<String>,
}

/// An asynchronous invocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Invocation {
    /// The event, without its payload: that lies in a frame of its own, since it does not change.
    start: Start,
    started: Timestamp,
    /// Attempts in which the function ran.
    attempts: u32,
    /// Effects so far: each has an id of its own.
    effects: u64,
    /// How often there was no place since it last ran.
    #[serde(default)]
    postponed: u32,
    #[serde(default)]
    in_flight: Option<Uuid>,
    status: Status,
    /// How it ended; known once others are told.
    #[serde(default)]
    ending: Option<Ending>,
    /// When it ended.
    #[serde(default)]
    ended: Option<Timestamp>,
    /// Who is still to be told, the next one first.
    #[serde(default)]
    untold: Vec<Telling>,
    /// Attempts to tell the next one.
    #[serde(default)]
    tells: u32,
    #[serde(skip)]
    payload_stored: bool,
}

/// How an invocation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Running,
    Waiting,
    Telling,
    Ended,
}

/// Somebody to be told how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Telling {
    /// ARN.
    to: String,
    /// The event as it was, as a dead-letter queue gets it; else the record of the invocation.
    dead_letter: bool,
}

/// What can happen to an invocation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Start>),
    /// An effect ended.
    Ended {
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
}

/// All that an invocation asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "a decision has few commands, and most of them perform something"
)]
pub enum Command {
    /// Run the function, or tell somebody how it ended.
    Perform {
        /// Id of the effect; comes back in [`Input::Ended`].
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
}

type Decided = Decision<Invocation, Command>;

impl Invocation {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        let mut invocation: Self = frames::root(&frames)?;
        if let Some((_, body)) = frames.iter().find(|(key, _)| key == PAYLOAD) {
            let text = body.get("text").and_then(Value::as_str);
            text.unwrap_or_default()
                .clone_into(&mut invocation.start.payload);
            invocation.payload_stored = true;
        }
        Ok(invocation)
    }

    /// The frames that hold it; a payload that is stored already is left out.
    fn write(&mut self) -> Vec<FrameWrite> {
        let payload = std::mem::take(&mut self.start.payload);
        let mut writes = vec![frames::put("", &*self)];
        self.start.payload = payload;
        if !self.payload_stored {
            let body = json!({ "v": 1, "text": self.start.payload });
            writes.push(FrameWrite::put(PAYLOAD, body));
            self.payload_stored = true;
        }
        writes
    }
}

/// Decides what an input makes of an invocation.
///
/// # Errors
/// [`Rejection::NotFound`] without a state.
pub fn step(state: Option<&Invocation>, input: Input, cx: &Context) -> Result<Decided, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Start(start) => Ok(begin(*start, cx)),
            _ => Err(Rejection::not_found("INVOCATION", cx.id.to_string())),
        };
    };
    let invocation = state.clone();
    Ok(match input {
        Input::Ended { effect, outcome } if state.in_flight == Some(effect) => {
            ended(invocation, outcome, cx)
        }
        Input::Timer { key } => match (key.as_str(), state.status) {
            (RETRY, Status::Waiting) => run(invocation, cx),
            (TELL, Status::Telling) if state.in_flight.is_none() => tell::next(invocation, cx),
            _ => Decision::unchanged(invocation),
        },
        Input::Start(_) | Input::Ended { .. } => Decision::unchanged(invocation),
    })
}

fn begin(start: Start, cx: &Context) -> Decided {
    let invocation = Invocation {
        start,
        started: cx.at,
        attempts: 0,
        effects: 0,
        postponed: 0,
        in_flight: None,
        status: Status::Running,
        ending: None,
        ended: None,
        untold: Vec::new(),
        tells: 0,
        payload_stored: false,
    };
    let mut decision = run(invocation, cx);
    let fact = fact("invocation.accepted", &decision.state, cx);
    decision.facts.insert(0, fact);
    decision
}

fn run(mut invocation: Invocation, cx: &Context) -> Decided {
    invocation.status = Status::Running;
    let start = &invocation.start;
    let command = EffectCommand::InvokeFunction(Box::new(model::effect::FunctionCall {
        scope: cx.scope.clone(),
        function: start.function.clone(),
        version: start.version.clone(),
        invoked_arn: start.invoked_arn.clone(),
        request_id: cx.id,
        payload: start.payload.clone(),
        client_context: start.client_context.clone(),
    }));
    let effect = next_effect(&mut invocation, cx);
    decided(invocation, vec![Command::Perform { effect, command }])
}

fn ended(mut invocation: Invocation, outcome: Outcome, cx: &Context) -> Decided {
    invocation.in_flight = None;
    if invocation.status == Status::Telling {
        return tell::told(invocation, &outcome, cx);
    }
    let answer = match outcome {
        Outcome::Done { result } => result,
        Outcome::Failed(failure) if !failure.transient => {
            let ending = Ending::refused(&failure);
            return give_up(invocation, ending, cx);
        }
        Outcome::Failed(_) | Outcome::Unknown { .. } => return postpone(invocation, cx),
    };
    invocation.postponed = 0;
    invocation.attempts += 1;
    let ending = Ending::of_answer(&answer);
    if ending.succeeded() {
        let to = invocation.start.on_success.clone();
        return tell::begin(invocation, ending, to.into_iter().collect(), cx);
    }
    if invocation.attempts > invocation.start.retries {
        return give_up(invocation, ending, cx);
    }
    let doublings = invocation.attempts.saturating_sub(1).min(6);
    let wait = SignedDuration::from_secs(RETRY_SECS << doublings);
    wait_or_give_up(invocation, (wait, ending), cx)
}

/// There was no place, or nobody knows: the attempt does not count.
fn postpone(mut invocation: Invocation, cx: &Context) -> Decided {
    let wait = (BUSY_SECS.0 << invocation.postponed.min(20)).min(BUSY_SECS.1);
    invocation.postponed += 1;
    let ending = Ending::of_age();
    wait_or_give_up(invocation, (SignedDuration::from_secs(wait), ending), cx)
}

fn wait_or_give_up(
    mut invocation: Invocation,
    (wait, ending): (SignedDuration, Ending),
    cx: &Context,
) -> Decided {
    let age = SignedDuration::from_secs(invocation.start.age_secs.into());
    let (due, last) = (cx.at.checked_add(wait), invocation.started.checked_add(age));
    match (due, last) {
        (Ok(due), Ok(last)) if due <= last => {
            invocation.status = Status::Waiting;
            let fact = fact("invocation.failed", &invocation, cx);
            let key = RETRY.to_owned();
            let mut decision = decided(invocation, vec![Command::SetTimer { key, due }]);
            decision.facts.push(fact);
            decision
        }
        _ => give_up(invocation, ending.too_old(), cx),
    }
}

fn give_up(invocation: Invocation, ending: Ending, cx: &Context) -> Decided {
    let start = &invocation.start;
    let destination = start.on_failure.clone().map(|to| Telling {
        to,
        dead_letter: false,
    });
    let queue = start.dead_letter.clone().map(|to| Telling {
        to,
        dead_letter: true,
    });
    let untold = destination.into_iter().chain(queue).collect();
    tell::begin_with(invocation, ending, untold, cx)
}

/// The id of the next effect, which is then awaited.
fn next_effect(invocation: &mut Invocation, cx: &Context) -> Uuid {
    invocation.effects += 1;
    let effect = ids::child(cx.id, invocation.effects);
    invocation.in_flight = Some(effect);
    effect
}

fn decided(mut invocation: Invocation, commands: Vec<Command>) -> Decided {
    let frames = invocation.write();
    let mut decision = Decision::unchanged(invocation);
    decision.frames = frames;
    decision.commands = commands;
    decision
}

fn fact(name: &str, invocation: &Invocation, cx: &Context) -> Fact {
    let waited = cx.at.duration_since(invocation.started).as_millis();
    let body = json!({
        "function": invocation.start.version_arn,
        "attempts": invocation.attempts,
        "age_ms": u64::try_from(waited).unwrap_or(0),
        "ended": invocation.ending.as_ref().map(Ending::condition),
    });
    Fact::new(name, body)
}
