//! One state tried by itself (`TestState`): entered, given what its work brings, and looked at before another follows.
//!
//! The states' own code does it, in an execution that nobody stores; what it passes on the way is noted.

use jiff::Timestamp;
use model::effect::HttpCall;
use model::{EffectCommand, Outcome, Rejection};
use serde_json::{Map, Value, json};

use super::turn::Turn;
use super::{enter, fail, leave, shown, task, trial_map, worker};
use crate::asl::definition::{Kind, Language, State, StateMachine};
use crate::asl::execution::{Execution, Phase, Status, Thread};
use crate::asl::fault::{Fault, TASK_FAILED};
use crate::asl::input::{Command, Context, Start};
use crate::asl::integration::{Family, Integration};
use crate::asl::web;

/// Error of a Map with more failures than it tolerates.
const EXCEEDED: &str = "States.ExceedToleratedFailureThreshold";

/// What a state's work brings, instead of the work.
#[derive(Debug, Clone, PartialEq)]
pub enum Mock {
    /// A result.
    Result(Value),
    /// An error.
    Failed {
        /// Its name.
        error: Option<String>,
        /// Why.
        cause: Option<String>,
    },
}

/// A state to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Block and position of the state.
    pub at: (usize, usize),
    /// What an execution of it would be started with; its input is the state's.
    pub start: Start,
    /// Variables that the state sees.
    pub variables: Map<String, Value>,
    /// What the context object holds in place of its own.
    pub context: Option<Value>,
    /// What the work brings.
    pub mock: Option<Mock>,
    /// How often the retrier that an error meets was used.
    pub retried: u64,
    /// How many iterations of a Map failed.
    pub failures: Option<u64>,
    /// What a Map's `ItemReader` would have read.
    pub read: Option<Value>,
}

/// How a trial ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Tried {
    /// The state was left, or not.
    Ended(Report),
    /// Its work is a call that must be made first: the trial is repeated with what it brings as the mock.
    Needs {
        /// The Task's `Resource`.
        resource: String,
        /// The call's arguments.
        arguments: Value,
        /// The role it is made as.
        role: String,
        /// The call, where it is one of a web API.
        web: Option<Box<HttpCall>>,
    },
}

/// What became of a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// `SUCCEEDED`, `FAILED`, `RETRIABLE` or `CAUGHT_ERROR`.
    pub status: &'static str,
    /// JSON text of the output.
    pub output: Option<String>,
    /// The error's name.
    pub error: Option<String>,
    /// Why.
    pub cause: Option<String>,
    /// Name of the state behind it.
    pub next: Option<String>,
    /// What was passed on the way, by the names of `inspectionData`.
    pub notes: Map<String, Value>,
}

/// What a trial has noted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) passed: Map<String, Value>,
    pub(super) context: Option<Value>,
    pub(super) role: Option<String>,
    /// Error and cause that the state met, whatever became of them.
    pub(super) fault: Option<(Option<String>, Option<String>)>,
    pub(super) caught: bool,
    /// Why nothing can be said of the state.
    pub(super) refused: Option<Rejection>,
}

/// What a call of a web API brings to the state that asked for it.
#[must_use]
pub fn answered(outcome: Outcome) -> Mock {
    let fault = match outcome {
        Outcome::Done { result } => return Mock::Result(result),
        Outcome::Failed(failure) => web::fault(&failure),
        Outcome::Unknown { reason } => Fault::of(Some(TASK_FAILED.to_owned()), Some(reason)),
    };
    Mock::Failed {
        error: fault.error,
        cause: fault.cause,
    }
}

/// Tries a state.
///
/// # Errors
/// Its input is no JSON, it waits for what only a mock can bring, or a Map would make more of its items than a trial shows.
pub fn try_state(machine: StateMachine, trial: Trial, cx: &Context) -> Result<Tried, Rejection> {
    let input: Value = serde_json::from_str(&trial.start.input)
        .map_err(|error| Rejection::invalid("input", error.to_string()))?;
    let machine = std::sync::Arc::new(machine);
    let (block, at) = trial.at;
    let Some(state) = machine
        .blocks
        .get(block)
        .and_then(|block| block.states.get(at))
    else {
        return Err(Rejection::invalid("stateName", "there is no such state"));
    };
    let execution = Execution::new(cx.id, cx.at, trial.start, std::sync::Arc::clone(&machine));
    let mut turn = Turn::new(execution, cx);
    turn.notes = Some(Notes {
        context: trial.context,
        ..Notes::default()
    });
    turn.note("input", || input.clone());
    place(&mut turn, (block, at), (input, trial.variables), cx.at);
    let forks = matches!(state.kind, Kind::Map(_) | Kind::Parallel { .. });
    turn.note_variables(0);
    enter::prepare(&mut turn, 0);
    if let Some(thread) = turn.touch(0) {
        let used = trial.retried;
        thread.retries.iter_mut().for_each(|count| *count = used);
    }
    match (forks, trial.mock) {
        (true, Some(mock)) => {
            forked(&mut turn, state, (mock, trial.failures, trial.read));
            let notes = turn.notes.as_mut();
            if let Some(refused) = notes.and_then(|notes| notes.refused.take()) {
                return Err(refused);
            }
        }
        (true, None) => return Err(Rejection::invalid("mock", "the state needs one")),
        (false, mock) => {
            enter::work(&mut turn, 0);
            if let Some(wanted) = called(&mut turn, state, mock)? {
                return Ok(wanted);
            }
        }
    }
    if matches!(
        turn.thread(0).map(|thread| &thread.phase),
        Some(Phase::Waiting { .. })
    ) {
        leave::after_wait(&mut turn, 0);
    }
    Ok(Tried::Ended(report(turn, state)))
}

/// The thread that is at the state.
fn place(
    turn: &mut Turn<'_>,
    (block, state): (usize, usize),
    (input, variables): (Value, Map<String, Value>),
    at: Timestamp,
) {
    let thread = Thread {
        v: 1,
        id: 0,
        parent: None,
        index: 0,
        block,
        state,
        phase: Phase::Ready,
        input: input.into(),
        entered: (0, 0),
        entered_at: at,
        last: 0,
        variables: variables.into_iter().collect(),
        retries: Vec::new(),
        item: None,
    };
    turn.x.root.threads = 1;
    turn.x.threads.insert(0, std::sync::Arc::new(thread));
}

/// Gives a Task that has asked for its work what that brings.
fn called(
    turn: &mut Turn<'_>,
    state: &State,
    mock: Option<Mock>,
) -> Result<Option<Tried>, Rejection> {
    let Kind::Task(task) = &state.kind else {
        return Ok(None);
    };
    let waits = matches!(
        turn.thread(0).map(|thread| &thread.phase),
        Some(Phase::Calling(_))
    );
    let Ok(integration) = Integration::parse(&task.resource) else {
        return Ok(None);
    };
    if !waits {
        return Ok(None);
    }
    let lasting =
        integration.callback || integration.job.is_some() || integration.family == Family::Activity;
    match mock {
        Some(mock) => {
            bring(turn, (state, &integration), mock);
            Ok(None)
        }
        None if lasting => Err(Rejection::invalid(
            "mock",
            "the task waits for somebody or something: give what that brings",
        )),
        None => Ok(Some(Tried::Needs {
            arguments: turn
                .notes
                .as_ref()
                .and_then(|notes| {
                    let passed = &notes.passed;
                    passed
                        .get("afterArguments")
                        .or(passed.get("afterParameters"))
                })
                .cloned()
                .unwrap_or_default(),
            role: turn
                .notes
                .as_ref()
                .and_then(|notes| notes.role.clone())
                .unwrap_or_default(),
            resource: task.resource.clone(),
            web: turn.commands.iter().find_map(|command| match command {
                Command::Perform {
                    command: EffectCommand::InvokeHttp(call),
                    ..
                } => Some(call.clone()),
                _ => None,
            }),
        })),
    }
}

fn bring(turn: &mut Turn<'_>, (state, integration): (&State, &Integration), mock: Mock) {
    worker::show(turn, 0);
    let failed = match mock {
        Mock::Result(result) => task::succeed(turn, (0, state), integration, result).err(),
        Mock::Failed { error, cause } => Some(Fault::of(error, cause)),
    };
    if let Some(fault) = failed {
        shown::failed(turn, 0, integration, &fault);
        if let Some(thread) = turn.touch(0) {
            thread.phase = Phase::Ready;
        }
        fail::fail(turn, 0, fault);
    }
}

/// A Map or Parallel is given the results of its threads.
fn forked(
    turn: &mut Turn<'_>,
    state: &State,
    (mock, failures, read): (Mock, Option<u64>, Option<Value>),
) {
    let done = match enter::Scene::of(turn, 0, state) {
        None => return,
        Some(Err(fault)) => Err(fault),
        Some(Ok(scene)) => trial_map::looked_at(turn, state, &scene, read)
            .and_then(|tolerated| match mock {
                Mock::Failed { error, cause } => Err(Fault::of(error, cause)),
                Mock::Result(_)
                    if tolerated
                        .is_some_and(|most| failures.is_some_and(|count| count > most.into())) =>
                {
                    Err(Fault::of(
                        Some(EXCEEDED.to_owned()),
                        Some("The specified tolerated failure threshold was exceeded".to_owned()),
                    ))
                }
                Mock::Result(result) => Ok(result),
            })
            .and_then(|result| leave::with_result(turn, (0, state), scene, result.into())),
    };
    if let Err(fault) = done {
        fail::fail(turn, 0, fault);
    }
}

/// What became of the state.
fn report(mut turn: Turn<'_>, state: &State) -> Report {
    let notes = turn.notes.take().unwrap_or_default();
    let (error, cause) = notes.fault.clone().unwrap_or_default();
    let thread = turn.thread(0).cloned();
    let moved = thread.as_ref().filter(|_| turn.x.root.ready.contains(&0));
    let backs_off = thread
        .as_ref()
        .is_some_and(|thread| matches!(thread.phase, Phase::Backoff { .. }));
    let status = match turn.x.root.status {
        _ if notes.caught => "CAUGHT_ERROR",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        _ if backs_off => "RETRIABLE",
        _ => "SUCCEEDED",
    };
    let next = moved.and_then(|thread| {
        let block = turn.x.machine.blocks.get(thread.block)?;
        Some(block.states.get(thread.state)?.name.clone())
    });
    let output = moved
        .map(|thread| thread.input.to_string())
        .or_else(|| turn.x.root.output.clone());
    Report {
        status,
        output,
        error,
        cause,
        next,
        notes: noted(notes.passed, state),
    }
}

/// What the service shows of each kind of state.
fn noted(mut passed: Map<String, Value>, state: &State) -> Map<String, Value> {
    let hidden: &[&str] = match &state.kind {
        Kind::Pass {
            result: Some(_), ..
        } => &["afterInputPath", "afterParameters"],
        Kind::Parallel { .. } => &["afterInputPath", "result"],
        Kind::Succeed | Kind::Wait(_) | Kind::Choice { .. } | Kind::Fail { .. } => &[
            "afterParameters",
            "afterResultSelector",
            "afterResultPath",
            "result",
        ],
        Kind::Map(_) | Kind::Pass { result: None, .. } => &["result"],
        Kind::Task(_) => &[],
    };
    for name in hidden {
        passed.shift_remove(*name);
    }
    passed
}

impl Turn<'_> {
    /// Notes what a tried state passes; an execution notes nothing.
    pub(super) fn note(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if let Some(notes) = &mut self.notes {
            notes.passed.insert(name.to_owned(), value());
        }
    }

    /// Notes the variables that a tried state leaves, if there are any.
    pub(super) fn note_variables(&mut self, id: u32) {
        let held = self.thread(id).map(|thread| thread.variables.clone());
        if let Some(held) = held.filter(|held| !held.is_empty()) {
            self.note("variables", || held.into_iter().collect());
        }
    }

    /// Notes the error that a tried state met, and which retrier or catcher it was for.
    pub(super) fn note_fault(&mut self, fault: &Fault) {
        if let Some(notes) = &mut self.notes {
            notes.fault = Some((fault.error.clone(), fault.cause.clone()));
        }
    }

    /// Notes a member of `errorDetails`.
    pub(super) fn note_handling(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if let Some(notes) = &mut self.notes {
            let details = notes
                .passed
                .entry("errorDetails")
                .or_insert_with(|| json!({}));
            details[name] = value();
        }
    }
}

/// The languages' own word for a state's arguments.
pub(super) fn arguments_name(language: Language) -> &'static str {
    match language {
        Language::JsonPath => "afterParameters",
        Language::Jsonata => "afterArguments",
    }
}
