//! The end of a block, and of the execution.

use serde_json::{Value, json};

use super::redrive::Resting;
use super::turn::Turn;
use super::{announce, fork, spread, task};
use crate::asl::document::Document;
use crate::asl::execution::Status;
use crate::asl::fault::{Fault, TIMEOUT};

/// A thread has come to the end of its block.
pub(super) fn block(turn: &mut Turn<'_>, id: u32, output: Document) {
    let Some(thread) = turn.thread(id).cloned() else {
        return;
    };
    if thread.parent.is_some() {
        return fork::ended(turn, &thread, output);
    }
    let text = output.to_string();
    let details = json!({"output": text, "outputDetails": {"truncated": false}});
    turn.thread_event(
        id,
        "ExecutionSucceeded",
        Some(("executionSucceededEventDetails", details)),
    );
    turn.x.root.output = Some(text);
    close(turn, Status::Succeeded);
}

/// An error that nothing caught ends the execution.
pub(super) fn failed(turn: &mut Turn<'_>, id: u32, fault: &Fault) {
    let details = error_details(fault.error.as_deref(), fault.cause.as_deref());
    turn.thread_event(
        id,
        "ExecutionFailed",
        Some(("executionFailedEventDetails", details)),
    );
    turn.x.root.error.clone_from(&fault.error);
    turn.x.root.cause.clone_from(&fault.cause);
    close(turn, Status::Failed);
}

/// The execution's time is up.
pub(super) fn time_out(turn: &mut Turn<'_>) {
    turn.x.root.limit = None;
    spread::show_aborted(turn);
    let last = turn.x.root.events;
    turn.event("ExecutionTimedOut", last, None);
    if turn.x.origin.start.express {
        turn.x.root.error = Some(TIMEOUT.to_owned());
    }
    close(turn, Status::TimedOut);
}

/// Somebody stopped it.
pub(super) fn abort(turn: &mut Turn<'_>, error: Option<String>, cause: Option<String>) {
    let details = error_details(error.as_deref(), cause.as_deref());
    spread::show_aborted(turn);
    let last = turn.x.root.events;
    turn.event(
        "ExecutionAborted",
        last,
        Some(("executionAbortedEventDetails", details)),
    );
    turn.x.root.error = error;
    turn.x.root.cause = cause;
    close(turn, Status::Aborted);
}

/// The error and cause of an event: what is not there is not shown.
pub(super) fn error_details(error: Option<&str>, cause: Option<&str>) -> Value {
    let mut details = json!({});
    if let Some(error) = error {
        details["error"] = json!(error);
    }
    if let Some(cause) = cause {
        details["cause"] = json!(cause);
    }
    details
}

fn close(turn: &mut Turn<'_>, status: Status) {
    let redrivable = status != Status::Succeeded && !turn.x.origin.start.express;
    let now = redrivable.then(|| Resting::of(&turn.x));
    let resting = turn.failing.take().filter(|_| redrivable).or(now);
    let threads: Vec<u32> = turn.x.threads.keys().copied().collect();
    for thread in threads {
        task::abandon(turn, thread);
        turn.end_thread(thread);
    }
    if let Some(limit) = turn.x.root.limit.take() {
        turn.cancel_timer(limit);
    }
    turn.x.root.ready.clear();
    if let Some(resting) = resting {
        turn.rest(resting);
    }
    turn.x.root.status = status;
    turn.x.root.stopped = Some(turn.cx.at);
    announce::status(turn);
    spread::tell(turn);
}
