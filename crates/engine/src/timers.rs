//! The timer wheel: the next hour of timers in memory; the store's rows are the truth.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::{AggregateId, Scope};
use ports::StoreError;
use tokio::sync::Notify;

use crate::dispatch::Mail;
use crate::engine::Shared;

/// How far ahead timers are held in memory.
const WINDOW: SignedDuration = SignedDuration::from_mins(60);
/// Longest sleep: the wall clock is read again at least this often, so that a step of it is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// Timers loaded by one read.
const PAGE: usize = 10_000;

type Key = (AggregateId, String);

#[derive(Debug, Default)]
struct Wheel {
    /// Everything in the window that has not fired, earliest first.
    waiting: BTreeSet<(Timestamp, AggregateId, String)>,
    /// The current due time of every timer that the wheel knows, fired ones too until their turn is committed.
    current: HashMap<Key, (Timestamp, Scope)>,
    /// Timers later than this are only in the store.
    horizon: Option<Timestamp>,
}

/// Pending timers.
#[derive(Debug, Default)]
pub(crate) struct TimerWheel {
    wheel: Mutex<Wheel>,
    earlier: Notify,
}

impl TimerWheel {
    /// Notes a committed timer.
    pub(crate) fn set(&self, aggregate: AggregateId, scope: &Scope, key: &str, due: Timestamp) {
        let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel.forget(aggregate, key);
        if wheel.horizon.is_some_and(|horizon| due > horizon) {
            return;
        }
        let earliest = wheel
            .waiting
            .first()
            .is_none_or(|(first, _, _)| due < *first);
        wheel
            .current
            .insert((aggregate, key.to_owned()), (due, scope.clone()));
        wheel.waiting.insert((due, aggregate, key.to_owned()));
        if earliest {
            self.earlier.notify_one();
        }
    }

    /// Notes a committed cancellation or firing.
    pub(crate) fn remove(&self, aggregate: AggregateId, key: &str) {
        self.wheel
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .forget(aggregate, key);
    }

    /// Whether the timer that fired is still the one that is set: a turn committed since may have cancelled it.
    pub(crate) fn is_current(&self, aggregate: AggregateId, key: &str, due: Timestamp) -> bool {
        let wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel
            .current
            .get(&(aggregate, key.to_owned()))
            .is_some_and(|(current, _)| *current == due)
    }

    /// How many timers are in memory.
    pub(crate) fn count(&self) -> usize {
        let wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel.current.len()
    }

    /// Loads the window behind `now` from the store.
    pub(crate) async fn refill(&self, shared: &Shared, now: Timestamp) -> Result<(), StoreError> {
        let until = now.checked_add(WINDOW).unwrap_or(Timestamp::MAX);
        let rows = shared.ports.store.timers(until, PAGE).await?;
        // A full page ends before the window does: the horizon is where the page ends.
        let horizon = if rows.len() == PAGE {
            rows.last().map_or(until, |row| row.due)
        } else {
            until
        };
        let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel.horizon = Some(horizon);
        for row in rows {
            let key = (row.aggregate, row.key);
            // A timer known already is newer than the read, or has fired and waits for its turn.
            if !wheel.current.contains_key(&key) {
                wheel.waiting.insert((row.due, key.0, key.1.clone()));
                wheel.current.insert(key, (row.due, row.scope));
            }
        }
        Ok(())
    }

    /// Fires due timers, oldest first, until aborted.
    pub(crate) async fn run(&self, shared: &Shared) {
        loop {
            let now = shared.ports.clock.now();
            self.fire_due(shared, now);
            if self.needs_refill(now)
                && let Err(error) = self.refill(shared, now).await
            {
                tracing::error!(error = %error, "timers could not be read; tried again shortly");
            }
            let wait = self
                .next_due()
                .map_or(LONGEST_SLEEP, |due| until(now, due).min(LONGEST_SLEEP));
            tokio::select! {
                () = shared.ports.clock.sleep(wait) => {}
                () = self.earlier.notified() => {}
            }
        }
    }

    fn fire_due(&self, shared: &Shared, now: Timestamp) {
        let mut due = Vec::new();
        {
            let mut wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
            while wheel
                .waiting
                .first()
                .is_some_and(|(first, _, _)| *first <= now)
            {
                let Some((at, aggregate, key)) = wheel.waiting.pop_first() else {
                    break;
                };
                if let Some((_, scope)) = wheel.current.get(&(aggregate, key.clone())) {
                    due.push((aggregate, scope.clone(), key, at));
                }
            }
        }
        for (aggregate, scope, key, at) in due {
            shared
                .dispatcher
                .send(aggregate, scope, Mail::Timer { key, due: at });
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        wheel.waiting.first().map(|(due, _, _)| *due)
    }

    /// Half of the window is used up, or the horizon is behind because a page was full.
    fn needs_refill(&self, now: Timestamp) -> bool {
        let wheel = self.wheel.lock().unwrap_or_else(PoisonError::into_inner);
        let half = now.checked_add(WINDOW / 2).unwrap_or(Timestamp::MAX);
        wheel.horizon.is_none_or(|horizon| horizon < half) && (wheel.waiting.len() < PAGE / 2)
    }
}

impl Wheel {
    fn forget(&mut self, aggregate: AggregateId, key: &str) {
        if let Some((due, _)) = self.current.remove(&(aggregate, key.to_owned())) {
            self.waiting.remove(&(due, aggregate, key.to_owned()));
        }
    }
}

fn until(now: Timestamp, due: Timestamp) -> Duration {
    Duration::try_from(due.duration_since(now)).unwrap_or(Duration::ZERO)
}
