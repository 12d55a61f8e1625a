//! Places for deliveries: so many at once for each destination, so many in all.
//!
//! A destination that is slow fills its own places and no others'; one that hangs is tried by one delivery at a time
//! until it answers again. Who waits costs a parked task and its message; when too much waits for one destination, what
//! comes on top is not tried and is told so ([`DESTINATION_BUSY`]): its machine waits in the store instead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use model::Outcome;
use model::effect::DESTINATION_BUSY;
use tokio::sync::Semaphore;

use crate::aws_call::plain_failure;

/// How many deliveries go on at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlaceLimits {
    /// In all.
    pub(crate) overall: usize,
    /// To one destination.
    pub(crate) each: usize,
    /// Waiting for one destination.
    pub(crate) waiting: usize,
    /// Bytes of messages that wait, in all.
    pub(crate) waiting_bytes: usize,
}

impl PlaceLimits {
    /// For web addresses.
    pub(crate) const DEFAULT: Self = Self {
        overall: 256,
        each: 16,
        waiting: 10_000,
        waiting_bytes: 256 << 20,
    };
}

/// The places of one kind of delivery.
pub(crate) struct Places {
    limits: PlaceLimits,
    overall: Semaphore,
    lanes: Mutex<HashMap<String, Arc<Lane>>>,
    waiting_bytes: AtomicUsize,
}

/// The way to one destination.
struct Lane {
    places: Semaphore,
    /// The one place while the destination hangs.
    probe: Semaphore,
    hangs: AtomicBool,
    waiting: AtomicUsize,
}

/// What waits, until it is dropped.
struct Waiting<'a> {
    places: &'a Places,
    lane: &'a Lane,
    bytes: usize,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.lane.waiting.fetch_sub(1, Ordering::Relaxed);
        self.places
            .waiting_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(limits: PlaceLimits) -> Self {
        Self {
            limits,
            overall: Semaphore::new(limits.overall),
            lanes: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
        }
    }

    /// Does `work`, which has a message of `bytes`, when `destination` has a place for it.
    pub(crate) async fn within(
        &self,
        destination: String,
        bytes: usize,
        work: impl Future<Output = Outcome>,
    ) -> Outcome {
        let lane = self.lane(&destination);
        let Some(waiting) = self.wait(&lane, bytes) else {
            drop(lane);
            return busy(&destination);
        };
        // INVARIANT: the semaphores are never closed, so that waiting for a place cannot fail.
        let place = lane.places.acquire().await;
        let probe = match lane.hangs.load(Ordering::Relaxed) {
            true => Some(lane.probe.acquire().await),
            false => None,
        };
        let overall = self.overall.acquire().await;
        drop(waiting);
        let outcome = work.await;
        lane.hangs.store(is_silence(&outcome), Ordering::Relaxed);
        drop((place, probe, overall));
        self.leave(destination, lane);
        outcome
    }

    fn wait<'a>(&'a self, lane: &'a Lane, bytes: usize) -> Option<Waiting<'a>> {
        // Counted first: what is refused is taken off again by the guard's end.
        let before = lane.waiting.fetch_add(1, Ordering::Relaxed);
        let bytes_before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let waiting = Waiting {
            places: self,
            lane,
            bytes,
        };
        let room = before < self.limits.waiting
            && bytes_before.saturating_add(bytes) <= self.limits.waiting_bytes;
        room.then_some(waiting)
    }

    fn lane(&self, destination: &str) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(destination) {
            return Arc::clone(lane);
        }
        let lane = Arc::new(Lane {
            places: Semaphore::new(self.limits.each),
            probe: Semaphore::new(1),
            hangs: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
        });
        lanes.insert(destination.to_owned(), Arc::clone(&lane));
        lane
    }

    /// Forgets a lane that nobody else is in. One that hangs is remembered while there are few.
    fn leave(&self, destination: String, lane: Arc<Lane>) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = lane.hangs.load(Ordering::Relaxed) && lanes.len() < self.limits.waiting;
        // The map's own, and ours.
        if !keep && Arc::strong_count(&lane) <= 2 {
            lanes.remove(&destination);
        }
    }
}

/// Whether the destination gave no sign of life.
fn is_silence(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if matches!(failure.code.as_str(), "Timeout" | "Network"))
}

fn busy(destination: &str) -> Outcome {
    let message = format!("too many other deliveries wait for `{destination}`");
    Outcome::Failed(plain_failure(DESTINATION_BUSY, message, true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::time::Duration;

    fn done() -> Outcome {
        Outcome::Done {
            result: Value::Null,
        }
    }

    fn silence() -> Outcome {
        Outcome::Failed(plain_failure("Timeout", String::new(), true))
    }

    fn small() -> Places {
        Places::new(PlaceLimits {
            overall: 4,
            each: 2,
            waiting: 3,
            waiting_bytes: 1_000,
        })
    }

    #[tokio::test]
    async fn a_hanging_destination_takes_no_place_of_others() {
        let places = small();
        let slow = (0..4).map(|_| {
            places.within("slow".to_owned(), 1, async {
                tokio::time::sleep(Duration::from_secs(10)).await;
                silence()
            })
        });
        let quick = async {
            for _ in 0..50 {
                let work = async {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    done()
                };
                assert_eq!(places.within("quick".to_owned(), 1, work).await, done());
            }
        };
        let slow = futures(slow.collect());
        tokio::select! {
            () = quick => {}
            _ = slow => panic!("the quick ones must not wait for the slow ones"),
        }
    }

    /// All of them, at once.
    async fn futures<F: Future<Output = Outcome>>(all: Vec<F>) -> Vec<Outcome> {
        let mut all: Vec<_> = all.into_iter().map(Box::pin).collect();
        let mut outcomes: Vec<Option<Outcome>> = all.iter().map(|_| None).collect();
        std::future::poll_fn(|context| {
            for (work, outcome) in all.iter_mut().zip(&mut outcomes) {
                if outcome.is_none()
                    && let std::task::Poll::Ready(value) = work.as_mut().poll(context)
                {
                    *outcome = Some(value);
                }
            }
            if outcomes.iter().all(Option::is_some) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        outcomes.into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn what_does_not_fit_into_the_queue_is_not_tried() {
        let places = small();
        let work = || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            done()
        };
        let tried = futures(
            (0..8)
                .map(|_| places.within("x".to_owned(), 1, work()))
                .collect(),
        )
        .await;
        let busy = |outcome: &&Outcome| matches!(outcome, Outcome::Failed(failure) if failure.code == DESTINATION_BUSY);
        assert_eq!(
            tried.iter().filter(busy).count(),
            3,
            "two at work, three wait: {tried:?}"
        );
        let large = places.within("x".to_owned(), 1_001, work()).await;
        assert!(busy(&&large));
        assert_eq!(places.within("x".to_owned(), 1_000, work()).await, done());
        assert_eq!(places.waiting_bytes.load(Ordering::Relaxed), 0);
        assert!(
            places.lanes.lock().expect("not poisoned").is_empty(),
            "nobody is in a lane"
        );
    }

    #[tokio::test]
    async fn a_destination_that_hangs_is_tried_by_one_at_a_time() {
        let places = small();
        assert_eq!(
            places.within("x".to_owned(), 1, async { silence() }).await,
            silence()
        );
        let at_once = AtomicUsize::new(0);
        let work = || async {
            assert_eq!(at_once.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
            tokio::time::sleep(Duration::from_millis(50)).await;
            at_once.fetch_sub(1, Ordering::SeqCst);
            silence()
        };
        futures(
            (0..3)
                .map(|_| places.within("x".to_owned(), 1, work()))
                .collect(),
        )
        .await;
        assert_eq!(
            places.within("x".to_owned(), 1, async { done() }).await,
            done()
        );
        assert!(
            places.lanes.lock().expect("not poisoned").is_empty(),
            "it answers again"
        );
    }
}
