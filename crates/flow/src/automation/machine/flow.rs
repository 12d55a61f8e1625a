//! From step to step: begin, settle, retry, follow the arrows, go round loops, end.

use model::effect::{Failure as EffectFailure, Outcome};
use model::report::RunReport;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::turn::{TIMEOUT, Turn};
use crate::automation::action::{self, Goto, Memory, Progress, Success};
use crate::automation::document::{Action, Body, OnFailure, Step};
use crate::automation::input::Command;
use crate::automation::parameters::to_wire;
use crate::automation::record::{Failure, ParentStep, Status, StepExecution, execution_id};
use crate::automation::run::{Current, LoopState, MAX_STEP_EXECUTIONS, Run, Stop};
use crate::expr::value_type::text_of;

/// Begins steps until one waits, the run ends, or the budget is spent.
pub(super) fn advance(turn: &mut Turn<'_>) {
    while let Some(at) = next_to_begin(turn) {
        if turn.begun >= turn.cx.budget.max(1) {
            turn.commands.push(Command::Continue);
            break;
        }
        turn.run.root.next = None;
        begin(turn, at);
    }
    settle_status(turn);
}

fn next_to_begin(turn: &Turn<'_>) -> Option<usize> {
    let root = &turn.run.root;
    let free = !root.status.is_final()
        && root.current.is_none()
        && root.lookup.is_none()
        && root.lookups.is_empty()
        && !waits_for_start(&turn.run);
    root.next.filter(|_| free)
}

/// Whether an interactive run stands before a step that nobody has started.
pub(super) fn waits_for_start(run: &Run) -> bool {
    let cancelling = matches!(run.root.stop, Some(Stop::Cancel { .. }));
    run.request().mode == "Interactive" && !run.root.started_by_hand && !cancelling
}

fn settle_status(turn: &mut Turn<'_>) {
    if turn.run.root.status.is_final() {
        return;
    }
    let root = &turn.run.root;
    let waiting = match &root.current {
        Some(_) => turn
            .run
            .current()
            .is_some_and(|record| record.status == Status::Waiting),
        None => root.next.is_some() && waits_for_start(&turn.run),
    };
    let status = match &root.stop {
        Some(Stop::Cancel { .. }) => Status::Cancelling,
        _ if waiting => Status::Waiting,
        _ => Status::InProgress,
    };
    turn.run.root.status = status;
}

fn begin(turn: &mut Turn<'_>, at: usize) {
    let document = turn.document();
    let Some(step) = document.steps.get(at) else {
        return;
    };
    turn.begun += 1;
    turn.run.root.started_by_hand = false;
    let seq = u32::try_from(turn.run.steps.len()).unwrap_or(u32::MAX);
    if seq >= MAX_STEP_EXECUTIONS {
        let message = format!(
            "the run has executed {MAX_STEP_EXECUTIONS} steps, which is the limit: its steps probably go round in a circle"
        );
        turn.run.root.failed = Some(message);
        return end(turn, false);
    }
    let again = turn.run.latest.get(at).copied().flatten().map(|_| seq);
    let record = new_record(turn, step, (seq, again));
    turn.run.steps.push(std::sync::Arc::new(record));
    if let Some(slot) = turn.run.latest.get_mut(at) {
        *slot = Some(seq);
    }
    turn.touch(seq);
    let body =
        json!({"run": turn.cx.id, "seq": seq, "step": step.name, "action": step.action.as_str()});
    turn.fact("run.step.started", body);
    turn.run.root.current = Some(Current {
        seq,
        step: at,
        effect: None,
        reading: false,
        unknown: None,
        overdue: false,
        timers: Vec::new(),
        ticks: 0,
        memory: Memory::Nothing,
    });
    match turn.run.inputs(turn.cx, step) {
        Err(failure) => settle(turn, Progress::Failed(failure)),
        Ok(inputs) => {
            if let Some(record) = turn.touch(seq) {
                record.inputs = inputs.clone();
            }
            if step.action == Action::Loop {
                begin_loop(turn, step, at, &inputs);
            } else {
                let progress = action::begin(turn, step, &inputs);
                settle(turn, progress);
            }
        }
    }
}

fn new_record(turn: &Turn<'_>, step: &Step, (seq, again): (u32, Option<u32>)) -> StepExecution {
    let parent = turn
        .run
        .root
        .in_loop
        .as_ref()
        .filter(|_| step.parent.is_some())
        .and_then(|state| {
            let record = turn.run.record(state.seq)?;
            Some(ParentStep {
                id: record.id,
                name: record.name.clone(),
                iteration: state.iteration,
                value: turn
                    .run
                    .iterator_value(state)
                    .map(|value| text_of(&value).into_owned()),
            })
        });
    StepExecution {
        v: 1,
        seq,
        id: execution_id(turn.cx.id, &step.name, again),
        name: step.name.clone(),
        action: step.action.as_str().to_owned(),
        status: Status::InProgress,
        outcome_unknown: false,
        started: turn.cx.at,
        ended: None,
        attempt: 1,
        inputs: Map::new(),
        outputs: Map::new(),
        response: None,
        response_code: None,
        failure: None,
        parent,
    }
}

fn begin_loop(turn: &mut Turn<'_>, step: &Step, at: usize, inputs: &Map<String, Value>) {
    match action::begin_loop(step, inputs) {
        Err(failure) => settle(turn, Progress::Failed(failure)),
        Ok(false) => settle(turn, Progress::done(Map::new())),
        Ok(true) => {
            let Some(current) = turn.run.root.current.take() else {
                return;
            };
            let timer = step.timeout_seconds.map(|seconds| {
                let key = format!("{}/loop/{TIMEOUT}", current.seq);
                turn.timer_at(key.clone(), seconds);
                key
            });
            turn.run.root.in_loop = Some(LoopState {
                seq: current.seq,
                step: at,
                iteration: 1,
                timer,
                overdue: false,
            });
            if let Body::Loop { first, .. } = &step.body {
                turn.run.root.next = Some(*first);
            }
        }
    }
}

/// Takes in how far the current step came.
pub(super) fn settle(turn: &mut Turn<'_>, progress: Progress) {
    let document = turn.document();
    let Some((seq, at)) = turn
        .run
        .root
        .current
        .as_ref()
        .map(|current| (current.seq, current.step))
    else {
        return;
    };
    let Some(step) = document.steps.get(at) else {
        return;
    };
    match progress {
        Progress::Waiting => {
            let people = action::waits_for_people(step.action);
            let fresh = turn
                .run
                .record(seq)
                .is_some_and(|record| record.status != Status::Waiting);
            if people && fresh {
                if let Some(record) = turn.touch(seq) {
                    record.status = Status::Waiting;
                }
                report_step(turn, seq, None);
            }
        }
        Progress::Done(success) => succeed(turn, (step, seq), success),
        Progress::Failed(failure) => fail(turn, (step, seq), failure),
    }
}

fn succeed(turn: &mut Turn<'_>, (step, seq): (&Step, u32), success: Success) {
    let Success {
        outputs,
        response,
        goto,
    } = success;
    if let Some(record) = turn.touch(seq) {
        if !outputs.is_empty() {
            record.outputs = outputs;
        }
        record.response = response.or(record.response.take());
        record.response_code = Some("0".to_owned());
        record.failure = None;
    }
    close(turn, seq, Status::Success);
    if turn.run.root.stop
        == Some(Stop::Cancel {
            cleaning: false,
            timer: None,
        })
    {
        // The effect that was in flight when the run was cancelled has ended.
        return super::stop::clean_up(turn, step);
    }
    follow(turn, step, goto);
}

fn fail(turn: &mut Turn<'_>, (step, seq): (&Step, u32), failure: Failure) {
    let cancelled = turn.run.root.stop
        == Some(Stop::Cancel {
            cleaning: false,
            timer: None,
        });
    let loop_overdue = turn
        .run
        .root
        .in_loop
        .as_ref()
        .is_some_and(|state| state.overdue);
    let attempts = turn.run.record(seq).map_or(1, |record| record.attempt);
    if failure.retryable() && attempts < step.max_attempts && !cancelled && !loop_overdue {
        return retry(turn, step, seq);
    }
    let status = match (cancelled, failure.timed_out) {
        (true, _) => Status::Cancelled,
        (false, true) => Status::TimedOut,
        (false, false) => Status::Failed,
    };
    if let Some(record) = turn.touch(seq) {
        record.response_code = failure.code.clone();
        record.failure = Some(failure.clone());
    }
    close(turn, seq, status);
    if cancelled {
        return super::stop::clean_up(turn, step);
    }
    if loop_overdue && step.parent.is_some() {
        return close_overdue_loop(turn);
    }
    follow_failure(turn, step, &failure);
}

/// The next attempt begins at once, as a new intent.
fn retry(turn: &mut Turn<'_>, step: &Step, seq: u32) {
    if let Some(record) = turn.touch(seq) {
        record.attempt += 1;
    }
    restart(turn, step);
}

/// Begins the current step's action anew.
pub(super) fn restart(turn: &mut Turn<'_>, step: &Step) {
    drop_timers(turn);
    if let Some(current) = turn.current_mut() {
        current.effect = None;
        current.unknown = None;
        current.overdue = false;
        current.memory = Memory::Nothing;
    }
    let inputs = turn.current_inputs();
    // An action that fails at once takes its attempts one after another here: as deep as there are attempts.
    let progress = action::begin(turn, step, &inputs);
    settle(turn, progress);
}

pub(super) fn drop_timers(turn: &mut Turn<'_>) {
    let timers = turn
        .current_mut()
        .map(|current| std::mem::take(&mut current.timers))
        .unwrap_or_default();
    for key in timers {
        turn.cancel_timer(key);
    }
}

/// Ends a step execution: record, fact, report. The current one leaves its place.
pub(super) fn close(turn: &mut Turn<'_>, seq: u32, status: Status) {
    if turn
        .run
        .root
        .current
        .as_ref()
        .is_some_and(|current| current.seq == seq)
    {
        drop_timers(turn);
        turn.run.root.current = None;
    }
    let at = turn.cx.at;
    if let Some(record) = turn.touch(seq) {
        record.status = status;
        record.outcome_unknown = false;
        record.ended = Some(at);
    }
    if let Some(record) = turn.run.record(seq) {
        let body = json!({
            "run": turn.cx.id,
            "seq": seq,
            "step": record.name,
            "action": record.action,
            "status": status.as_str(),
            "attempts": record.attempt,
            "message": record.failure.as_ref().map(|failure| &failure.message),
        });
        turn.fact("run.step.ended", body);
    }
    report_step(turn, seq, None);
}

/// Tells the incident about a step. `remark` replaces what the record says.
pub(super) fn report_step(turn: &mut Turn<'_>, seq: u32, remark: Option<String>) {
    if turn.run.incident().is_none() {
        return;
    }
    let Some(record) = turn.run.record(seq) else {
        return;
    };
    let status = if record.outcome_unknown {
        "OutcomeUnknown"
    } else {
        record.status.as_str()
    };
    let message = remark
        .or_else(|| {
            record
                .failure
                .as_ref()
                .map(|failure| failure.message.clone())
        })
        .or_else(|| record.response.clone())
        .or_else(|| {
            (!record.outputs.is_empty()).then(|| Value::Object(record.outputs.clone()).to_string())
        });
    let report = RunReport::Step {
        run: turn.cx.id,
        step: record.name.clone(),
        action: record.action.clone(),
        status: status.to_owned(),
        started: record.started,
        ended: record.ended,
        message: message.map(|text| text.chars().take(1_000).collect()),
    };
    turn.report(report);
}

/// After a success, or a failure that is passed over.
fn follow(turn: &mut Turn<'_>, step: &Step, goto: Option<Goto>) {
    if turn.run.root.stop == Some(Stop::Complete) {
        return end(turn, false);
    }
    let target = match goto {
        Some(Goto(name)) => Some(name),
        None if step.is_end => return end_of_list(turn, step),
        None => step.next_step.clone(),
    };
    let next = match target {
        Some(name) => turn.run.document.by_name.get(&name).copied(),
        None => step.following,
    };
    match next {
        Some(next) => turn.run.root.next = Some(next),
        None => end_of_list(turn, step),
    }
}

pub(super) fn follow_failure(turn: &mut Turn<'_>, step: &Step, failure: &Failure) {
    if step.critical() {
        turn.run.root.failed = Some(failure.message.clone());
    }
    match &step.on_failure {
        OnFailure::Continue => follow(turn, step, None),
        OnFailure::Step(name) if turn.run.root.stop != Some(Stop::Complete) => {
            turn.run.root.next = turn.run.document.by_name.get(name).copied();
            if turn.run.root.next.is_none() {
                end(turn, false);
            }
        }
        OnFailure::Abort | OnFailure::Step(_) => end(turn, failure.timed_out && step.critical()),
    }
}

/// Nothing follows in this list: the run ends, or the loop's pass does.
fn end_of_list(turn: &mut Turn<'_>, step: &Step) {
    let cancelling = matches!(turn.run.root.stop, Some(Stop::Cancel { .. }));
    let state = turn
        .run
        .root
        .in_loop
        .clone()
        .filter(|_| step.parent.is_some() && !cancelling);
    let document = turn.document();
    let Some((state, around)) =
        state.and_then(|s| document.steps.get(s.step).map(|around| (s, around)))
    else {
        return end(turn, false);
    };
    if state.overdue {
        return close_overdue_loop(turn);
    }
    match action::another_pass(turn, around, &state) {
        Ok(true) => {
            if let Some(live) = turn.run.root.in_loop.as_mut() {
                live.iteration += 1;
            }
            if let Body::Loop { first, .. } = &around.body {
                turn.run.root.next = Some(*first);
            }
        }
        Ok(false) => {
            leave_loop(turn, Status::Success, None);
            follow(turn, around, None);
        }
        Err(failure) => {
            leave_loop(turn, Status::Failed, Some(failure.clone()));
            follow_failure(turn, around, &failure);
        }
    }
}

fn close_overdue_loop(turn: &mut Turn<'_>) {
    let document = turn.document();
    let Some(around) = turn
        .run
        .root
        .in_loop
        .as_ref()
        .and_then(|state| document.steps.get(state.step))
    else {
        return;
    };
    let failure = Failure::timed_out(format!("Step {} timed out.", around.name));
    leave_loop(turn, Status::TimedOut, Some(failure.clone()));
    follow_failure(turn, around, &failure);
}

/// Ends the loop's own execution.
pub(super) fn leave_loop(turn: &mut Turn<'_>, status: Status, failure: Option<Failure>) {
    let Some(state) = turn.run.root.in_loop.take() else {
        return;
    };
    if let Some(key) = state.timer {
        turn.cancel_timer(key);
    }
    if let Some(record) = turn.touch(state.seq) {
        record.response = Some(format!("{} passes", state.iteration));
        record.failure = failure;
    }
    close(turn, state.seq, status);
}

/// Ends the run.
pub(super) fn end(turn: &mut Turn<'_>, timed_out: bool) {
    let failed = turn.run.root.failed.clone();
    let status = match &turn.run.root.stop {
        Some(Stop::Cancel { .. }) => Status::Cancelled,
        _ if timed_out => Status::TimedOut,
        _ if failed.is_some() => Status::Failed,
        _ => Status::Success,
    };
    if turn.run.root.in_loop.is_some() {
        let failure = failed
            .clone()
            .filter(|_| !matches!(status, Status::Success | Status::Cancelled));
        leave_loop(turn, status, failure.map(Failure::action));
    }
    if let Some(Stop::Cancel {
        timer: Some(key), ..
    }) = turn.run.root.stop.clone()
    {
        turn.cancel_timer(key);
    }
    let outputs = collect_outputs(&turn.run);
    let root = &mut turn.run.root;
    root.status = status;
    root.ended = Some(turn.cx.at);
    root.next = None;
    root.current = None;
    root.lookup = None;
    root.lookups.clear();
    root.failure_message = failed.filter(|_| status != Status::Success);
    root.outputs = outputs;
    let message = root.failure_message.clone();
    let outputs = json!(root.outputs);
    let body = json!({"run": turn.cx.id, "status": status.as_str(), "message": message});
    turn.fact("run.ended", body);
    let report = RunReport::Ended {
        run: turn.cx.id,
        status: status.as_str().to_owned(),
        outputs,
        message,
    };
    turn.report(report);
}

/// The document's outputs as far as their steps came, in wire shape.
fn collect_outputs(run: &Run) -> std::collections::BTreeMap<String, Vec<String>> {
    let mut outputs = std::collections::BTreeMap::new();
    for name in &run.document.outputs {
        let found = name.split_once('.').and_then(|(step, output)| {
            let at = *run.document.by_name.get(step)?;
            let seq = (*run.latest.get(at)?)?;
            run.record(seq)?.outputs.get(output)
        });
        if let Some(value) = found {
            outputs.insert(name.clone(), to_wire(value));
        }
    }
    outputs
}

/// An effect of a step ended. One that nobody waits for any more is passed over.
pub(super) fn on_effect(turn: &mut Turn<'_>, effect: Uuid, outcome: Outcome) {
    let document = turn.document();
    let Some(current) = turn.current_mut() else {
        return;
    };
    let late = current
        .unknown
        .as_ref()
        .is_some_and(|(id, _)| *id == effect);
    if current.effect != Some(effect) && !late {
        return;
    }
    let (seq, at, reading, overdue) = (current.seq, current.step, current.reading, current.overdue);
    let Some(step) = document.steps.get(at) else {
        return;
    };
    let answer = match outcome {
        Outcome::Done { result } => Ok(result),
        Outcome::Failed(failure) => Err(failure),
        Outcome::Unknown { reason } if reading => Err(unknown_read(reason)),
        Outcome::Unknown { .. } if late => return,
        Outcome::Unknown { reason } => return mark_unknown(turn, (effect, seq), reason),
    };
    current.effect = None;
    current.unknown = None;
    current.overdue = false;
    if late && let Some(record) = turn.touch(seq) {
        record.outcome_unknown = false;
        record.status = Status::InProgress;
    }
    turn.touch(seq);
    let progress = if overdue && !action::is_single_effect(step.action) {
        Progress::Failed(time_is_up(step))
    } else {
        action::on_effect(turn, step, answer)
    };
    if late && matches!(progress, Progress::Waiting) {
        // The time limit stood still while a person was asked.
        turn.set_timeout(step.timeout_seconds.unwrap_or(action::DEFAULT_TIMEOUT));
    }
    settle(turn, progress);
}

/// A reading call whose answer was lost has changed nothing.
fn unknown_read(reason: String) -> EffectFailure {
    EffectFailure {
        code: "Network".to_owned(),
        message: reason,
        status: None,
        request_id: None,
        transient: true,
    }
}

fn mark_unknown(turn: &mut Turn<'_>, (effect, seq): (Uuid, u32), reason: String) {
    drop_timers(turn);
    if let Some(current) = turn.current_mut() {
        current.effect = None;
        current.unknown = Some((effect, reason.clone()));
    }
    if let Some(record) = turn.touch(seq) {
        record.outcome_unknown = true;
        record.status = Status::Waiting;
        record.response = Some(format!("outcome unknown: {reason}"));
    }
    report_step(turn, seq, Some(reason));
    if matches!(turn.run.root.stop, Some(Stop::Cancel { .. })) {
        super::stop::give_up(turn);
    }
}

fn time_is_up(step: &Step) -> Failure {
    Failure::timed_out(format!("Step {} timed out.", step.name))
}

/// A timer is due. Timers that were taken back, or of steps that ended, are passed over.
pub(super) fn on_timer(turn: &mut Turn<'_>, key: &str) {
    if turn
        .run
        .root
        .in_loop
        .as_ref()
        .is_some_and(|state| state.timer.as_deref() == Some(key))
    {
        return on_loop_timer(turn);
    }
    if matches!(&turn.run.root.stop, Some(Stop::Cancel { timer: Some(set), .. }) if set == key) {
        return super::stop::give_up(turn);
    }
    let document = turn.document();
    let Some(current) = turn.current_mut() else {
        return;
    };
    let Some(place) = current.timers.iter().position(|set| set == key) else {
        return;
    };
    current.timers.remove(place);
    let (seq, at) = (current.seq, current.step);
    let Some(step) = document.steps.get(at) else {
        return;
    };
    turn.touch(seq);
    if key.ends_with(TIMEOUT) {
        time_out(turn, step);
    } else {
        let progress = action::on_timer(turn, step);
        settle(turn, progress);
    }
}

/// The current attempt's time is up. An effect that changes the world is waited for: it is bounded, and its outcome
/// belongs into the record.
fn time_out(turn: &mut Turn<'_>, step: &Step) {
    let Some(current) = turn.current_mut() else {
        return;
    };
    if current.effect.is_some() && !current.reading {
        current.overdue = true;
        return;
    }
    current.effect = None;
    settle(turn, Progress::Failed(time_is_up(step)));
}

fn on_loop_timer(turn: &mut Turn<'_>) {
    let document = turn.document();
    if let Some(state) = turn.run.root.in_loop.as_mut() {
        state.timer = None;
        state.overdue = true;
        let seq = state.seq;
        turn.touch(seq);
    }
    match turn
        .run
        .root
        .current
        .as_ref()
        .and_then(|current| document.steps.get(current.step))
    {
        Some(step) => time_out(turn, step),
        None => close_overdue_loop(turn),
    }
}
