//! What an execution is told and what it asks for: the closed lists of both.

use std::sync::Arc;

use jiff::Timestamp;
use model::Scope;
use model::effect::{LogBatch, Outcome};
use model::ids::Entropy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::activity::Word;
use super::definitions::Definitions;
use super::logging::Logging;
use super::map_run::{Begin, End, Member, Report};

/// What every turn of an execution is given besides its input.
#[derive(Debug, Clone)]
pub struct Context {
    /// The execution's id: the parent of all its effect ids.
    pub id: Uuid,
    /// Whose it is.
    pub scope: Scope,
    /// The instant of the turn.
    pub at: Timestamp,
    /// The turn's journaled randomness.
    pub entropy: Entropy,
    /// How many states may be entered in this turn before others have theirs ([`Command::Continue`]).
    pub budget: u32,
    /// What was parsed before.
    pub definitions: Arc<Definitions>,
}

/// What happened, from the execution's point of view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin. Only for an execution that does not exist yet; a second one changes nothing.
    Start(Box<Start>),
    /// An effect ended.
    Effect {
        /// The id given in [`Command::Perform`].
        effect: Uuid,
        /// How it ended.
        outcome: Outcome,
    },
    /// A timer is due.
    Timer {
        /// The key given in [`Command::SetTimer`].
        key: String,
    },
    /// Somebody sent a task's token back.
    Token {
        /// The token.
        token: String,
        /// What is said of the task.
        word: Settlement,
    },
    /// An activity says what became of a task that was offered to it.
    Activity {
        /// The task's token.
        token: String,
        /// What became of it.
        word: Word,
    },
    /// A map run says how it ended.
    MapRun(Box<Report>),
    /// A person says what became of a call whose outcome is unknown.
    Resolve {
        /// Name of the state.
        state: String,
        /// Which call, where several of the state have an unknown outcome: see [`UnknownOutcome`](super::UnknownOutcome).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        call: Option<Uuid>,
        /// What became of it.
        word: Settlement,
    },
    /// Somebody stopped it.
    Stop {
        /// `error`.
        error: Option<String>,
        /// `cause`.
        cause: Option<String>,
    },
    /// Its machine was deleted: it fails before it enters another state, or works again on one that failed.
    MachineDeleted,
    /// Go on where it failed. The same token again, while it runs, changes nothing.
    Redrive {
        /// The caller's token.
        token: Option<String>,
        /// Whether its map run wants it: nobody else may redrive an execution that has one.
        #[serde(default)]
        by_map_run: bool,
    },
    /// The answer to [`Command::Continue`]: go on.
    Continue,
}

/// What somebody says of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Settlement {
    /// It is done.
    Succeeded {
        /// Its result.
        output: Value,
    },
    /// It failed.
    Failed {
        /// The error's name.
        error: Option<String>,
        /// Why.
        cause: Option<String>,
    },
    /// It is still being worked on.
    Heartbeat,
    /// It is to be done again, as a new call.
    Retry,
}

/// What an execution is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The machine's ARN, without version or alias.
    pub machine_arn: String,
    /// The machine's name.
    pub machine_name: String,
    /// The definition's text.
    pub definition: String,
    /// `revisionId` of the definition; the first has none.
    #[serde(default)]
    pub revision: Option<String>,
    /// ARN of the version that it was started by, or that the alias chose.
    #[serde(default)]
    pub version: Option<String>,
    /// ARN of the alias that it was started by.
    #[serde(default)]
    pub alias: Option<String>,
    /// Whether it is an Express machine.
    #[serde(default)]
    pub express: bool,
    /// What of its history is logged, and where.
    #[serde(default)]
    pub logging: Option<Logging>,
    /// Whether the machine is traced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tracing: bool,
    /// When the definition was last changed; executions of older versions of this program do not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
    /// The caller's `traceHeader`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_header: Option<String>,
    /// The role it acts as.
    pub role_arn: String,
    /// The input, as it was sent.
    pub input: String,
    /// Whether the state before each call with a known inverse is read and kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capture: bool,
    /// What it knows of the map run that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<Member>>,
}

/// What an execution asks of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Perform an effect; its id is the idempotency token.
    Perform {
        /// Id of the effect, a child of the execution's id.
        effect: Uuid,
        /// What to do.
        command: model::EffectCommand,
    },
    /// Wake the execution at an instant. A key is set once.
    SetTimer {
        /// Unique within the execution.
        key: String,
        /// When.
        due: Timestamp,
    },
    /// The timer is not needed any more.
    CancelTimer {
        /// The key it was set with.
        key: String,
    },
    /// Offer a task to an activity's workers.
    Offer {
        /// Name of the activity.
        activity: String,
        /// The task's token.
        token: String,
        /// The task's input, JSON text.
        input: String,
    },
    /// The task is not wanted any more.
    Withdraw {
        /// Name of the activity.
        activity: String,
        /// The task's token.
        token: String,
    },
    /// Begin the map run of a distributed Map.
    BeginMapRun {
        /// Its id.
        run: Uuid,
        /// What it begins with.
        begin: Box<Begin>,
    },
    /// The map run is not wanted any more.
    StopMapRun {
        /// Its id.
        run: Uuid,
    },
    /// The map run is to go on where it failed.
    RedriveMapRun {
        /// Its id.
        run: Uuid,
        /// How often it has been redriven then.
        redrives: u32,
    },
    /// Tell the map run that the execution belongs to how it ended.
    TellMapRun {
        /// Its id.
        run: Uuid,
        /// Which execution of the run it is.
        index: u32,
        /// Which attempt at it.
        attempt: u32,
        /// How it ended.
        end: Box<End>,
    },
    /// Have lines written to the log group of [`Start::logging`]. What becomes of them is of no meaning for the execution.
    Log {
        /// ARN of the log group.
        group_arn: String,
        /// ARN of the machine that they are of.
        machine_arn: String,
        /// The lines: the same turn makes the same batch, with the same id.
        batch: Box<LogBatch>,
    },
    /// Put an event on the account's default bus: the execution's status changed.
    Announce(Box<Announcement>),
    /// The budget of this turn is spent: feed [`Input::Continue`] in a later turn.
    Continue,
}

/// One change of an execution's status, on its way to the account's default event bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// The event's id: the same change has the same id, however often its turn is decided.
    pub id: Uuid,
    /// `resources` of the event.
    pub resources: Vec<String>,
    /// `detail` of the event, JSON text.
    pub detail: String,
}

impl Announcement {
    /// `detail-type` of the event.
    pub const DETAIL_TYPE: &str = "Step Functions Execution Status Change";
    /// `source` of the event.
    pub const SOURCE: &str = "aws.states";
}
