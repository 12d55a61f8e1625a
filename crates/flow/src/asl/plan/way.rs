//! The ways of a walk: what a block is entered with, where its ways are, and how they end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use model::effect::AwsCall;
use serde_json::Value;

use super::join::{Passed, Seen};
use super::touch::Changes;
use crate::asl::definition::StateMachine;
use crate::asl::document::Document;
use crate::asl::input::Start;

/// Most ways of one block that wait to be followed.
const MOST_WAYS: usize = 256;

/// A block that is walked through, and whose it is.
#[derive(Clone)]
pub(super) struct Frame<'f> {
    pub(super) machine: &'f Arc<StateMachine>,
    pub(super) start: &'f Start,
    pub(super) block: usize,
    /// Machines above it.
    pub(super) depth: u32,
    /// Blocks above it.
    pub(super) nesting: u32,
    /// The item of the Map around it, and its position.
    pub(super) item: Option<Document>,
    pub(super) iteration: Option<u32>,
    /// The failure that leads here, in words.
    pub(super) when: Option<String>,
}

/// What a block is entered with.
pub(super) struct Entry {
    pub(super) input: Document,
    pub(super) variables: BTreeMap<String, Value>,
    /// Steps that lead to its first one.
    pub(super) tails: Vec<u32>,
    pub(super) changes: Arc<Changes>,
}

/// One way through a block.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) state: usize,
    pub(super) input: Document,
    pub(super) variables: BTreeMap<String, Value>,
    /// Steps that lead to its next one.
    pub(super) tails: Vec<u32>,
    /// Whether it has passed what only the run decides: then it ends where a state has been shown already.
    pub(super) open: bool,
    /// The failure that leads here, in words.
    pub(super) when: Option<String>,
    /// States that it has come through.
    pub(super) passed: BTreeMap<usize, Passed>,
    /// What its planned calls change.
    pub(super) changes: Arc<Changes>,
    /// Whether some of its values are taken as not known, since there are too many.
    pub(super) widened: bool,
}

/// How the ways of a block ended.
#[derive(Default)]
pub(super) struct Ended {
    pub(super) outputs: Vec<Document>,
    pub(super) tails: Vec<u32>,
    /// Errors and causes.
    pub(super) failed: Vec<(Option<String>, Option<String>)>,
    pub(super) failed_tails: Vec<u32>,
    /// What the planned calls of all its ways change.
    pub(super) changes: Changes,
    /// Whether a question is open.
    pub(super) halted: bool,
}

/// What is known of a block while its ways are followed.
#[derive(Default)]
pub(super) struct Book {
    pub(super) seen: BTreeMap<usize, Seen>,
    /// Ways that branch off, and ways that failures of planned calls lead to.
    pub(super) later: VecDeque<Way>,
    pub(super) failures: VecDeque<Way>,
    pub(super) ended: Ended,
}

impl Book {
    /// A way that branches off. False when there are too many.
    pub(super) fn branch(&mut self, way: Way) -> bool {
        let fits = self.later.len() < MOST_WAYS;
        if fits {
            self.later.push_back(way);
        }
        fits
    }

    /// A way that a failure of a planned call leads to.
    pub(super) fn on_failure(&mut self, way: Way) -> bool {
        let fits = self.failures.len() < MOST_WAYS;
        if fits {
            self.failures.push_back(way);
        }
        fits
    }
}

impl Way {
    /// How often it has come to its state.
    pub(super) fn rounds(&self) -> u32 {
        self.passed.get(&self.state).map_or(0, |it| it.times)
    }

    /// What a block within its state is entered with.
    pub(super) fn entry(&self, input: Document, variables: BTreeMap<String, Value>) -> Entry {
        Entry {
            input,
            variables,
            tails: self.tails.clone(),
            changes: Arc::clone(&self.changes),
        }
    }

    /// A call is planned on it.
    pub(super) fn changes(&mut self, call: &AwsCall, book: &mut Book) {
        Arc::make_mut(&mut self.changes).add(call);
        book.ended.changes.add(call);
    }

    /// Blocks within its state have ended.
    pub(super) fn takes(&mut self, ended: &Ended, book: &mut Book) {
        Arc::make_mut(&mut self.changes).join(&ended.changes);
        book.ended.changes.join(&ended.changes);
    }
}
