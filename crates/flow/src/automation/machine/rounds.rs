//! Going round loops: the first pass, the next, and the way out.

use serde_json::{Map, Value};

use super::arrivals::time_out;
use super::flow::{follow, follow_failure};
use super::settle::{close, settle};
use super::turn::{TIMEOUT, Turn};
use crate::automation::action::{self, Progress};
use crate::automation::document::{Body, Step};
use crate::automation::record::{Failure, Status};
use crate::automation::run::LoopState;

/// Begins a loop: its steps come next, and it leaves the place of the current step to them.
pub(super) fn begin(turn: &mut Turn<'_>, step: &Step, at: usize, inputs: &Map<String, Value>) {
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

/// A pass has ended: another begins, or the run goes on behind the loop. False when there is no loop.
pub(super) fn end_of_pass(turn: &mut Turn<'_>) -> bool {
    let document = turn.document();
    let state = turn.run.root.in_loop.clone();
    let Some((state, around)) =
        state.and_then(|s| document.steps.get(s.step).map(|around| (s, around)))
    else {
        return false;
    };
    if state.overdue {
        close_overdue(turn);
        return true;
    }
    let another = if super::rehearse::ends_open_loop(turn, around) {
        Ok(false)
    } else {
        action::another_pass(turn, around, &state)
    };
    match another {
        Ok(true) => {
            if let Some(live) = turn.run.root.in_loop.as_mut() {
                live.iteration += 1;
            }
            if let Body::Loop { first, .. } = &around.body {
                turn.run.root.next = Some(*first);
            }
        }
        Ok(false) => {
            leave(turn, Status::Success, None);
            follow(turn, around, None);
        }
        Err(failure) => {
            leave(turn, Status::Failed, Some(failure.clone()));
            follow_failure(turn, around, &failure);
        }
    }
    true
}

/// The loop's own time is up, and none of its steps is under way any more.
pub(super) fn close_overdue(turn: &mut Turn<'_>) {
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
    leave(turn, Status::TimedOut, Some(failure.clone()));
    follow_failure(turn, around, &failure);
}

/// Ends the loop's own execution.
pub(super) fn leave(turn: &mut Turn<'_>, status: Status, failure: Option<Failure>) {
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

/// The loop's own time is up.
pub(super) fn on_timer(turn: &mut Turn<'_>) {
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
        None => close_overdue(turn),
    }
}
