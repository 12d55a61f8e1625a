//! Branches and iterations that the failure of their state cuts off.

use super::bounds::MAX_EVENTS;
use super::fork::iteration;
use super::redrive::Resting;
use super::turn::Turn;
use super::{fail, spread, task};
use crate::asl::definition::Kind;
use crate::asl::execution::{Phase, Thread};
use crate::asl::fault::Fault;

/// Shows what is cut off by a failure of a state, whose events all follow the same one: the branches and iterations, and
/// the states that they are at. A fault of the definition itself cuts off without a word, but for map runs.
pub(super) fn cut(turn: &mut Turn<'_>, id: u32, (previous, fault): (u64, &Fault)) {
    for child in below(turn, id) {
        let Some((thread, machine)) = turn.at(child) else {
            continue;
        };
        let state_of = |thread: &Thread| machine.blocks.get(thread.block)?.states.get(thread.state);
        let parent = thread.parent.and_then(|parent| turn.thread(parent));
        let around = parent.and_then(state_of);
        // A history that is full takes no more of them.
        if fail::has_event(fault) && turn.x.root.events < MAX_EVENTS {
            if let Some(map) = around.filter(|state| matches!(state.kind, Kind::Map(_))) {
                let details = iteration(map, thread.index);
                turn.event(
                    "MapIterationAborted",
                    previous,
                    Some(("mapIterationAbortedEventDetails", details)),
                );
            }
            let entered = !matches!(thread.phase, Phase::Ready | Phase::Mapping(_));
            if let Some(state) = state_of(&thread).filter(|_| entered) {
                let kind = format!("{}StateAborted", state.kind.as_str());
                turn.event(&kind, previous, None);
            }
        }
        spread::show_abandoned(turn, child);
    }
}

/// Stops what still runs because of a failure of the state itself, and fails the state.
pub(super) fn cut_all(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    let last = turn.thread(id).map_or(0, |thread| thread.last);
    cut(turn, id, (last, &fault));
    fail_all(turn, id, fault);
}

/// Stops what still runs and fails the state.
pub(super) fn fail_all(turn: &mut Turn<'_>, id: u32, fault: Fault) {
    // A redrive goes on with what is stopped here.
    let first = turn.failing.is_none();
    if first {
        turn.failing = Some(Resting::of(&turn.x));
    }
    stop(turn, id);
    fail::fail(turn, id, fault);
    if first {
        turn.failing = None;
    }
}

/// Stops what still runs.
fn stop(turn: &mut Turn<'_>, id: u32) {
    for child in below(turn, id) {
        task::abandon(turn, child);
        turn.end_thread(child);
    }
}

/// All threads below one.
fn below(turn: &Turn<'_>, id: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut around = vec![id];
    while let Some(parent) = around.pop() {
        let children: Vec<u32> = turn
            .x
            .threads
            .values()
            .filter(|thread| thread.parent == Some(parent))
            .map(|thread| thread.id)
            .collect();
        around.extend(&children);
        found.extend(children);
    }
    found
}
