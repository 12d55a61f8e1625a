//! A map run: the executions that a distributed Map has for its items, how many at once, and how many may fail.
//!
//! | phase | input | next |
//! |---|---|---|
//! | none | Begin | running: executions for the first items |
//! | running | Ended | the next item's execution; when none is left, the end, or the writing of the results |
//! | running | Effect | the items that were read; their executions |
//! | running | (same turn) more failed than may | ending: what runs is stopped |
//! | running | Stop | ending: what runs is stopped |
//! | running | Update | other limits, from now on |
//! | ending | Ended, the last | over, or writing; the parent is told, unless it stopped the run |
//! | writing | Effect | the next file of results; behind the last one the end |
//! | over, not well | Redrive | running: what did not end well again, and what never began |
//! | ending | Redrive | the same, once it is over |
//!
//! Each execution is an aggregate of its own; here stands what became of it. The items lie in frames of bounded size that
//! are written once, each execution has a frame: a turn writes what it touched. Knows nothing of stores or wires.

mod again;
mod bundle;
mod child;
mod delivery;
mod given;
mod pieces;
mod reading;
mod state;
mod supply;
mod view;
mod work;

use model::effect::Outcome as EffectOutcome;
use model::{Decision, EffectCommand, IndexEntry, Rejection};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) use bundle::STATE_DATA;
pub use child::{End, Member, child_frame, waits_to_live_again};
pub(crate) use given::Given;
pub use state::{Limits, MapRun, ORIGIN_FRAME, Origin, Parent, RunStatus};
pub(crate) use supply::{Batching, Destination, Supply};
pub use view::Counts;

use super::input::{Context, Start};
use state::Phase;
use work::Turn;

/// Name of the index that finds the map runs of an execution by its ARN.
pub const PARENT_INDEX: &str = "map-run-parent";
/// Executions of one map run that live at once where the definition names no limit, and at most. The service's own most
/// is 10,000.
pub const MAX_LIVE: u32 = 1_000;

/// Executions of one map run. The run remembers of each how it ended: more would need more memory than one run is given.
pub const MAX_EXECUTIONS: u32 = 250_000;
/// Bytes that the executions of one map run may give whose results are written, and of items that failed ones keep.
pub const MAX_RESULTS: u64 = 134_217_728;

/// What a map run begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// What it was made from.
    pub(crate) origin: Origin,
    /// Its items.
    pub(crate) items: Vec<Value>,
    /// Its limits.
    pub(crate) limits: Limits,
}

/// What a map run is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Input {
    /// Begin. Only for a map run that does not exist yet.
    Begin(Box<Begin>),
    /// An execution of it has ended.
    Ended {
        /// Which one.
        index: u32,
        /// Which attempt at it.
        attempt: u32,
        /// How.
        end: Box<End>,
    },
    /// A call to the data set's or the results' bucket has ended.
    Effect {
        /// The id given in [`Command::Perform`].
        effect: Uuid,
        /// How it ended.
        outcome: EffectOutcome,
    },
    /// Its parent does not want it any more.
    Stop,
    /// Its parent wants it again. The same said twice is done once.
    Redrive {
        /// How often its parent has then redriven it; 0: once more than so far.
        #[serde(default)]
        redrives: u32,
    },
    /// Somebody changes its limits; what is `None` stays.
    Update {
        /// `maxConcurrency`; 0 means no limit.
        concurrency: Option<u32>,
        /// `toleratedFailureCount`.
        tolerated_count: Option<u64>,
        /// `toleratedFailurePercentage`, from 0 to 100.
        tolerated_percentage: Option<f64>,
    },
    /// The answer to [`Command::Continue`]: go on.
    Continue,
}

/// What a map run asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// Start an execution.
    Start {
        /// Its id.
        execution: Uuid,
        /// What it is started with.
        start: Box<Start>,
    },
    /// Stop an execution.
    Stop {
        /// Its id.
        execution: Uuid,
    },
    /// Redrive an execution.
    Redrive {
        /// Its id.
        execution: Uuid,
        /// Names this redrive: an execution that is told twice goes on once.
        token: String,
    },
    /// Do something outside.
    Perform {
        /// The effect's id.
        effect: Uuid,
        /// What to do.
        command: Box<EffectCommand>,
    },
    /// Tell the parent how it ended.
    Tell {
        /// The parent.
        execution: Uuid,
        /// What it is told.
        report: Report,
    },
    /// The budget of this turn is spent: feed [`Input::Continue`] in a later turn.
    Continue,
}

/// What an execution is told of its map run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The thread whose Map it is.
    pub(crate) thread: u32,
    /// The map run.
    pub(crate) run: Uuid,
    /// How often it had been redriven.
    pub(crate) redrives: u32,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// What came of a map run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The results, in the order of the items.
    Succeeded {
        /// The state's result.
        result: Value,
    },
    /// It failed.
    Failed {
        /// The error's name.
        error: Option<String>,
        /// Why.
        cause: Option<String>,
    },
}

/// Takes one input. A map run that does not exist yet begins with [`Input::Begin`].
///
/// # Errors
/// When the input is refused; nothing has changed then.
pub fn step(
    run: Option<MapRun>,
    input: Input,
    cx: &Context,
) -> Result<Decision<MapRun, Command>, Rejection> {
    let Some(run) = run else {
        return match input {
            Input::Begin(begin) => self::begin(*begin, cx),
            _ => Err(Rejection::not_found("Map Run", cx.id.to_string())),
        };
    };
    let mut turn = Turn::new(run, cx);
    match input {
        // It was begun before.
        Input::Begin(_) => return Ok(turn.finish()),
        Input::Continue => {}
        Input::Ended {
            index,
            attempt,
            end,
        } => turn.ended((index, attempt), *end),
        Input::Effect { effect, outcome } => turn.settled(effect, outcome),
        Input::Stop => turn.stop(),
        Input::Redrive { redrives } => turn.redrive(redrives),
        Input::Update {
            concurrency,
            tolerated_count,
            tolerated_percentage,
        } => {
            if turn.run.root.phase == Phase::Over {
                return Err(Rejection::Conflict {
                    code: "ValidationException".to_owned(),
                    message: "the map run has ended: its limits cannot be changed any more"
                        .to_owned(),
                });
            }
            let changes = (concurrency, tolerated_count, tolerated_percentage);
            turn.update(changes)?;
        }
    }
    turn.advance();
    Ok(turn.finish())
}

fn begin(begin: Begin, cx: &Context) -> Result<Decision<MapRun, Command>, Rejection> {
    let parent = begin.origin.parent.arn.clone();
    let run = MapRun::new(cx.at, begin).map_err(|why| Rejection::invalid("definition", why))?;
    let mut turn = Turn::new(run, cx);
    turn.fresh = true;
    turn.index = vec![IndexEntry {
        name: PARENT_INDEX.to_owned(),
        value: parent,
    }];
    turn.reply = json!({"mapRunArn": turn.run.arn()});
    turn.open();
    turn.advance();
    Ok(turn.finish())
}
