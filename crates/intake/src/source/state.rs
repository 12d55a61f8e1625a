//! What a source has done since the start of the process, and how it fares.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::text::paragraph;
use serde::Serialize;

/// Messages whose failed tries are remembered.
const MAX_TRIES: usize = 10_000;
/// Confirmations that wait for an operator.
const MAX_PENDING: usize = 100;
/// Bytes of an error that is shown.
const ERROR_BYTES: usize = 500;

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// What.
    pub message: String,
}

/// A subscription that asks to be confirmed, or that was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// The topic.
    pub topic_arn: String,
    /// `subscribe` or `unsubscribe`.
    pub what: &'static str,
    /// When it was told.
    pub at: Timestamp,
    /// Why it was not confirmed at once.
    pub reason: String,
    /// Lets an operator confirm it; never shown.
    #[serde(skip)]
    pub token: String,
}

/// The state of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Messages received.
    pub received: u64,
    /// Events taken in.
    pub accepted: u64,
    /// Messages and events that were seen before.
    pub duplicates: u64,
    /// Messages parked.
    pub parked: u64,
    /// Requests refused: no credential, or an event that their sender may not send.
    pub refused: u64,
    /// Milliseconds from the sending of the last message to its commit.
    pub lag_ms: Option<i64>,
    /// The same for the oldest message of the last batch.
    pub oldest_lag_ms: Option<i64>,
    /// Messages in the queue, as it says.
    pub waiting: Option<u64>,
    /// Messages of the queue that somebody works on, as it says.
    pub in_flight: Option<u64>,
    /// When a message was taken last.
    pub last_success: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<Failure>,
    /// Whether the last thing that was tried failed.
    pub failing: bool,
    /// What an operator should look at.
    pub warnings: Vec<String>,
    /// Subscriptions that wait for an operator.
    pub pending: Vec<Pending>,
}

/// The state as it is kept.
#[derive(Debug, Default)]
pub(super) struct State {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    shown: Snapshot,
    tries: HashMap<String, u32>,
    pending: BTreeMap<String, Pending>,
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let inner = self.lock();
        let mut shown = inner.shown.clone();
        shown.pending = inner.pending.values().cloned().collect();
        shown
    }

    pub(super) fn received(&self, messages: usize) {
        self.lock().shown.received += messages as u64;
    }

    pub(super) fn refused(&self, at: Timestamp, message: &str) {
        let mut inner = self.lock();
        inner.shown.refused += 1;
        inner.shown.last_error = Some(failure(at, message));
    }

    /// A message was taken: so many of its events are new, so many were seen before.
    pub(super) fn taken(
        &self,
        (new, seen): (usize, usize),
        sent: Option<Timestamp>,
        at: Timestamp,
    ) {
        let mut inner = self.lock();
        inner.shown.accepted += new as u64;
        inner.shown.duplicates += seen as u64;
        inner.shown.last_success = Some(at);
        inner.shown.failing = false;
        if let Some(lag) = lag(sent, at) {
            inner.shown.lag_ms = Some(lag);
        }
    }

    /// The oldest message of a batch.
    pub(super) fn oldest(&self, sent: Option<Timestamp>, at: Timestamp) {
        if let Some(lag) = lag(sent, at) {
            self.lock().shown.oldest_lag_ms = Some(lag);
        }
    }

    pub(super) fn parked(&self, at: Timestamp, reason: &str) {
        let mut inner = self.lock();
        inner.shown.parked += 1;
        inner.shown.last_error = Some(failure(at, reason));
    }

    pub(super) fn failed(&self, at: Timestamp, message: &str) {
        let mut inner = self.lock();
        inner.shown.failing = true;
        inner.shown.last_error = Some(failure(at, message));
    }

    /// The source answers again.
    pub(super) fn works(&self) {
        self.lock().shown.failing = false;
    }

    pub(super) fn depth(&self, waiting: Option<u64>, in_flight: Option<u64>) {
        let mut inner = self.lock();
        inner.shown.waiting = waiting;
        inner.shown.in_flight = in_flight;
    }

    pub(super) fn warn(&self, warnings: Vec<String>) {
        self.lock().shown.warnings = warnings;
    }

    /// Counts a failed try of a message; answers how many there were.
    pub(super) fn tried(&self, message: &str) -> u32 {
        let mut inner = self.lock();
        if inner.tries.len() >= MAX_TRIES && !inner.tries.contains_key(message) {
            // Rather than growing without bound: the queue counts receives as well.
            inner.tries.clear();
        }
        let tries = inner.tries.entry(message.to_owned()).or_default();
        *tries = tries.saturating_add(1);
        *tries
    }

    pub(super) fn settled(&self, message: &str) {
        self.lock().tries.remove(message);
    }

    pub(super) fn pend(&self, pending: Pending) {
        let mut inner = self.lock();
        if inner.pending.len() < MAX_PENDING || inner.pending.contains_key(&pending.topic_arn) {
            inner.pending.insert(pending.topic_arn.clone(), pending);
        }
    }

    pub(super) fn take_pending(&self, topic: &str) -> Option<Pending> {
        self.lock().pending.remove(topic)
    }
}

fn failure(at: Timestamp, message: &str) -> Failure {
    Failure {
        at,
        message: paragraph(message, ERROR_BYTES),
    }
}

fn lag(sent: Option<Timestamp>, at: Timestamp) -> Option<i64> {
    let waited = at.duration_since(sent?);
    Some(i64::try_from(waited.as_millis()).unwrap_or(i64::MAX).max(0))
}
