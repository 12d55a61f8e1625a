//! The execution's machine: one input, the next state, the history's next events, and what the world is asked to do.
//!
//! | thread | input | next |
//! |---|---|---|
//! | none | Start | the first block's thread, ready |
//! | ready | (same turn) or Continue | its state entered, while the turn's budget lasts |
//! | Pass, Choice, Succeed, past Wait | (same turn) | the next state, or the end of its block |
//! | waiting | Timer | the next state |
//! | backing off | Timer | the state's work again |
//! | Parallel, Map | (same turn) | a thread for each branch or iteration, as many as may run at once |
//! | last branch or iteration ended | (same turn) | the state ends with their results |
//! | a state fails | (same turn) | a retry, a catcher's state, or the end of its block with the error |
//! | calling | Effect, Token | the next state, or what a failure leads to |
//! | calling | Effect unknown | waits for a person's Resolve |
//! | calling, for a job | Timer (look), Effect | a look at the job; its end is the state's |
//! | calling, for a worker | Activity, Token | what the activity and the worker say |
//! | calling | Timer (limit, heartbeat) | as a failure |
//! | distributed Map | MapRun | the next state, or what a failure leads to |
//! | any | Timer of the execution | TIMED_OUT |
//! | any | Stop | ABORTED |
//! | any but ready | MachineDeleted | as it was; FAILED before it enters another state |
//! | not ended well | Redrive | what was at work works again |
//! | ended | Effect | what became of a call that is kept |
//! | ended | anything else | nothing: it came too late |

mod announce;
mod bounds;
mod capture;
mod cut;
mod end;
mod enter;
mod event;
mod fail;
mod follow;
mod fork;
mod leave;
pub(crate) mod planned;
mod quantity;
mod redrive;
mod resolve;
mod shown;
mod spread;
mod supply;
mod task;
mod touched;
pub mod trial;
mod trial_map;
mod turn;
mod worker;

use jiff::{SignedDuration, Timestamp};
use model::{Decision, IndexEntry, Rejection};
use serde_json::{Value, json};

use super::definition::StateMachine;
use super::execution::{Execution, Phase, Status, Thread};
use super::input::{Command, Context, Input, Start};
use turn::Turn;

pub use redrive::MACHINE_DELETED;

/// Seconds after which the service ends an execution of an Express machine.
const EXPRESS_SECONDS: u64 = 300;

/// Name of the index that finds a machine's executions.
pub const MACHINE_INDEX: &str = "state-machine";

/// Takes one input. An execution that does not exist yet begins with [`Input::Start`].
///
/// # Errors
/// When the input is refused; nothing has changed then. `execution` is consumed: keep a (cheap) clone to go on with.
pub fn step(
    execution: Option<Execution>,
    input: Input,
    cx: &Context,
) -> Result<Decision<Execution, Command>, Rejection> {
    let Some(execution) = execution else {
        return match input {
            Input::Start(start) => self::start(*start, cx),
            _ => Err(Rejection::not_found("Execution", cx.id.to_string())),
        };
    };
    let mut turn = Turn::new(execution, cx);
    if let Input::Start(start) = &input {
        return started_again(turn, start);
    }
    if let Input::Redrive { token, by_map_run } = input {
        return redrive::asked(turn, token, by_map_run);
    }
    if turn.x.root.status != Status::Running {
        return match input {
            Input::Token { .. } => Err(no_task()),
            Input::Resolve { .. } => Err(Rejection::invalid("state", "the execution has ended")),
            Input::Effect { effect, outcome } => {
                capture::late(&mut turn, effect, &outcome);
                Ok(turn.finish())
            }
            _ => Ok(turn.finish()),
        };
    }
    match input {
        // A start and a redrive were answered above.
        Input::Start(_) | Input::Redrive { .. } | Input::Continue => {}
        Input::Timer { key } => on_timer(&mut turn, &key),
        Input::Effect { effect, outcome } => task::on_effect(&mut turn, effect, outcome),
        Input::Token { token, word } => {
            if !token_of(&token).is_some_and(|at| task::on_token(&mut turn, at, word)) {
                return Err(no_task());
            }
        }
        Input::Activity { token, word } => {
            if let Some(at) = token_of(&token) {
                worker::told(&mut turn, at, word);
            }
        }
        Input::Resolve { state, call, word } => resolve::resolved(&mut turn, (&state, call), word)?,
        Input::MapRun(report) => spread::told(&mut turn, *report),
        Input::Stop { error, cause } => end::abort(&mut turn, error, cause),
        Input::MachineDeleted => bounds::machine_deleted(&mut turn),
    }
    advance(&mut turn);
    Ok(turn.finish())
}

/// The same start again, while the execution runs, is the same execution; another under its name is refused.
fn started_again(
    mut turn: Turn<'_>,
    start: &Start,
) -> Result<Decision<Execution, Command>, Rejection> {
    let known = &turn.x.origin.start;
    if turn.x.root.status == Status::Running && known.input == start.input {
        turn.reply = started_reply(&turn);
        return Ok(turn.finish());
    }
    Err(Rejection::Conflict {
        code: "ExecutionAlreadyExists".to_owned(),
        message: format!("Execution Already Exists: '{}'", start.arn),
    })
}

fn started_reply(turn: &Turn<'_>) -> Value {
    json!({
        "executionArn": turn.x.origin.start.arn,
        "startDate": turn.x.root.started.as_millisecond(),
    })
}

fn no_task() -> Rejection {
    Rejection::Conflict {
        code: "TaskTimedOut".to_owned(),
        message: "Task Timed Out: 'Provided task does not exist anymore'".to_owned(),
    }
}

/// Thread and secret of a task's token, `EXECUTION.THREAD.SECRET`.
fn token_of(token: &str) -> Option<(u32, &str)> {
    let mut parts = token.split('.');
    let (_, thread, secret) = (parts.next()?, parts.next()?, parts.next()?);
    Some((thread.parse().ok()?, secret))
}

fn start(start: Start, cx: &Context) -> Result<Decision<Execution, Command>, Rejection> {
    let input: Value = serde_json::from_str(&start.input)
        .map_err(|error| Rejection::invalid("input", error.to_string()))?;
    let machine = cx.definitions.of(&start);
    let machine = machine.map_err(|all| Rejection::invalid("definition", all))?;
    let mut details = json!({
        "input": start.input,
        "inputDetails": {"truncated": false},
        "roleArn": start.role_arn,
    });
    for (member, arn) in [
        ("stateMachineAliasArn", &start.alias),
        ("stateMachineVersionArn", &start.version),
    ] {
        if let Some(arn) = arn {
            details[member] = json!(arn);
        }
    }
    let (block, item) = begins_at(&start, &machine)?;
    let limit = limit(&start, &machine);
    let execution = Execution::new(cx.id, cx.at, start, machine);
    let mut turn = Turn::new(execution, cx);
    turn.fresh = true;
    turn.event(
        "ExecutionStarted",
        0,
        Some(("executionStartedEventDetails", details)),
    );
    if let Some(seconds) = limit {
        let key = turn.timer("execution", seconds_after(cx.at, seconds));
        turn.x.root.limit = Some(key);
    }
    turn.begin_thread(None, (block, 0), (input.into(), item.map(Into::into)));
    turn.index = index(&turn.x.origin.start);
    turn.reply = started_reply(&turn);
    announce::status(&mut turn);
    advance(&mut turn);
    Ok(turn.finish())
}

/// The block that an execution walks through, and the item that its context shows.
fn begins_at(start: &Start, machine: &StateMachine) -> Result<(usize, Option<Value>), Rejection> {
    let Some(member) = &start.member else {
        return Ok((0, None));
    };
    if machine.blocks.get(member.block).is_none() {
        let message = format!("the definition has no block {}", member.block);
        return Err(Rejection::invalid("member", message));
    }
    Ok((member.block, Some(member.item.clone())))
}

/// Seconds that an execution may last. `TimeoutSeconds` of a definition does not mean the executions of its map runs.
fn limit(start: &Start, machine: &StateMachine) -> Option<u64> {
    let declared = machine.timeout_seconds.filter(|_| start.member.is_none());
    let longest = start.express.then_some(EXPRESS_SECONDS);
    declared.into_iter().chain(longest).min()
}

/// What finds the execution: its machine, version and alias, or its map run. Express executions are not listed.
fn index(start: &Start) -> Vec<IndexEntry> {
    if start.express {
        return Vec::new();
    }
    if let Some(member) = &start.member {
        return vec![IndexEntry {
            name: MACHINE_INDEX.to_owned(),
            value: member.map_run_arn().to_owned(),
        }];
    }
    [
        Some(&start.machine_arn),
        start.version.as_ref(),
        start.alias.as_ref(),
    ]
    .into_iter()
    .flatten()
    .map(|arn| IndexEntry {
        name: MACHINE_INDEX.to_owned(),
        value: arn.clone(),
    })
    .collect()
}

/// Enters states until all threads wait, the execution ends, or the budget is spent.
fn advance(turn: &mut Turn<'_>) {
    while turn.x.root.status == Status::Running {
        if turn.entered >= turn.cx.budget.max(1) && !turn.x.root.ready.is_empty() {
            turn.commands.push(Command::Continue);
            return;
        }
        let Some(thread) = turn.x.root.ready.pop_front() else {
            return;
        };
        turn.entered += 1;
        if !bounds::reached(turn, thread) {
            enter::enter(turn, thread);
        }
    }
}

fn on_timer(turn: &mut Turn<'_>, key: &str) {
    if turn.x.root.limit.as_deref() == Some(key) {
        return end::time_out(turn);
    }
    let found = turn.x.threads.values().find(|thread| match &thread.phase {
        Phase::Waiting { timer } | Phase::Backoff { timer } => timer == key,
        Phase::Calling(call) => [&call.timer, &call.beat]
            .into_iter()
            .chain(call.job.as_ref().map(|job| &job.timer))
            .flatten()
            .any(|set| set == key),
        _ => false,
    });
    let Some(Thread { id, phase, .. }) = found.map(AsRef::as_ref) else {
        return;
    };
    let id = *id;
    match phase {
        Phase::Waiting { .. } => leave::after_wait(turn, id),
        Phase::Calling(call) => {
            let look = call.job.as_ref().and_then(|job| job.timer.as_deref()) == Some(key);
            let missed_beat = call.beat.as_deref() == Some(key);
            match task::integration_at(turn, id).and_then(|found| found.job) {
                Some((job, _)) if look => follow::look(turn, id, job),
                _ => task::time_out(turn, id, missed_beat),
            }
        }
        _ => {
            if !bounds::reached(turn, id) {
                enter::work(turn, id);
            }
        }
    }
}

/// The instant so many seconds later.
fn seconds_after(at: Timestamp, seconds: u64) -> Timestamp {
    let wait = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}
