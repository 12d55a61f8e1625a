//! Who works on which aggregate: one actor at a time for each, started by its first mail and gone when idle.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::Timestamp;
use model::{AggregateId, ClaimWish, Outcome, Scope};
use serde_json::Value;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::actor::{self, Parked};
use crate::engine::Shared;
use crate::error::AskError;
use crate::input::Input;

/// Answers an asker.
pub(crate) type Answer = oneshot::Sender<Result<Value, AskError>>;

/// One thing for an aggregate to take in.
pub(crate) enum Mail {
    /// Somebody waits for the answer.
    Ask {
        /// The input.
        input: Input,
        /// Claims of the asker's own (idempotency tokens).
        claims: Vec<ClaimWish>,
        /// Where the answer goes.
        answer: Answer,
    },
    /// A committed inbox row.
    Inbox {
        /// Its sequence number.
        seq: u64,
        /// The input.
        input: Input,
    },
    /// A timer has fired.
    Timer {
        /// Its key.
        key: String,
        /// When it was due: another due time means that it was set anew.
        due: Timestamp,
    },
    /// An effect of the aggregate ended.
    Settled {
        /// The effect.
        effect: Uuid,
        /// How.
        outcome: Outcome,
    },
}

/// Most inputs that one turn folds.
pub(crate) const FOLD: usize = 256;
/// The mailbox map is split so that senders seldom meet.
const PARTS: usize = 16;

/// States that each part keeps for aggregates without an actor: most of them wait for an effect that ends soon.
const PARKED: usize = 64;

#[derive(Default)]
struct Part {
    boxes: HashMap<AggregateId, VecDeque<Mail>>,
    /// Last committed states; each belongs to an aggregate that no actor works on.
    parked: HashMap<AggregateId, Parked>,
    /// The parked ones, oldest first; may name some that are gone.
    order: VecDeque<AggregateId>,
}

impl Part {
    fn park(&mut self, id: AggregateId, state: Parked) {
        while self.order.len() >= PARKED {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            // One that was parked again since stands in the order twice: its later place counts.
            if !self.order.contains(&oldest) {
                self.parked.remove(&oldest);
            }
        }
        self.parked.insert(id, state);
        self.order.push_back(id);
    }
}

/// All mailboxes.
pub(crate) struct Dispatcher {
    shared: Weak<Shared>,
    parts: Vec<Mutex<Part>>,
    waiting: AtomicUsize,
    max_waiting: usize,
    closed: AtomicBool,
}

impl Dispatcher {
    pub(crate) fn new(shared: Weak<Shared>, max_waiting: usize) -> Self {
        Self {
            shared,
            parts: (0..PARTS).map(|_| Mutex::default()).collect(),
            waiting: AtomicUsize::new(0),
            max_waiting,
            closed: AtomicBool::new(false),
        }
    }

    /// Refuses new asks from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether there is room for `count` more inputs.
    pub(crate) fn admit(&self, count: usize) -> Result<(), AskError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(AskError::Stopping);
        }
        if self.waiting.load(Ordering::Relaxed) + count > self.max_waiting {
            return Err(AskError::Busy);
        }
        Ok(())
    }

    /// How many inputs wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Gives an input to an aggregate and waits for the commit of its turn.
    pub(crate) async fn ask(
        &self,
        to: AggregateId,
        scope: Scope,
        input: Input,
        claims: Vec<ClaimWish>,
    ) -> Result<Value, AskError> {
        debug_assert!(
            input.kind().is_none_or(|kind| kind == to.kind),
            "an input of another machine"
        );
        self.admit(1)?;
        let (answer, answered) = oneshot::channel();
        self.send(
            to,
            scope,
            Mail::Ask {
                input,
                claims,
                answer,
            },
        );
        let lost = || AskError::Broken("the turn that took the input did not end".to_owned());
        answered.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Puts mail into an aggregate's mailbox and starts its actor if none works.
    pub(crate) fn send(&self, to: AggregateId, scope: Scope, mail: Mail) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let start = {
            let mut part = self.part(to);
            match part.boxes.get_mut(&to) {
                Some(queue) => {
                    queue.push_back(mail);
                    false
                }
                None => {
                    part.boxes.insert(to, VecDeque::from([mail]));
                    true
                }
            }
        };
        if start && let Some(shared) = self.shared.upgrade() {
            let work = actor::run(Arc::clone(&shared), to, scope);
            shared.tasks.spawn(work);
        }
    }

    /// Takes up to [`FOLD`] mails; `None` ends the actor: its mailbox is gone, the next mail starts another, which
    /// finds what `park` left.
    pub(crate) fn take(
        &self,
        id: AggregateId,
        park: impl FnOnce() -> Option<Parked>,
    ) -> Option<Vec<Mail>> {
        let mut part = self.part(id);
        let queue = part.boxes.get_mut(&id)?;
        if queue.is_empty() {
            part.boxes.remove(&id);
            if let Some(state) = park() {
                part.park(id, state);
            }
            return None;
        }
        let count = queue.len().min(FOLD);
        self.waiting.fetch_sub(count, Ordering::Relaxed);
        Some(queue.drain(..count).collect())
    }

    /// An actor died: its mailbox goes, so that the next mail starts another. Askers are told by the loss of their
    /// answer's sender; accepted inputs are still in the store.
    pub(crate) fn abandon(&self, id: AggregateId) {
        let lost = self.part(id).boxes.remove(&id);
        let count = lost.map_or(0, |queue| queue.len());
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// The state that the aggregate's last actor left.
    pub(crate) fn unpark(&self, id: AggregateId) -> Option<Parked> {
        self.part(id).parked.remove(&id)
    }

    fn part(&self, id: AggregateId) -> std::sync::MutexGuard<'_, Part> {
        let index = usize::from(id.shard()) % PARTS;
        self.parts[index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
