//! A state has failed: again, elsewhere, or not at all.

use serde_json::{Map, Value, json};

use super::redrive::Resting;
use super::turn::Turn;
use super::{end, fork, leave};
use crate::asl::definition::{Kind, State};
use crate::asl::execution::Phase;
use crate::asl::fault::{DATA_LIMIT_EXCEEDED, Fault, QUERY_EVALUATION, RUNTIME};

/// Takes a state's failure to where it leads. Should that be the execution's end, its threads are kept as they are now.
pub(super) fn fail(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    let first = turn.failing.is_none();
    if first {
        turn.failing = Some(Resting::of(&turn.x));
    }
    lead(turn, id, fault);
    if first {
        turn.failing = None;
    }
}

fn lead(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    let Some((thread, machine)) = turn.at(id) else {
        return;
    };
    let Some(state) = machine
        .blocks
        .get(thread.block)
        .and_then(|block| block.states.get(thread.state))
    else {
        return;
    };
    let evaluation = fault.in_definition && fault.name() == QUERY_EVALUATION;
    let mut fault = fault.in_state(&state.name, thread.entered.0);
    turn.note_fault(&fault);
    if evaluation {
        show_evaluation(turn, (id, state), &fault);
    }
    // What a plan has read would be read again.
    if !turn.open && retry(turn, (id, state), &fault) {
        return;
    }
    turn.drop_fork(id);
    fork::show_failed(turn, (id, state), &fault);
    // A catcher that fails itself is not caught again.
    if let Some(at) = catcher(state, &fault) {
        turn.note_handling("catchIndex", || json!(at));
        match leave::caught(turn, (id, state), (at, error_object(&fault))) {
            Ok(()) => {
                if let Some(notes) = &mut turn.notes {
                    notes.caught = true;
                }
                return;
            }
            Err(other) => {
                fault = other.in_state(&state.name, thread.entered.0);
                turn.note_fault(&fault);
            }
        }
    }
    match thread.parent {
        None => end::failed(turn, id, &fault),
        Some(_) => {
            show_aborted(turn, (id, state), &fault);
            fork::failed(turn, id, fault);
        }
    }
}

/// A Task that fails its branch is aborted with it: the event stands aside, what follows goes on from the failure.
fn show_aborted(turn: &mut Turn<'_>, (id, state): (u32, &State), fault: &Fault) {
    if matches!(state.kind, Kind::Task(_)) && has_event(fault) {
        let last = turn.thread(id).map_or(0, |thread| thread.last);
        turn.event("TaskStateAborted", last, None);
    }
}

/// An expression's failure has an event of its own. One that failed before the state's work follows the event before the
/// entry.
fn show_evaluation(turn: &mut Turn<'_>, (id, state): (u32, &State), fault: &Fault) {
    let mut details = end::error_details(fault.error.as_deref(), fault.cause.as_deref());
    details["state"] = json!(state.name);
    if let Some(location) = &fault.location {
        details["location"] = json!(location);
    }
    let previous = turn.thread(id).map_or(0, |thread| {
        let waits = matches!(state.kind, Kind::Wait(_)) && fault.after_entry;
        if thread.last == thread.entered.0 && !waits {
            thread.entered.1
        } else {
            thread.last
        }
    });
    let event = turn.event(
        "EvaluationFailed",
        previous,
        Some(("evaluationFailedEventDetails", details)),
    );
    if let Some(thread) = turn.touch(id) {
        thread.last = event;
    }
}

/// Sets the timer of the next attempt, if a retrier has one left.
fn retry(turn: &mut Turn<'_>, (id, state): (u32, &State), fault: &Fault) -> bool {
    let found = state
        .retry
        .iter()
        .position(|retrier| retrier.errors.iter().any(|wanted| fault.is(wanted)));
    let Some((at, retrier)) = found.and_then(|at| Some((at, state.retry.get(at)?))) else {
        return false;
    };
    let used = turn
        .thread(id)
        .and_then(|thread| thread.retries.get(at).copied())
        .unwrap_or_default();
    turn.note_handling("retryIndex", || json!(at));
    if used >= retrier.max_attempts {
        return false;
    }
    let fraction = if retrier.full_jitter {
        turn.random.fraction()
    } else {
        1.0
    };
    let delay = retrier.delay(used + 1, fraction);
    turn.note_handling("retryBackoffIntervalSeconds", || seconds(delay));
    let wait = jiff::SignedDuration::try_from_secs_f64(delay).unwrap_or(jiff::SignedDuration::MAX);
    let due = turn.cx.at.checked_add(wait).unwrap_or(jiff::Timestamp::MAX);
    let timer = turn.timer("retry", due);
    turn.drop_fork(id);
    if let Some(thread) = turn.touch(id) {
        if let Some(used) = thread.retries.get_mut(at) {
            *used += 1;
        }
        thread.phase = Phase::Backoff { timer };
    }
    true
}

/// Whole seconds, as far as they go.
fn seconds(delay: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "delays are at most a year, and not negative"
    )]
    let whole = delay.round() as u64;
    json!(whole)
}

fn catcher(state: &State, fault: &Fault) -> Option<usize> {
    state
        .catch
        .iter()
        .position(|catcher| catcher.errors.iter().any(|wanted| fault.is(wanted)))
}

fn error_object(fault: &Fault) -> Value {
    let mut object = Map::new();
    if let Some(error) = &fault.error {
        object.insert("Error".to_owned(), json!(error));
    }
    // One that has no cause, as a time-out, shows an empty one: so recorded from the service.
    let cause = fault.cause.as_deref().unwrap_or_default();
    object.insert("Cause".to_owned(), json!(cause));
    Value::Object(object)
}

/// Whether a failure ends a Parallel or Map with an event of its own.
pub(super) fn has_event(fault: &Fault) -> bool {
    ![RUNTIME, DATA_LIMIT_EXCEEDED].contains(&fault.name())
}
