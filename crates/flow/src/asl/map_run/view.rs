//! What readers are shown of a map run.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::child::Member;
use super::state::{Limits, MapRun, RunStatus, Tally};

/// How many items, or executions, are in which state: all of them together are `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    tally: Tally,
    pending: u64,
    written: u64,
}

impl Counts {
    /// The wire form.
    #[must_use]
    pub fn body(&self) -> Value {
        let Tally {
            running,
            succeeded,
            failed,
            timed_out,
            aborted,
            again,
            lost,
        } = self.tally;
        json!({
            "pending": self.pending,
            "running": running,
            "succeeded": succeeded,
            "failed": failed,
            "timedOut": timed_out,
            "aborted": aborted,
            "total": self.total(),
            "resultsWritten": self.written,
            "failuresNotRedrivable": lost,
            "pendingRedrive": again,
        })
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.pending + self.tally.begun()
    }
}

impl Limits {
    /// `maxConcurrency`; 0 means no limit.
    #[must_use]
    pub fn concurrency(&self) -> u32 {
        self.concurrency
    }

    /// `toleratedFailureCount`.
    #[must_use]
    pub fn tolerated_count(&self) -> u64 {
        self.tolerated_count.unwrap_or(0)
    }

    /// `toleratedFailurePercentage`.
    #[must_use]
    pub fn tolerated_percentage(&self) -> f64 {
        self.tolerated_percentage.unwrap_or(0.0)
    }
}

impl MapRun {
    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.origin.arn
    }

    /// ARN of the execution whose it is.
    #[must_use]
    pub fn parent_arn(&self) -> &str {
        &self.origin.parent.arn
    }

    /// Name of the state whose it is.
    #[must_use]
    pub fn state(&self) -> &str {
        &self.origin.parent.state
    }

    /// ARN of the machine that its parent runs.
    #[must_use]
    pub fn machine_arn(&self) -> &str {
        &self.origin.machine_arn
    }

    /// Whether its executions are those of an Express machine.
    #[must_use]
    pub fn is_express(&self) -> bool {
        self.origin.pattern.express
    }

    /// Its status.
    #[must_use]
    pub fn status(&self) -> RunStatus {
        self.root.status
    }

    /// When it began, and when it ended.
    #[must_use]
    pub fn times(&self) -> (Timestamp, Option<Timestamp>) {
        (self.root.started, self.root.stopped)
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.root.limits
    }

    /// How often it was redriven, and when last.
    #[must_use]
    pub fn redrives(&self) -> (u32, Option<Timestamp>) {
        (self.root.redrives, self.root.redriven)
    }

    /// How many executions of it have ended and wait to live again.
    #[must_use]
    pub fn pending_redrive(&self) -> u64 {
        self.root.executions.again
    }

    /// Its items, by what became of them.
    #[must_use]
    pub fn items(&self) -> Counts {
        Counts {
            tally: self.root.item_tally,
            pending: self.root.items.saturating_sub(self.root.next_item),
            written: self.written(&self.root.item_tally),
        }
    }

    /// Its executions, by what became of them. One for each item that has none yet is pending.
    #[must_use]
    pub fn executions(&self) -> Counts {
        Counts {
            tally: self.root.executions,
            pending: self.pending(),
            written: self.written(&self.root.executions),
        }
    }

    /// Executions that are to begin, as far as their items are known.
    fn pending(&self) -> u64 {
        let items = self.root.items.saturating_sub(self.root.next_item);
        let batching = self.origin.supply.batching.as_ref();
        match batching.and_then(|batching| batching.limits.items) {
            Some(most) => items.div_ceil(most.max(1)),
            None => items,
        }
    }

    /// How much of what has ended is written into the bucket.
    fn written(&self, tally: &Tally) -> u64 {
        if self.root.written {
            tally.succeeded + tally.unsuccessful()
        } else {
            0
        }
    }
}

impl super::super::Start {
    /// What an execution of a map run knows of it.
    #[must_use]
    pub fn member(&self) -> Option<&Member> {
        self.member.as_deref()
    }
}
