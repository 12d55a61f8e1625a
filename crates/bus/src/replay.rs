//! The replay machine: the events of an archive, of a span of time, once more to the rules of their bus.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | none | `Start` | STARTING | `Next` |
//! | STARTING, RUNNING | `Page`, more behind it | RUNNING | `Deliver`, `Next` |
//! | STARTING, RUNNING | `Page`, the last | COMPLETED | `Deliver` |
//! | STARTING, RUNNING | `Busy` | same | `Pause` |
//! | STARTING, RUNNING | `Failed` | FAILED | – |
//! | STARTING, RUNNING | `Cancel` | CANCELLING | – |
//! | CANCELLING | `Page`, `Busy`, `Failed` | CANCELLED | – |
//! | CANCELLED, COMPLETED, FAILED | `Page`, `Busy`, `Failed` | same | – |
//!
//! Events go in the order of their time, so that each minute of the archive is through before the next begins. A page's
//! deliveries and the position behind it are one commit: no event is given twice, whenever the process is killed.
//! It must not know rules or targets: whom a page's events reach is the engine's business.

use jiff::Timestamp;
use model::frames::{self, RestoreError};
use model::{Context, Decision, Fact, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

/// Family of the claims that bound how many replays run at once; a replay gives its claim back when it ends.
pub const SLOT_FAMILY: &str = "replay-slot";
/// Replays of one account and region at once. Source: EventBridge quotas.
pub const MAX_CONCURRENT: u32 = 10;

/// A replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// What is asked for.
    pub request: Start,
    /// How it goes.
    pub status: Status,
    /// Why it is so, in words.
    #[serde(default)]
    pub reason: Option<String>,
    /// When it was started.
    pub started: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended: Option<Timestamp>,
    /// The last event that was replayed.
    #[serde(default)]
    pub position: Option<Position>,
    /// How many events were replayed.
    #[serde(default)]
    pub events: u64,
}

/// What a replay is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Name: what `replay-name` says in its events.
    pub name: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// The archive's name.
    pub archive_name: String,
    /// The archive's own id.
    pub archive: Uuid,
    /// ARN of the archive, as given.
    pub archive_arn: String,
    /// The bus: the archive's own.
    pub bus: String,
    /// ARN of the bus, as given.
    pub bus_arn: String,
    /// ARNs of the only rules to replay to; empty for all of the bus.
    #[serde(default)]
    pub filter_arns: Vec<String>,
    /// Events of this instant and later.
    pub from: Timestamp,
    /// Events of this instant and earlier.
    pub until: Timestamp,
    /// The claim of [`SLOT_FAMILY`] that came with the start.
    pub slot: String,
}

/// An event's place in its archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// The event's own time.
    pub at: Timestamp,
    /// The event's id.
    pub event: Uuid,
}

/// How a replay goes, in EventBridge's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// No event was replayed yet.
    Starting,
    /// Events are replayed.
    Running,
    /// Cancelled: the page under way is the last.
    Cancelling,
    /// All events were replayed.
    Completed,
    /// Ended before all events were replayed, as asked.
    Cancelled,
    /// Ended before all events were replayed, for the reason told.
    Failed,
}

impl Status {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Cancelling => "CANCELLING",
            Self::Completed => "COMPLETED",
            Self::Cancelled => "CANCELLED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether events may still be replayed.
    fn is_active(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }
}

/// What can happen to a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin.
    Start(Box<Start>),
    /// End early.
    Cancel,
    /// The next page is wanted: the engine reads it and decides one of the inputs below instead.
    Next,
    /// A page was read and its deliveries are prepared.
    Page {
        /// The position behind which it was read.
        after: Option<Position>,
        /// Its last event; `None` for a page without events.
        last: Option<Position>,
        /// How many events it has.
        events: u64,
        /// Whether there are events behind it.
        more: bool,
    },
    /// Too much waits to be done: the next page comes later.
    Busy,
    /// It cannot go on.
    Failed {
        /// Why.
        reason: String,
    },
}

/// All that a replay asks of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Give the page's events to those for whom they were prepared.
    Deliver,
    /// Read the next page.
    Next,
    /// Read the next page a moment later.
    Pause,
}

impl Replay {
    /// Reads the stored frames.
    ///
    /// # Errors
    /// [`RestoreError`] when the root is missing, newer than this program or damaged.
    pub fn restore(frames: Vec<(String, Value)>) -> Result<Self, RestoreError> {
        frames::root(&frames)
    }

    /// Whether a page is of use: otherwise none need be read.
    #[must_use]
    pub fn wants_events(&self) -> bool {
        self.status.is_active()
    }
}

/// Decides what an input makes of a replay.
///
/// # Errors
/// [`Rejection::NotFound`] without a state, [`Rejection::Conflict`] for a name that is taken and for the cancellation
/// of a replay that does not run.
pub fn step(
    state: Option<&Replay>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Replay, Command>, Rejection> {
    let Some(state) = state else {
        return match input {
            Input::Start(request) => Ok(start(*request, cx)),
            _ => Err(Rejection::not_found("REPLAY", cx.id.to_string())),
        };
    };
    match input {
        Input::Start(_) => Err(conflict(
            "ResourceAlreadyExistsException",
            format!("Replay {} already exists.", state.request.name),
        )),
        Input::Cancel if state.status.is_active() => Ok(cancelling(state)),
        Input::Cancel => Err(conflict(
            "IllegalStatusException",
            format!(
                "Replay {} is not in a valid state for this operation.",
                state.request.name
            ),
        )),
        Input::Next => Err(Rejection::invalid(
            "",
            "a page is read before it is decided on",
        )),
        input if state.status.is_active() => Ok(proceed(state, input, cx)),
        _ if state.status == Status::Cancelling => Ok(ended(state, (Status::Cancelled, None), cx)),
        _ => Ok(Decision::unchanged(state.clone())),
    }
}

fn conflict(code: &str, message: String) -> Rejection {
    let code = code.to_owned();
    Rejection::Conflict { code, message }
}

fn start(request: Start, cx: &Context) -> Decision<Replay, Command> {
    let fact = Fact::new(
        "replay.started",
        json!({ "name": request.name, "archive": request.archive_name, "bus": request.bus,
            "from": request.from, "until": request.until }),
    );
    let replay = Replay {
        request,
        status: Status::Starting,
        reason: None,
        started: cx.at,
        ended: None,
        position: None,
        events: 0,
    };
    let mut decision = decided(replay, vec![Command::Next]);
    decision.facts.push(fact);
    decision
}

fn decided(replay: Replay, commands: Vec<Command>) -> Decision<Replay, Command> {
    let mut decision = Decision::unchanged(replay);
    decision.frames.push(frames::put("", &decision.state));
    decision.commands = commands;
    decision.reply = json!({ "state": decision.state.status });
    decision
}

fn cancelling(state: &Replay) -> Decision<Replay, Command> {
    let mut decision = decided(
        Replay {
            status: Status::Cancelling,
            ..state.clone()
        },
        Vec::new(),
    );
    decision.facts.push(Fact::new(
        "replay.cancelling",
        json!({ "name": state.request.name }),
    ));
    decision
}

fn proceed(state: &Replay, input: Input, cx: &Context) -> Decision<Replay, Command> {
    match input {
        Input::Page {
            after,
            last,
            events,
            more,
        } if after == state.position => {
            let replay = Replay {
                status: Status::Running,
                position: last.or(state.position),
                events: state.events.saturating_add(events),
                ..state.clone()
            };
            let mut decision = if more {
                decided(replay, vec![Command::Deliver, Command::Next])
            } else {
                let mut decision = ended(&replay, (Status::Completed, None), cx);
                decision.commands.insert(0, Command::Deliver);
                decision
            };
            decision.facts.insert(
                0,
                Fact::new("replay.page", json!({ "events": events, "last": last })),
            );
            decision
        }
        Input::Busy => decided(state.clone(), vec![Command::Pause]),
        Input::Failed { reason } => ended(state, (Status::Failed, Some(reason)), cx),
        // A page behind another position: its events were replayed, and the next page is on its way.
        _ => Decision::unchanged(state.clone()),
    }
}

fn ended(
    state: &Replay,
    (status, reason): (Status, Option<String>),
    cx: &Context,
) -> Decision<Replay, Command> {
    let replay = Replay {
        status,
        reason,
        ended: Some(cx.at),
        ..state.clone()
    };
    let fact = json!({ "name": replay.request.name, "status": status, "events": replay.events,
        "reason": replay.reason });
    let slot = (SLOT_FAMILY.to_owned(), replay.request.slot.clone());
    let mut decision = decided(replay, Vec::new());
    decision.facts.push(Fact::new("replay.ended", fact));
    decision.releases.push(slot);
    decision
}

#[cfg(test)]
mod tests;
