//! What ends an execution that could go on: a history that is full, a machine that was deleted. It is looked at before a
//! state is entered and before one is tried again; what is at work comes to its end first.

use super::turn::Turn;
use super::{end, spread};
use crate::asl::fault::{Fault, RUNTIME};

/// Events after which an execution enters no further state: the service ends one at 25,000.
pub(super) const MAX_EVENTS: u64 = 24_990;
/// What an execution with too many events says.
const TOO_LONG: &str = "The execution reached the maximum number of history events (25000).";

/// Whether a thread may not go on: the execution has failed then.
pub(super) fn reached(turn: &mut Turn<'_>, thread: u32) -> bool {
    let start = &turn.x.origin.start;
    let cause = if turn.x.root.machine_deleted {
        // In the service's words.
        format!("State machine {} has been deleted.", start.machine_name)
    } else if turn.x.root.events >= MAX_EVENTS && !start.express {
        TOO_LONG.to_owned()
    } else {
        return false;
    };
    let fault = Fault::of(Some(RUNTIME.to_owned()), Some(cause));
    end::failed(turn, thread, &fault);
    true
}

/// The machine is being deleted. The executions of a map run enter states all the time: who waits for one ends with it.
pub(super) fn machine_deleted(turn: &mut Turn<'_>) {
    turn.x.root.machine_deleted = true;
    turn.silent = true;
    if let Some(thread) = spread::waiting(turn) {
        spread::show_aborted(turn);
        reached(turn, thread);
    }
}
