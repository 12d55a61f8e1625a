//! Redriving: an execution that did not end well goes on where it failed.
//!
//! When an execution fails, its threads are kept as they were when the failure began: what had succeeded in a Parallel or
//! Map is there still, and only what was at work is done again.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::sync::Arc;

use jiff::SignedDuration;
use model::{Decision, Rejection};
use serde_json::{Value, json};

use super::bounds::MAX_EVENTS;
use super::turn::Turn;
use super::{advance, announce, enter, fork, limit, seconds_after, spread};
use crate::asl::document::Document;
use crate::asl::execution::{Execution, Phase, Status, Thread};
use crate::asl::input::Command;

/// Days after its end in which an execution may be redriven (the service's limit).
const DAYS: i64 = 14;
/// Most redrives of one execution (the service's limit).
const MAX_REDRIVES: u32 = 1_000;

/// Why no execution of a machine is redriven that is being deleted.
pub const MACHINE_DELETED: &str = "State machine is in DELETING status";

/// What is said to somebody who wants to redrive an execution of a map run.
pub(super) const OF_MAP_RUN: &str = "Execution was started by a Map Run and is redriven with it: redrive the execution that started the Map Run";

/// The threads of an execution at one moment.
#[derive(Debug, Clone)]
pub(super) struct Resting {
    threads: BTreeMap<u32, Arc<Thread>>,
    items: BTreeMap<u32, Arc<Vec<Value>>>,
    results: BTreeMap<(u32, u32), Document>,
    ready: VecDeque<u32>,
}

impl Resting {
    pub(super) fn of(x: &Execution) -> Self {
        Self {
            threads: x.threads.clone(),
            items: x.items.clone(),
            results: x.results.clone(),
            ready: x.root.ready.clone(),
        }
    }
}

impl Turn<'_> {
    /// Puts the threads back as they were, asleep: for a redrive.
    pub(super) fn rest(&mut self, resting: Resting) {
        let Resting {
            threads,
            items,
            results,
            ready,
        } = resting;
        let has_children = |id: u32| threads.values().any(|thread| thread.parent == Some(id));
        // A Parallel or Map that nothing is left of but its own end is at work itself.
        let leaves: Vec<u32> = threads
            .values()
            .filter(|thread| !matches!(thread.phase, Phase::Forked(_)) || !has_children(thread.id))
            .map(|thread| thread.id)
            .collect();
        self.put_back((threads, items, results));
        self.x.root.resting = leaves
            .iter()
            .copied()
            .filter(|id| !ready.contains(id))
            .collect();
        self.x.root.ready = ready;
        for id in leaves {
            // A map run, and what branches have brought, is gone on with; any other work is done again.
            if let Some(thread) = self.touch(id)
                && !matches!(thread.phase, Phase::Mapping(_) | Phase::Forked(_))
            {
                thread.phase = Phase::Ready;
            }
        }
    }
}

impl Execution {
    /// Why it cannot be redriven at `at`, in the service's words; `None` if it can be.
    #[must_use]
    pub fn not_redrivable(&self, at: jiff::Timestamp) -> Option<String> {
        let root = &self.root;
        let word = match root.status {
            Status::Running => Some("RUNNING"),
            Status::Succeeded => Some("SUCCEEDED"),
            _ => None,
        };
        if let Some(word) = word {
            return Some(format!("Execution is {word} and cannot be redriven"));
        }
        let latest = root.stopped.and_then(|stopped| {
            stopped
                .checked_add(SignedDuration::from_hours(24 * DAYS))
                .ok()
        });
        let why = if root.machine_deleted {
            MACHINE_DELETED
        } else if self.origin.start.express {
            "Executions of Express state machines cannot be redriven"
        } else if latest.is_none_or(|latest| at > latest) {
            "Execution history event timestamps are older than the redrivable period of 14 days"
        } else if root.events >= MAX_EVENTS {
            "Execution history event count has reached its limit"
        } else if root.redrives >= MAX_REDRIVES {
            "Execution redrive count has reached its limit"
        } else if self.threads.is_empty() {
            "Nothing was kept of where the execution failed"
        } else {
            return None;
        };
        Some(why.to_owned())
    }

    /// How often it was redriven, and when last.
    #[must_use]
    pub fn redrives(&self) -> (u32, Option<jiff::Timestamp>) {
        (self.root.redrives, self.root.redriven)
    }
}

/// Goes on where the execution failed, if whoever asks may ask.
pub(super) fn asked(
    turn: Turn<'_>,
    token: Option<String>,
    by_map_run: bool,
) -> Result<Decision<Execution, Command>, Rejection> {
    let member = turn.x.origin.start.member.is_some();
    if member && by_map_run {
        return redrive_member(turn, token);
    }
    if member && turn.x.root.status != Status::Running {
        return Err(Rejection::Conflict {
            code: "ExecutionNotRedrivable".to_owned(),
            message: OF_MAP_RUN.to_owned(),
        });
    }
    redrive(turn, token)
}

/// Its map run wants it again: should that not be possible, the run is told once more how it ended.
fn redrive_member(
    mut turn: Turn<'_>,
    token: Option<String>,
) -> Result<Decision<Execution, Command>, Rejection> {
    // What came of this redrive the run is told when the execution ends, or was told.
    let again = token.is_some() && turn.x.root.redrive_token == token;
    if again || turn.x.root.status == Status::Running {
        return Ok(turn.finish());
    }
    if turn.x.not_redrivable(turn.cx.at).is_some() {
        spread::tell(&mut turn);
        return Ok(turn.finish());
    }
    redrive(turn, token)
}

/// Goes on where the execution failed.
fn redrive(
    mut turn: Turn<'_>,
    token: Option<String>,
) -> Result<Decision<Execution, Command>, Rejection> {
    let again = token.is_some() && turn.x.root.redrive_token == token;
    if again && turn.x.root.status == Status::Running {
        turn.reply = reply(&turn);
        return Ok(turn.finish());
    }
    if let Some(message) = turn.x.not_redrivable(turn.cx.at) {
        return Err(Rejection::Conflict {
            code: "ExecutionNotRedrivable".to_owned(),
            message,
        });
    }
    let (last, at) = (turn.x.root.events, turn.cx.at);
    let root = &mut turn.x.root;
    root.redrives += 1;
    root.redriven = Some(at);
    root.redrive_token = token;
    root.status = Status::Running;
    root.stopped = None;
    root.error = None;
    root.cause = None;
    let resting = std::mem::take(&mut root.resting);
    let details = json!({"redriveCount": root.redrives});
    let event = turn.event(
        "ExecutionRedriven",
        last,
        Some(("executionRedrivenEventDetails", details)),
    );
    announce::status(&mut turn);
    if let Some(seconds) = limit(&turn.x.origin.start, &turn.x.machine) {
        let key = turn.timer("execution", seconds_after(at, seconds));
        turn.x.root.limit = Some(key);
    }
    for id in resting {
        if let Some(thread) = turn.touch(id) {
            thread.last = event;
            thread.retries.iter_mut().for_each(|used| *used = 0);
        }
        let goes_on = turn.x.root.status == Status::Running;
        if goes_on && !spread::redrive(&mut turn, id) && !fork::redrive(&mut turn, id) {
            enter::work(&mut turn, id);
        }
    }
    turn.reply = reply(&turn);
    advance(&mut turn);
    Ok(turn.finish())
}

fn reply(turn: &Turn<'_>) -> Value {
    let at = turn.x.root.redriven.map(|at| at.as_millisecond());
    json!({"redriveDate": at})
}
