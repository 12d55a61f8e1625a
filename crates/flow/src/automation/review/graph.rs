//! Which steps a run can come to, and which steps have surely succeeded when it does.
//!
//! A walk along all arrows: after a success, after a failure, after a cancellation. Where ways meet, only what holds on
//! all of them holds.

use crate::automation::document::{Body, Document, OnFailure, Step};

/// A set of positions of steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Set(Vec<u64>);

impl Set {
    fn empty(steps: usize) -> Self {
        Self(vec![0; steps.div_ceil(64)])
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.0
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn with(mut self, at: usize) -> Self {
        if let Some(word) = self.0.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
        self
    }

    /// Keeps what the other has as well; whether anything went.
    fn keep(&mut self, other: &Self) -> bool {
        let mut changed = false;
        for (word, with) in self.0.iter_mut().zip(&other.0) {
            let kept = *word & with;
            changed |= kept != *word;
            *word = kept;
        }
        changed
    }
}

/// The walk's result.
pub(super) struct Graph {
    /// For each step that can be reached: the steps that have surely succeeded when it begins.
    before: Vec<Option<Set>>,
    /// For each loop that has a pass that ends: the steps that have surely succeeded then.
    pass_end: Vec<Option<Set>>,
}

impl Graph {
    pub(super) fn of(document: &Document) -> Self {
        let steps = document.steps.len();
        let mut walk = Walk {
            document,
            graph: Self {
                before: vec![None; steps],
                pass_end: vec![None; steps],
            },
            waiting: Vec::new(),
        };
        if let Some(first) = document.first() {
            walk.arrive(first, &Set::empty(steps));
        }
        while let Some(at) = walk.waiting.pop() {
            walk.leave(at);
        }
        walk.graph
    }

    /// What has surely succeeded when the step begins; `None` when no way leads to it.
    pub(super) fn before(&self, at: usize) -> Option<&Set> {
        self.before.get(at)?.as_ref()
    }

    /// What has surely succeeded when a pass of this loop ends.
    pub(super) fn pass_end(&self, at: usize) -> Option<&Set> {
        self.pass_end.get(at)?.as_ref()
    }
}

struct Walk<'a> {
    document: &'a Document,
    graph: Graph,
    waiting: Vec<usize>,
}

impl Walk<'_> {
    fn arrive(&mut self, at: usize, with: &Set) {
        let Some(slot) = self.graph.before.get_mut(at) else {
            return;
        };
        let changed = match slot {
            Some(known) => known.keep(with),
            None => {
                *slot = Some(with.clone());
                true
            }
        };
        if changed {
            self.waiting.push(at);
        }
    }

    fn arrive_named(&mut self, name: &str, with: &Set) {
        if let Some(at) = self.document.by_name.get(name) {
            self.arrive(*at, with);
        }
    }

    /// Follows every arrow out of a step.
    fn leave(&mut self, at: usize) {
        let document = self.document;
        let (Some(step), Some(Some(before))) = (document.steps.get(at), self.graph.before.get(at))
        else {
            return;
        };
        let failed = before.clone();
        match &step.on_failure {
            OnFailure::Abort => {}
            OnFailure::Continue => self.follow(step, &failed),
            OnFailure::Step(target) => self.arrive_named(target, &failed),
        }
        if let Some(target) = &step.on_cancel {
            self.arrive_named(target, &failed);
        }
        match &step.body {
            Body::Branch { choices, default } => {
                let done = failed.with(at);
                for (_, target) in choices {
                    self.arrive_named(target, &done);
                }
                match default {
                    Some(target) => self.arrive_named(target, &done),
                    None => self.follow(step, &done),
                }
            }
            Body::Loop { first, condition } => {
                self.arrive(*first, &failed);
                // A loop over no items makes no pass; one with a condition makes one at least.
                if condition.is_none() {
                    self.follow(step, &failed.with(at));
                } else if let Some(end) = self.graph.pass_end(at).cloned() {
                    self.follow(step, &end.with(at));
                }
            }
            Body::Plain => self.follow(step, &failed.with(at)),
        }
    }

    /// To the step behind: as after a success.
    fn follow(&mut self, step: &Step, with: &Set) {
        let next = match (&step.next_step, step.is_end) {
            (_, true) => None,
            (Some(name), _) => self.document.by_name.get(name).copied(),
            (None, _) => step.following,
        };
        match (next, step.parent) {
            (Some(next), _) => self.arrive(next, with),
            (None, Some(around)) => self.end_pass(around, with),
            (None, None) => {}
        }
    }

    fn end_pass(&mut self, around: usize, with: &Set) {
        let Some(slot) = self.graph.pass_end.get_mut(around) else {
            return;
        };
        let changed = match slot {
            Some(known) => known.keep(with),
            None => {
                *slot = Some(with.clone());
                true
            }
        };
        if changed {
            self.waiting.push(around);
        }
    }
}
