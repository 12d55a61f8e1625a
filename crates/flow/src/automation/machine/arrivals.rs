//! What arrives for the current step: the outcome of its effect, and its timers.

use model::effect::{Failure as EffectFailure, Outcome};
use model::fleet::ChildEnd;
use uuid::Uuid;

use super::capture;
use super::settle::{drop_timers, report_step, settle};
use super::turn::{THROTTLE, TIMEOUT, Turn};
use super::{fleet, rounds};
use crate::automation::action::{self, Progress};
use crate::automation::agreed;
use crate::automation::document::Step;
use crate::automation::record::{Failure, Status};
use crate::automation::run::Stop;

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
    let outcome = agreed::answered(&mut turn.run, effect, outcome);
    let Some(outcome) = capture::on_outcome(turn, (outcome, late)) else {
        return;
    };
    let Some(current) = turn.current_mut() else {
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
    if action::is_stopping(turn) {
        return super::stop::ended_under_way(turn, (step, seq), answer);
    }
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

/// A child run ended. One that nobody waits for any more is passed over.
pub(super) fn on_child(turn: &mut Turn<'_>, end: &ChildEnd) {
    if turn.run.is_fleet() {
        return fleet::on_child(turn, end);
    }
    let Some(current) = turn
        .current_mut()
        .filter(|current| current.child == Some(end.run))
    else {
        return;
    };
    current.child = None;
    if end.drift {
        agreed::child_strayed(&mut turn.run, end.message.as_deref());
    }
    let progress = match action::child_ended(end) {
        (outputs, None) => Progress::done(outputs),
        (outputs, Some(failure)) => {
            turn.set_outputs(outputs);
            Progress::Failed(failure)
        }
    };
    settle(turn, progress);
}

/// A reading call whose answer was lost has changed nothing.
fn unknown_read(reason: String) -> EffectFailure {
    EffectFailure {
        code: "Network".to_owned(),
        message: reason,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
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
    if super::alarm::on_timer(turn, key) {
        return;
    }
    if turn
        .run
        .root
        .in_loop
        .as_ref()
        .is_some_and(|state| state.timer.as_deref() == Some(key))
    {
        return rounds::on_timer(turn);
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
    } else if key.ends_with(THROTTLE) {
        super::settle::restart(turn, step);
    } else {
        let progress = action::on_timer(turn, step);
        settle(turn, progress);
    }
}

/// The current attempt's time is up. An effect that changes the world is waited for: it is bounded, and its outcome
/// belongs into the record.
pub(super) fn time_out(turn: &mut Turn<'_>, step: &Step) {
    let Some(current) = turn.current_mut() else {
        return;
    };
    if current.effect.is_some() && !current.reading {
        current.overdue = true;
        return;
    }
    current.effect = None;
    turn.abandon_child("the step's time limit");
    settle(turn, Progress::Failed(time_is_up(step)));
}
