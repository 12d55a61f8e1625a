//! An execution without a world: tasks answer what a script of mocks says, and time passes at once.
//!
//! The machine is the same one that real executions run; only its commands lead nowhere. [`mocks`] reads the mock
//! configuration files that Step Functions Local made usual. [`repeat`] plays an execution again with a call made twice.

pub mod expectation;
pub mod mocks;
pub mod repeat;
mod spread;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use model::effect::Outcome;
use model::{EffectCommand, FrameBody, Rejection, Scope};
use serde_json::Value;
use uuid::Uuid;

use repeat::Twice;

use super::activity::Word;
use super::definition::Kind;
use super::definitions::Definitions;
use super::execution::{Execution, HISTORY_FAMILY, Status};
use super::input::{Command, Context, Input, Settlement, Start};
use super::map_run::{Begin, Input as RunInput};
use super::web;

/// States entered in one turn.
const BUDGET: u32 = 1_000;
/// Most turns: an execution ends with 25,000 events long before.
const MAX_TURNS: u64 = 200_000;

/// What a task answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// Its result, as the service gives it to the state.
    Return(Value),
    /// An error.
    Throw {
        /// Its name.
        error: String,
        /// Why.
        cause: String,
    },
}

/// Why a rehearsal came to no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stuck {
    /// The input or the definition is refused.
    #[error("the execution cannot be started: {0}")]
    Refused(String),
    /// A task has no answer.
    #[error("state `{state}` makes its call number {call} and no mock answers: {reason}")]
    Unanswered {
        /// The state.
        state: String,
        /// Which call of the state it is, from 0.
        call: u64,
        /// What is missing.
        reason: String,
    },
    /// It waits for what only the world can bring.
    #[error("it waits for somebody outside: a worker, a token or a child that is not there")]
    Waits,
}

/// A call that a task made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The state.
    pub state: String,
    /// Service and operation as boto3 names them, e.g. `ec2:CreateTags`.
    pub call: String,
    /// The call's parameters, all values filled in.
    pub params: Value,
    /// Whether the state's time is limited, so that it may fail with `States.Timeout`.
    pub limited: bool,
    /// Whether a Retry, of the state or of one around it, may take `States.Timeout`.
    retried: bool,
    /// Whether it was answered well.
    done: bool,
}

/// How a rehearsal ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The execution's status.
    pub status: Status,
    /// JSON text of its output, if it succeeded.
    pub output: Option<String>,
    /// The error's name, if it did not.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// The states that were entered, in order.
    pub path: Vec<String>,
    /// The calls that were made, in order.
    pub calls: Vec<Made>,
    /// How long it took by the clock of the rehearsal, in seconds.
    pub seconds: i64,
}

/// What answers a state's call: state, and which of its calls it is, from 0.
pub type Answers<'a> = dyn FnMut(&str, u64) -> Result<Reply, String> + 'a;

/// Runs an execution of a definition from its start to its end.
///
/// # Errors
/// When the start is refused, a task has no answer, or nothing would ever wake the execution.
pub fn rehearse(
    (name, definition, express): (&str, &str, bool),
    input: &str,
    answers: &mut Answers<'_>,
) -> Result<Ended, Stuck> {
    Stage::default().rehearse((name, definition, express), input, answers)
}

/// What an execution begins with.
fn start((name, definition, express): (&str, &str, bool), input: &str) -> Start {
    let account = "123456789012";
    let machine_arn = format!("arn:aws:states:us-east-1:{account}:stateMachine:{name}");
    Start {
        name: "rehearsal".to_owned(),
        arn: format!("arn:aws:states:us-east-1:{account}:execution:{name}:rehearsal"),
        machine_arn,
        machine_name: name.to_owned(),
        definition: definition.to_owned(),
        revision: None,
        version: None,
        alias: None,
        express,
        logging: None,
        tracing: false,
        updated: None,
        trace_header: None,
        role_arn: format!("arn:aws:iam::{account}:role/rehearsal"),
        input: input.to_owned(),
        capture: false,
        member: None,
    }
}

/// Everything around the execution.
struct Stage {
    id: Uuid,
    at: Timestamp,
    began: Timestamp,
    turns: u64,
    definitions: Arc<Definitions>,
    timers: Vec<(Timestamp, String)>,
    /// Calls that wait for their answer.
    asked: Vec<(Uuid, String, Value)>,
    /// Tokens of tasks that wait for a worker, with their inputs.
    offered: Vec<(String, Value)>,
    /// Map runs that are to begin.
    runs: Vec<(Uuid, Box<Begin>)>,
    /// What the map run that the execution belongs to is told of its end.
    told: Option<RunInput>,
    made: Vec<Made>,
    counts: BTreeMap<String, u64>,
    path: Vec<String>,
    goes_on: bool,
    /// Makes what is random another one.
    salt: u64,
    /// The state whose calls are made twice.
    twice: Option<Twice>,
}

impl Default for Stage {
    fn default() -> Self {
        let noon = Timestamp::from_second(1_767_268_800).unwrap_or_default();
        Self {
            id: Uuid::from_u128(1),
            at: noon,
            began: noon,
            turns: 0,
            definitions: Arc::default(),
            timers: Vec::new(),
            asked: Vec::new(),
            offered: Vec::new(),
            runs: Vec::new(),
            told: None,
            made: Vec::new(),
            counts: BTreeMap::new(),
            path: Vec::new(),
            goes_on: false,
            salt: 0,
            twice: None,
        }
    }
}

impl Stage {
    fn rehearse(
        &mut self,
        machine: (&str, &str, bool),
        input: &str,
        answers: &mut Answers<'_>,
    ) -> Result<Ended, Stuck> {
        let execution = self.perform(start(machine, input), answers)?;
        let (error, cause) = execution.failure();
        Ok(Ended {
            status: execution.status(),
            output: execution.output().map(str::to_owned),
            error: error.map(str::to_owned),
            cause: cause.map(str::to_owned),
            path: self.path.clone(),
            calls: self.made.clone(),
            seconds: self.at.duration_since(self.began).as_secs(),
        })
    }

    /// Runs an execution to its end.
    fn perform(&mut self, start: Start, answers: &mut Answers<'_>) -> Result<Execution, Stuck> {
        let mut execution = self.turn(None, Input::Start(Box::new(start)))?;
        while execution.status() == Status::Running {
            if self.turns > MAX_TURNS {
                return Err(Stuck::Waits);
            }
            if self.goes_on {
                execution = self.turn(Some(execution), Input::Continue)?;
            } else if !self.asked.is_empty() {
                execution = self.answer(execution, answers)?;
            } else if !self.offered.is_empty() {
                execution = self.work(execution, answers)?;
            } else if !self.runs.is_empty() {
                execution = self.map_run(execution, answers)?;
            } else {
                execution = self.wake(execution)?;
            }
        }
        Ok(execution)
    }

    /// Answers the call that was asked for first. The state it belongs to is told when its outcome is unknown, and an
    /// unknown outcome is settled with the state's result: that is what a mock gives.
    fn answer(
        &mut self,
        execution: Execution,
        answers: &mut Answers<'_>,
    ) -> Result<Execution, Stuck> {
        let (effect, name, params) = self.asked.remove(0);
        let outcome = Outcome::Unknown {
            reason: String::new(),
        };
        let execution = self.turn(Some(execution), Input::Effect { effect, outcome })?;
        let Some(state) = execution
            .unknown()
            .next()
            .map(|unknown| unknown.state.to_owned())
        else {
            // The call belonged to a branch that was given up meanwhile.
            return Ok(execution);
        };
        let made = made(&execution, &state, (name, params));
        if self.is_made_again(&made, answers) {
            self.made.push(made);
            let word = Settlement::Retry;
            let waiting = self.asked.len();
            let execution = self.turn(Some(execution), resolved(state, word))?;
            // The second call follows the first at once, whatever other branches wait for.
            if self.asked.len() > waiting {
                self.asked.rotate_left(waiting);
            }
            return Ok(execution);
        }
        let word = self.said(made, answers)?;
        let waiting = (self.asked.len(), self.retries());
        let execution = self.turn(Some(execution), resolved(state, word))?;
        self.retry_lost(execution, waiting)
    }

    /// Keys of the timers of retries.
    fn retries(&self) -> Vec<String> {
        let keys = self.timers.iter().map(|(_, key)| key);
        keys.filter(|key| key.ends_with("/retry"))
            .cloned()
            .collect()
    }

    /// Does again at once what a Retry does again because an answer was lost: what runs beside it is not overtaken then,
    /// and the mocks' numbers mean the same calls as before.
    fn retry_lost(
        &mut self,
        execution: Execution,
        (waiting, known): (usize, Vec<String>),
    ) -> Result<Execution, Stuck> {
        if !self.twice.as_mut().is_some_and(Twice::was_lost) {
            return Ok(execution);
        }
        let mut retries = self.retries();
        retries.retain(|key| !known.contains(key));
        let Some(key) = retries.pop() else {
            return Ok(execution);
        };
        self.timers.retain(|(_, set)| *set != key);
        let execution = self.turn(Some(execution), Input::Timer { key })?;
        if self.asked.len() > waiting {
            self.asked.rotate_left(waiting);
        }
        Ok(execution)
    }

    /// A worker takes the task that was offered first, and says of it what its mock says.
    fn work(
        &mut self,
        execution: Execution,
        answers: &mut Answers<'_>,
    ) -> Result<Execution, Stuck> {
        let (token, params) = self.offered.remove(0);
        let thread = token.split('.').nth(1).and_then(|text| text.parse().ok());
        let thread = thread.and_then(|thread: u32| execution.threads.get(&thread));
        let state = thread.and_then(|thread| {
            let block = execution.machine.blocks.get(thread.block)?;
            Some(block.states.get(thread.state)?.name.clone())
        });
        let Some(state) = state else {
            // The task belonged to a branch that was given up meanwhile.
            return Ok(execution);
        };
        let mut execution = execution;
        for word in [Word::Offered, Word::Taken { worker: None }] {
            let token = token.clone();
            execution = self.turn(Some(execution), Input::Activity { token, word })?;
        }
        let made = made(&execution, &state, ("activity".to_owned(), params));
        let word = self.said(made, answers)?;
        self.turn(Some(execution), Input::Token { token, word })
    }

    /// What a mock says of a call of a state.
    fn said(&mut self, mut made: Made, answers: &mut Answers<'_>) -> Result<Settlement, Stuck> {
        let count = self.counts.entry(made.state.clone()).or_default();
        let call = *count;
        let reply = match self.twice.as_mut() {
            Some(twice) if twice.state == made.state => twice.reply(call, answers),
            _ => answers(&made.state, call).map(|reply| (reply, true)),
        };
        let (reply, counts) = reply.map_err(|reason| Stuck::Unanswered {
            state: made.state.clone(),
            call,
            reason,
        })?;
        *count += u64::from(counts);
        made.done = matches!(reply, Reply::Return(_));
        self.made.push(made);
        Ok(match reply {
            Reply::Return(output) => Settlement::Succeeded { output },
            Reply::Throw { error, cause } => Settlement::Failed {
                error: Some(error),
                cause: Some(cause),
            },
        })
    }

    /// Whether this call is now made a second time.
    fn is_made_again(&mut self, made: &Made, answers: &mut Answers<'_>) -> bool {
        let call = self.counts.get(&made.state).copied().unwrap_or_default();
        let twice = self
            .twice
            .as_mut()
            .filter(|twice| twice.state == made.state);
        twice.is_some_and(|twice| twice.again(call, answers))
    }

    /// Lets the time pass until the next timer.
    fn wake(&mut self, execution: Execution) -> Result<Execution, Stuck> {
        let next = self.timers.iter().enumerate().min_by_key(|(_, set)| *set);
        let Some((at, _)) = next else {
            return Err(Stuck::Waits);
        };
        let (due, key) = self.timers.swap_remove(at);
        self.at = self.at.max(due);
        self.turn(Some(execution), Input::Timer { key })
    }

    /// What the next turn is given besides its input.
    fn context(&mut self) -> Context {
        self.turns += 1;
        let mut entropy = [0; 32];
        entropy[..8].copy_from_slice(&self.turns.to_le_bytes());
        entropy[8..16].copy_from_slice(&self.salt.to_le_bytes());
        Context {
            id: self.id,
            scope: Scope::new("123456789012", "us-east-1"),
            at: self.at,
            entropy,
            budget: BUDGET,
            definitions: Arc::clone(&self.definitions),
        }
    }

    fn turn(&mut self, execution: Option<Execution>, input: Input) -> Result<Execution, Stuck> {
        let cx = self.context();
        let refused = |rejection: Rejection| Stuck::Refused(rejection.to_string());
        let decision = super::machine::step(execution, input, &cx).map_err(refused)?;
        for frame in &decision.frames {
            let kept = frame.key.starts_with(HISTORY_FAMILY);
            let body = frame.body.as_ref().filter(|_| kept);
            if let Some(Value::Array(events)) = body.map(FrameBody::to_value) {
                self.path.extend(events.iter().filter_map(entered));
            }
        }
        self.goes_on = false;
        for command in decision.commands {
            match command {
                Command::SetTimer { key, due } => self.timers.push((due, key)),
                Command::CancelTimer { key } => self.timers.retain(|(_, set)| *set != key),
                Command::Continue => self.goes_on = true,
                Command::Perform { effect, command } => {
                    let asked = asked(command);
                    self.asked
                        .extend(asked.map(|(name, params)| (effect, name, params)));
                }
                Command::Offer { token, input, .. } => {
                    let input = serde_json::from_str(&input).unwrap_or_default();
                    self.offered.push((token, input));
                }
                Command::Withdraw { token, .. } => self.offered.retain(|(it, _)| *it != token),
                Command::BeginMapRun { run, begin } => self.runs.push((run, begin)),
                Command::StopMapRun { run } => self.runs.retain(|(it, _)| *it != run),
                // Nobody redrives a rehearsal.
                Command::RedriveMapRun { .. } => {}
                Command::TellMapRun {
                    index,
                    attempt,
                    end,
                    ..
                } => {
                    self.told = Some(RunInput::Ended {
                        index,
                        attempt,
                        end,
                    });
                }
                // A rehearsal has no log group and no bus.
                Command::Log { .. } | Command::Announce(_) => {}
            }
        }
        Ok(decision.state)
    }
}

/// The name and the parameters of what a Task asks for.
fn asked(command: EffectCommand) -> Option<(String, Value)> {
    match command {
        EffectCommand::CallAws(call) => {
            Some((format!("{}:{}", call.service, call.operation), call.params))
        }
        EffectCommand::InvokeHttp(call) => Some(("http:invoke".to_owned(), web::shown(&call))),
        _ => None,
    }
}

/// A state's call.
fn made(execution: &Execution, state: &str, (call, params): (String, Value)) -> Made {
    let machine = &execution.machine;
    let mut states = machine.blocks.iter().flat_map(|block| &block.states);
    let limited = states.any(|one| match &one.kind {
        Kind::Task(task) if one.name == state => task.timeout.is_some() || task.heartbeat.is_some(),
        _ => false,
    });
    Made {
        state: state.to_owned(),
        call,
        params,
        limited,
        retried: repeat::retries(machine, state),
        done: false,
    }
}

/// What is said of the one call whose outcome is unknown.
fn resolved(state: String, word: Settlement) -> Input {
    let call = None;
    Input::Resolve { state, call, word }
}

fn entered(event: &Value) -> Option<String> {
    let name = event.get("stateEnteredEventDetails")?.get("name")?.as_str();
    name.map(str::to_owned)
}
