//! A state machine's definition: what it says, with every path, template and expression read.
//!
//! [`parse`] gives the machine, or all problems, each with the service's code and the place in the definition; [`admit`] asks
//! more, of one that is to be kept.

mod admission;
mod check;
#[cfg(test)]
mod check_tests;
mod distributed;
mod fields;
mod item_batcher;
mod item_reader;
mod mapping;
mod payload;
mod read;
mod result_writer;
mod rules;
mod states;
pub(crate) mod variables;

pub(crate) use check::arrows;
pub(crate) use read::parse_with_places;
pub(crate) use states::instant;

use std::fmt;

use serde_json::Value;

use super::choice::Rule;
use super::jsonata::Expression;
use super::path::Path;
use super::template::Template;

pub(crate) use admission::refused;
pub use admission::{Calls, admit};
pub use distributed::{
    Csv, Distributed, Format, ItemBatcher, ItemReader, MAX_BATCH_BYTES, MAX_HEADER_BYTES,
    MAX_ITEMS, MAX_LABEL, ResultWriter, Source, Transformation,
};
pub use read::parse;
pub use variables::references;

/// Largest definition in bytes (the service's limit).
pub const MAX_BYTES: usize = 1_048_576;
/// Deepest nesting of blocks.
pub const MAX_BLOCK_DEPTH: usize = 24;

/// Something that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The service's code, such as `SCHEMA_VALIDATION_FAILED`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where, as a pointer such as `/States/First/Next`; `None` if the text is no object at all.
    pub location: Option<String>,
}

/// Code of problems with the shape.
pub(crate) const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";
/// Code of problems with the text.
pub(crate) const INVALID_JSON: &str = "INVALID_JSON_DESCRIPTION";
/// Code of arrows that lead nowhere and states that none leads to.
pub(crate) const TRANSITION: &str = "MISSING_TRANSITION_TARGET";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.location {
            Some(location) => write!(f, " at {location}"),
            None => Ok(()),
        }
    }
}

/// How a state writes what depends on data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Paths and intrinsic functions.
    JsonPath,
    /// Expressions.
    Jsonata,
}

/// How its executions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineType {
    /// Durable, with a history, for up to a year.
    Standard,
    /// Short, at most five minutes.
    Express,
}

/// A definition. Block 0 is the machine's own; branches and item processors are further blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct StateMachine {
    /// All blocks.
    pub blocks: Vec<Block>,
    /// Time limit of an execution in seconds.
    pub timeout_seconds: Option<u64>,
    /// Language of states that name none.
    pub language: Language,
}

/// One `States` object.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// Position of the state that it starts at.
    pub start: usize,
    /// States in their order.
    pub states: Vec<State>,
}

/// One state.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Its name, unique in the whole machine.
    pub name: String,
    /// How it writes what depends on data.
    pub language: Language,
    /// What it does.
    pub kind: Kind,
    /// The state behind it; `None` where the block ends.
    pub next: Option<usize>,
    /// `InputPath`.
    pub input_path: Selection,
    /// `OutputPath`.
    pub output_path: Selection,
    /// `ResultPath`.
    pub result_path: Selection,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
    /// `Retry`.
    pub retry: Vec<Retrier>,
    /// `Catch`.
    pub catch: Vec<Catcher>,
}

/// Which part of a document a path takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    /// All of it (no path given, or `$`).
    Whole,
    /// Nothing (`null`).
    Nothing,
    /// What the path leads to.
    At(Path),
}

/// What a state does.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Passes its input on, or a result.
    Pass {
        /// `Result`.
        result: Option<Value>,
        /// `Parameters`.
        parameters: Option<Template>,
    },
    /// Has something done.
    Task(Box<Task>),
    /// Decides where to go.
    Choice {
        /// Rules in their order.
        rules: Vec<Rule>,
        /// Where to go when none matches.
        default: Option<usize>,
    },
    /// Waits.
    Wait(Until),
    /// Ends the block well.
    Succeed,
    /// Ends the block badly.
    Fail {
        /// `Error` or `ErrorPath`.
        error: Option<Text>,
        /// `Cause` or `CausePath`.
        cause: Option<Text>,
    },
    /// Runs blocks side by side.
    Parallel {
        /// Blocks of the branches.
        branches: Vec<usize>,
        /// `Parameters` or `Arguments`.
        arguments: Option<Template>,
        /// `ResultSelector`.
        selector: Option<Template>,
    },
    /// Runs a block for each item.
    Map(Box<Map>),
}

/// A Task state's own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What is asked for.
    pub resource: String,
    /// `Parameters` or `Arguments`.
    pub arguments: Option<Template>,
    /// `ResultSelector`.
    pub selector: Option<Template>,
    /// `TimeoutSeconds`.
    pub timeout: Option<Number>,
    /// `HeartbeatSeconds`.
    pub heartbeat: Option<Number>,
    /// `Credentials.RoleArn`.
    pub role: Option<Template>,
}

/// A Map state's own fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Block of the item processor.
    pub processor: usize,
    /// Where the items come from.
    pub items: Items,
    /// `ItemSelector`, or `Parameters` of older definitions.
    pub item_selector: Option<Template>,
    /// `ResultSelector`.
    pub selector: Option<Template>,
    /// `MaxConcurrency`; 0 means no limit.
    pub concurrency: Option<Number>,
    /// `ToleratedFailureCount`.
    pub tolerated_count: Option<Number>,
    /// `ToleratedFailurePercentage`.
    pub tolerated_percentage: Option<Number>,
    /// What makes it a distributed Map; `None` for an inline one.
    pub distributed: Option<Distributed>,
}

/// Where a Map's items come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Items {
    /// The effective input is the list.
    Input,
    /// `ItemsPath`.
    At(Path),
    /// `Items`.
    Given(Template),
}

/// When a Wait ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// So many seconds after it began.
    Seconds(Number),
    /// At an instant.
    Timestamp(Text),
}

/// A number of the definition or of the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Number {
    /// As written.
    Fixed(f64),
    /// From the data.
    Path(Path),
    /// Evaluated.
    Expression(Expression),
}

/// A text of the definition or of the data.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// As written.
    Fixed(String),
    /// From the data: a path or a call.
    Template(Template),
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrier {
    /// Errors it is for.
    pub errors: Vec<String>,
    /// Seconds before the first retry.
    pub interval: u64,
    /// Most retries.
    pub max_attempts: u64,
    /// Factor from one interval to the next.
    pub backoff: f64,
    /// Longest interval.
    pub max_delay: Option<u64>,
    /// Whether each interval is drawn between 0 and its length.
    pub full_jitter: bool,
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Catcher {
    /// Errors it is for.
    pub errors: Vec<String>,
    /// Where to go.
    pub next: usize,
    /// Where the error object goes.
    pub result_path: Selection,
    /// `Assign`.
    pub assign: Option<Template>,
    /// `Output` (JSONata).
    pub output: Option<Template>,
}

impl Kind {
    /// The word in event types, such as `Pass` in `PassStateEntered`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pass { .. } => "Pass",
            Self::Task(_) => "Task",
            Self::Choice { .. } => "Choice",
            Self::Wait(_) => "Wait",
            Self::Succeed => "Succeed",
            Self::Fail { .. } => "Fail",
            Self::Parallel { .. } => "Parallel",
            Self::Map(_) => "Map",
        }
    }
}

impl Retrier {
    /// Seconds before retry `attempt` (from 1): `min(MaxDelaySeconds, IntervalSeconds * BackoffRate^(attempt-1))`, times
    /// `fraction` under full jitter.
    #[must_use]
    pub fn delay(&self, attempt: u64, fraction: f64) -> f64 {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        #[expect(clippy::cast_precision_loss, reason = "intervals are below 2^53")]
        let (interval, most) = (
            self.interval as f64,
            self.max_delay.unwrap_or(MAX_DELAY) as f64,
        );
        let delay = (interval * self.backoff.powi(exponent)).min(most);
        if self.full_jitter {
            delay * fraction
        } else {
            delay
        }
    }
}

/// Longest interval of a retry in seconds where none is declared: a year, as long as an execution lasts.
const MAX_DELAY: u64 = 31_622_400;
