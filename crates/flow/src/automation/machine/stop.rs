//! Stopping: cancel with its clean-up chain, complete, and stopping one step.

use model::Rejection;
use model::effect::Failure as EffectFailure;
use serde_json::{Value, json};

use super::turn::Turn;
use super::{fleet, flow, settle};
use crate::automation::action;
use crate::automation::document::Step;
use crate::automation::input::StopKind;
use crate::automation::record::{Failure, Status};
use crate::automation::run::Stop;

/// Seconds that the clean-up chain may take (SSM's own limit).
const CLEAN_UP_SECONDS: u64 = 120;

/// StopAutomationExecution.
pub(super) fn stop(turn: &mut Turn<'_>, kind: StopKind, by: &str) -> Result<(), Rejection> {
    turn.reply = json!({});
    if matches!(turn.run.root.stop, Some(Stop::Cancel { .. })) {
        return match kind {
            StopKind::Cancel => Ok(()),
            StopKind::Complete => Err(Rejection::Conflict {
                code: "InvalidAutomationStatusUpdateException".to_owned(),
                message: format!("execution {} is being cancelled", turn.cx.id),
            }),
        };
    }
    let asked = match kind {
        StopKind::Cancel => "Cancel",
        StopKind::Complete => "Complete",
    };
    turn.fact(
        "run.stop.requested",
        json!({"run": turn.cx.id, "type": asked, "by": by}),
    );
    match kind {
        StopKind::Complete => {
            turn.run.root.stop = Some(Stop::Complete);
            fleet::stop(turn, kind, by);
            if turn.run.root.current.is_none() && !has_children(turn) {
                flow::end(turn, false);
            }
        }
        StopKind::Cancel => cancel(turn, by),
    }
    Ok(())
}

/// Whether a fleet's children are under way: the run ends with the last of them.
fn has_children(turn: &Turn<'_>) -> bool {
    let fleet = turn.run.root.fleet.as_ref();
    fleet.is_some_and(|fleet| !fleet.under_way.is_empty())
}

/// The run that started this one stops it. One that is being stopped already goes on with that.
pub(super) fn by_parent(turn: &mut Turn<'_>, kind: StopKind, by: &str) -> Result<(), Rejection> {
    if turn.run.root.stop.is_some() && kind == StopKind::Complete {
        return Ok(());
    }
    stop(turn, kind, by)
}

fn cancel(turn: &mut Turn<'_>, by: &str) {
    turn.run.root.stop = Some(Stop::Cancel {
        cleaning: false,
        timer: None,
    });
    turn.run.root.status = Status::Cancelling;
    turn.run.root.next = None;
    fleet::stop(turn, StopKind::Cancel, by);
    if has_children(turn) {
        return;
    }
    let Some(current) = turn.run.root.current.as_ref() else {
        return flow::end(turn, false);
    };
    let (seq, at, child) = (current.seq, current.step, current.child);
    let busy = current.effect.is_some() && !current.reading;
    if let Some(child) = child {
        // Its end is this step's; a child cleans up within two minutes.
        turn.stop_child(child, StopKind::Cancel, by);
    }
    if child.is_some() || busy {
        // The effect is bounded in time, and its outcome belongs into the record.
        settle::drop_timers(turn);
        if let Some(record) = turn.touch(seq) {
            record.status = Status::Cancelling;
        }
        return;
    }
    let document = turn.document();
    if let Some(step) = document.steps.get(at) {
        cancel_step(turn, (step, seq));
    }
}

/// Cancels a step that nothing else is waited for: what it has under way in the account is ended first.
pub(super) fn cancel_step(turn: &mut Turn<'_>, (step, seq): (&Step, u32)) {
    if end_under_way(turn, step, seq) {
        return;
    }
    settle::close(turn, seq, Status::Cancelled);
    clean_up(turn, step);
}

/// Asks the world to end what the step has under way; whether there is something, whose end is then waited for.
fn end_under_way(turn: &mut Turn<'_>, step: &Step, seq: u32) -> bool {
    settle::drop_timers(turn);
    let asked = action::stop(turn, step);
    if asked && let Some(record) = turn.touch(seq) {
        record.status = Status::Cancelling;
    }
    asked
}

/// The world answered to the end of what a step had under way: the step is cancelled, whatever the answer was.
pub(super) fn ended_under_way(
    turn: &mut Turn<'_>,
    (step, seq): (&Step, u32),
    answer: Result<Value, EffectFailure>,
) {
    let told = turn
        .run
        .record(seq)
        .and_then(|record| record.failure.clone());
    let failure = match answer {
        Ok(_) => told.unwrap_or_else(|| Failure::action("Step was cancelled.")),
        Err(error) => Failure::action(format!(
            "Step was cancelled, but what it had under way may go on: {} ({}).",
            error.message, error.code
        )),
    };
    if let Some(record) = turn.touch(seq) {
        record.failure = Some(failure.clone());
    }
    settle::close(turn, seq, Status::Cancelled);
    if matches!(turn.run.root.stop, Some(Stop::Cancel { .. })) {
        clean_up(turn, step);
    } else {
        // One step was stopped, not the run.
        flow::follow_failure(turn, step, &failure);
    }
}

/// The cancelled step is over: its clean-up chain begins, or the run ends.
pub(super) fn clean_up(turn: &mut Turn<'_>, step: &Step) {
    let target = step
        .on_cancel
        .as_ref()
        .and_then(|name| turn.run.document.by_name.get(name).copied());
    match target {
        None => flow::end(turn, false),
        Some(target) => {
            let key = "cancel/timeout".to_owned();
            turn.run.root.stop = Some(Stop::Cancel {
                cleaning: true,
                timer: Some(key.clone()),
            });
            turn.timer_at(key, CLEAN_UP_SECONDS);
            turn.run.root.next = Some(target);
        }
    }
}

/// The clean-up took too long, or its outcome is unknown: the run ends as it is.
pub(super) fn give_up(turn: &mut Turn<'_>) {
    if let Some(Stop::Cancel { timer, .. }) = turn.run.root.stop.as_mut() {
        let key = timer.take();
        if let Some(key) = key {
            turn.cancel_timer(key);
        }
    }
    turn.abandon_child("the end of the run that started it");
    if let Some(seq) = turn.run.root.current.as_ref().map(|current| current.seq) {
        settle::close(turn, seq, Status::Cancelled);
    }
    flow::end(turn, false);
}

/// StopStep: the step is cancelled, and the run goes on as after a failure.
pub(super) fn stop_step(turn: &mut Turn<'_>, by: &str) -> Result<(), Rejection> {
    let document = turn.document();
    let Some((seq, at, busy)) = turn.run.root.current.as_ref().map(|current| {
        (
            current.seq,
            current.step,
            current.effect.is_some() && !current.reading,
        )
    }) else {
        return Ok(());
    };
    if busy {
        return Err(Rejection::Conflict {
            code: "InvalidAutomationSignalException".to_owned(),
            message: "a call of the step is in flight; send the signal again when it has ended"
                .to_owned(),
        });
    }
    let Some(step) = document.steps.get(at) else {
        return Ok(());
    };
    turn.abandon_child(by);
    let failure = Failure::action(format!("Step was stopped by {by}."));
    if let Some(record) = turn.touch(seq) {
        record.failure = Some(failure.clone());
    }
    if end_under_way(turn, step, seq) {
        return Ok(());
    }
    settle::close(turn, seq, Status::Cancelled);
    flow::follow_failure(turn, step, &failure);
    Ok(())
}
