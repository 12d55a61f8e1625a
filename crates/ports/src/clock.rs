//! Time and randomness as doors: the real ones live in `app`, the manual ones here for tests.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::ids::{self, Entropy};

use crate::BoxFuture;

/// The time of day, and waiting.
pub trait Clock: Send + Sync + 'static {
    /// The current instant (wall clock, UTC).
    fn now(&self) -> Timestamp;
    /// A monotonic reading for measuring durations; its zero is arbitrary.
    fn monotonic(&self) -> Duration;
    /// Ends after `duration`; monotonic, so a step of the wall clock does not stretch it.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Where turns get their 32 random bytes.
pub trait EntropySource: Send + Sync + 'static {
    /// Fresh entropy for one turn.
    fn draw(&self) -> Entropy;
}

/// Reproducible entropy for tests: the n-th draw of a seed is always the same.
#[derive(Debug, Default)]
pub struct SeededEntropy {
    seed: u64,
    drawn: Mutex<u64>,
}

impl SeededEntropy {
    /// Entropy of one seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            drawn: Mutex::new(0),
        }
    }
}

impl EntropySource for SeededEntropy {
    fn draw(&self) -> Entropy {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        *drawn += 1;
        ids::secret(&[0; 32], &format!("{}/{}", self.seed, *drawn))
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug, Clone)]
pub struct ManualClock {
    inner: Arc<Mutex<Manual>>,
}

#[derive(Debug)]
struct Manual {
    start: Timestamp,
    elapsed: Duration,
    next: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        let inner = Manual {
            start,
            elapsed: Duration::ZERO,
            next: 0,
            sleepers: BTreeMap::new(),
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Moves the clock on and wakes every sleeper whose time has come.
    pub fn advance(&self, by: Duration) {
        let woken: Vec<Waker> = {
            let mut manual = self.lock();
            manual.elapsed += by;
            let bound = (manual.elapsed + Duration::from_nanos(1), 0);
            let later = manual.sleepers.split_off(&bound);
            std::mem::replace(&mut manual.sleepers, later)
                .into_values()
                .collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manual> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        let manual = self.lock();
        let elapsed = SignedDuration::try_from(manual.elapsed).unwrap_or(SignedDuration::MAX);
        manual.start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.lock().elapsed
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut manual = self.lock();
        manual.next += 1;
        let key = (manual.elapsed.saturating_add(duration), manual.next);
        drop(manual);
        Box::pin(Sleep {
            clock: self.clone(),
            key,
        })
    }
}

struct Sleep {
    clock: ManualClock,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut manual = self.clock.lock();
        if manual.elapsed >= self.key.0 {
            manual.sleepers.remove(&self.key);
            return Poll::Ready(());
        }
        manual.sleepers.insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.lock().sleepers.remove(&self.key);
    }
}
