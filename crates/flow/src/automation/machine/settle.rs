//! How far the current step came: waiting, done, or failed and tried again.

use model::report::RunReport;
use serde_json::Value;

use super::flow::{follow, follow_failure};
use super::turn::{THROTTLE, Turn};
use super::{rehearse, rounds};
use crate::automation::action::{self, Memory, Progress, Success};
use crate::automation::agreed;
use crate::automation::document::{Action, Step};
use crate::automation::record::{Failure, Status};
use crate::automation::run::Stop;

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
    let progress = match agreed::drift(&turn.run) {
        Some(drift) => Progress::Failed(Failure::refused(drift)),
        None => progress,
    };
    match progress {
        // The effect that was in flight when the run was cancelled has ended, and the step would go on.
        Progress::Waiting if is_cancelled(turn) && !acts(turn) => {
            super::stop::cancel_step(turn, (step, seq));
        }
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

/// Whether the run is being cancelled, and its clean-up has not begun.
fn is_cancelled(turn: &Turn<'_>) -> bool {
    let asked = Stop::Cancel {
        cleaning: false,
        timer: None,
    };
    turn.run.root.stop == Some(asked)
}

/// Whether an effect that changes the world is in flight.
fn acts(turn: &Turn<'_>) -> bool {
    let current = turn.run.root.current.as_ref();
    current.is_some_and(|current| current.effect.is_some() && !current.reading)
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
    if is_cancelled(turn) {
        // The effect that was in flight when the run was cancelled has ended.
        return super::stop::clean_up(turn, step);
    }
    follow(turn, step, goto);
}

fn fail(turn: &mut Turn<'_>, (step, seq): (&Step, u32), failure: Failure) {
    if let Some(success) = rehearse::overlooks(turn, step, &failure) {
        return succeed(turn, (step, seq), success);
    }
    let cancelled = is_cancelled(turn);
    let loop_overdue = turn
        .run
        .root
        .in_loop
        .as_ref()
        .is_some_and(|state| state.overdue);
    if !cancelled && !loop_overdue && waits_for_quota(turn, (step, seq), &failure) {
        return;
    }
    let attempts = turn.run.record(seq).map_or(1, |record| record.attempt);
    let tries = failure.retryable() && attempts < step.max_attempts && turn.plan.is_none();
    if tries && !cancelled && !loop_overdue {
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
    if agreed::drift(&turn.run).is_some() {
        turn.run.root.failed = Some(failure.message);
        return super::flow::end(turn, false);
    }
    if loop_overdue && step.parent.is_some() {
        return rounds::close_overdue(turn);
    }
    follow_failure(turn, step, &failure);
}

/// A throttled call is made again later, as long as the account's setting allows; no attempt is used up. The waits
/// grow with the time that has passed, from a second to twenty.
fn waits_for_quota(turn: &mut Turn<'_>, (step, seq): (&Step, u32), failure: &Failure) -> bool {
    let begun = turn
        .run
        .record(seq)
        .map_or(turn.cx.at, |record| record.started);
    let passed = turn.cx.at.duration_since(begun).as_secs();
    let passed = u64::try_from(passed).unwrap_or(0);
    let throttled = failure.kind == "Throttling" && step.action != Action::ExecuteScript;
    // What is half done would not be found again by beginning anew.
    let half_done = action::is_clearing(turn);
    if !throttled || half_done || passed >= u64::from(turn.run.root.throttle_secs) {
        return false;
    }
    drop_timers(turn);
    if let Some(record) = turn.touch(seq) {
        record.response = Some(format!("throttled, tried again later: {}", failure.message));
    }
    turn.set_timer(THROTTLE, passed.clamp(1, 20));
    true
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
        current.child = None;
        current.memory = Memory::Nothing;
        current.capture = None;
    }
    agreed::again(&mut turn.run);
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
        let message = record.failure.as_ref().map(|failure| &failure.message);
        let members = [
            ("run", turn.cx.id.to_string().into()),
            ("seq", seq.into()),
            ("step", record.name.as_str().into()),
            ("action", record.action.as_str().into()),
            ("status", status.as_str().into()),
            ("attempts", record.attempt.into()),
            (
                "message",
                message.map_or(Value::Null, |text| text.as_str().into()),
            ),
        ];
        turn.fact_of("run.step.ended", members);
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
