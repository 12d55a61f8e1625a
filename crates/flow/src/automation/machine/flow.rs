//! From step to step: begin, follow the arrows, end.

use model::report::RunReport;
use serde_json::{Map, Value, json};

use super::settle::settle;
use super::turn::Turn;
use super::{alarm, rehearse, rounds};
use crate::automation::action::{self, Goto, Memory, Progress};
use crate::automation::agreed;
use crate::automation::document::{Action, OnFailure, Step};
use crate::automation::input::Command;
use crate::automation::parameters::to_wire;
use crate::automation::record::{Failure, ParentStep, Status, StepExecution, execution_id};
use crate::automation::run::{Current, MAX_STEP_EXECUTIONS, Run, Stop};
use crate::expr::value_type::text_of;

/// Begins steps until one waits, the run ends, or the budget is spent.
pub(super) fn advance(turn: &mut Turn<'_>) {
    if !turn.run.root.status.is_final() && turn.run.root.status != Status::Pending {
        alarm::begin(turn);
    }
    if turn.run.is_fleet() {
        super::fleet::advance(turn);
    }
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
        && root.status != Status::Pending
        && root.current.is_none()
        && root.lookup.is_none()
        && root.lookups.is_empty()
        && !alarm::is_awaited(&turn.run)
        && !waits_for_start(&turn.run);
    root.next.filter(|_| free)
}

/// Whether an interactive run stands before a step that nobody has started.
pub(super) fn waits_for_start(run: &Run) -> bool {
    let cancelling = matches!(run.root.stop, Some(Stop::Cancel { .. }));
    run.request().mode == "Interactive" && !run.root.started_by_hand && !cancelling
}

fn settle_status(turn: &mut Turn<'_>) {
    if turn.run.root.status.is_final() || turn.run.root.status == Status::Pending {
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
    if !rehearse::enter(turn, at) {
        return;
    }
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
    turn.fact_of(
        "run.step.started",
        [
            ("run", turn.cx.id.to_string().into()),
            ("seq", seq.into()),
            ("step", step.name.as_str().into()),
            ("action", step.action.as_str().into()),
        ],
    );
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
        child: None,
        capture: None,
    });
    rehearse::begun(turn, step, (at, seq));
    agreed::begun(turn, step);
    let inputs = Run::inputs(step, &|reference| rehearse::lookup(turn, reference));
    match inputs {
        Err(failure) => settle(turn, Progress::Failed(failure)),
        Ok(inputs) => act(turn, (step, at, seq), inputs),
    }
}

/// Begins a step's action with its resolved inputs.
fn act(turn: &mut Turn<'_>, (step, at, seq): (&Step, usize, u32), mut inputs: Map<String, Value>) {
    if let Some(progress) = rehearse::instead(turn, step, &mut inputs) {
        if let Some(record) = turn.touch(seq) {
            record.inputs = inputs;
        }
        return settle(turn, progress);
    }
    if action::is_handed_all(step.action) {
        // These do not look at their record: its inputs need no copy.
        let progress = action::begin(turn, step, &inputs);
        if let Some(record) = turn.touch(seq) {
            record.inputs = inputs;
        }
        return settle(turn, progress);
    }
    if let Some(record) = turn.touch(seq) {
        record.inputs = inputs.clone();
    }
    if step.action == Action::Loop {
        return rounds::begin(turn, step, at, &inputs);
    }
    let progress = action::begin(turn, step, &inputs);
    settle(turn, progress);
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

/// After a success, or a failure that is passed over.
pub(super) fn follow(turn: &mut Turn<'_>, step: &Step, goto: Option<Goto>) {
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
    if step.parent.is_none() || cancelling || !rounds::end_of_pass(turn) {
        end(turn, false);
    }
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
        rounds::leave(turn, status, failure.map(Failure::action));
    }
    if let Some(Stop::Cancel {
        timer: Some(key), ..
    }) = turn.run.root.stop.clone()
    {
        turn.cancel_timer(key);
    }
    alarm::leave(turn);
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
    turn.tell_parent();
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
