//! Places for invocations: so many at once in all, fewer of one function, and no more than a function reserves.
//!
//! One function that is invoked without end cannot take the last places from others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ports::function::InvokeError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most invocations of one function that wait for a place.
const WAITING: usize = 1_000;

/// The places of all functions.
pub(super) struct FunctionPlaces {
    overall: Arc<Semaphore>,
    each: usize,
    /// How long an invocation waits for a place.
    patience: Duration,
    lanes: Arc<Mutex<Lanes>>,
}

type Lanes = HashMap<String, Lane>;

/// One function.
struct Lane {
    places: Arc<Semaphore>,
    /// Invocations that run or wait.
    inside: usize,
    /// Invocations that run.
    running: usize,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _inside: Inside,
    _permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

/// An invocation that is counted.
struct Inside {
    lanes: Arc<Mutex<Lanes>>,
    function: String,
    runs: bool,
}

impl Drop for Inside {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(&self.function) else {
            return;
        };
        lane.inside -= 1;
        lane.running -= usize::from(self.runs);
        if lane.inside == 0 {
            lanes.remove(&self.function);
        }
    }
}

impl FunctionPlaces {
    /// So many places in all; one function gets at most three quarters of them.
    pub(super) fn new(overall: usize, patience: Duration) -> Self {
        Self {
            overall: Arc::new(Semaphore::new(overall.max(1))),
            each: (overall - overall / 4).max(1),
            patience,
            lanes: Arc::default(),
        }
    }

    /// Waits for a place for a function. A function's own limit is not waited for, as on AWS.
    pub(super) async fn enter(
        &self,
        function: &str,
        reserved: Option<u32>,
    ) -> Result<Place, InvokeError> {
        let (mut inside, places) = self.count(function, reserved)?;
        let waited = tokio::time::timeout(self.patience, async {
            let own = places.acquire_owned().await.ok()?;
            let overall = Arc::clone(&self.overall).acquire_owned().await.ok()?;
            Some((own, overall))
        });
        // INVARIANT: the semaphores are never closed, so that only patience can end.
        let Ok(permits) = waited.await else {
            return Err(InvokeError::Throttled { reserved: false });
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get_mut(function) {
            if reserved.is_some_and(|reserved| lane.running >= as_count(reserved)) {
                drop(lanes);
                return Err(InvokeError::Throttled { reserved: true });
            }
            lane.running += 1;
            inside.runs = true;
        }
        drop(lanes);
        Ok(Place {
            _inside: inside,
            _permits: permits,
        })
    }

    fn count(
        &self,
        function: &str,
        reserved: Option<u32>,
    ) -> Result<(Inside, Arc<Semaphore>), InvokeError> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lanes.get(function);
        let (inside, running) = found.map_or((0, 0), |lane| (lane.inside, lane.running));
        if reserved.is_some_and(|reserved| running >= as_count(reserved)) {
            return Err(InvokeError::Throttled { reserved: true });
        }
        if inside >= WAITING {
            return Err(InvokeError::Throttled { reserved: false });
        }
        let lane = lanes.entry(function.to_owned()).or_insert_with(|| Lane {
            places: Arc::new(Semaphore::new(self.each)),
            inside: 0,
            running: 0,
        });
        lane.inside += 1;
        let places = Arc::clone(&lane.places);
        drop(lanes);
        let counted = Inside {
            lanes: Arc::clone(&self.lanes),
            function: function.to_owned(),
            runs: false,
        };
        Ok((counted, places))
    }
}

fn as_count(reserved: u32) -> usize {
    usize::try_from(reserved).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled(found: &Result<Place, InvokeError>) -> Option<bool> {
        match found {
            Err(InvokeError::Throttled { reserved }) => Some(*reserved),
            _ => None,
        }
    }

    #[tokio::test]
    async fn one_function_leaves_places_for_others() {
        let places = FunctionPlaces::new(4, Duration::from_millis(50));
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(places.enter("a", None).await);
        }
        assert!(held.iter().all(Result::is_ok));
        assert_eq!(throttled(&places.enter("a", None).await), Some(false));
        let other = places.enter("b", None).await;
        assert!(other.is_ok(), "the last place is not a's");
        assert_eq!(throttled(&places.enter("c", None).await), Some(false));
        drop(other);
        assert!(places.enter("c", None).await.is_ok());
        drop(held);
        assert!(places.enter("a", None).await.is_ok());
        let lanes = places.lanes.lock().unwrap();
        assert!(lanes.is_empty(), "what nobody is in is forgotten");
    }

    #[tokio::test]
    async fn a_reserve_is_a_limit_at_once() {
        let places = FunctionPlaces::new(8, Duration::from_secs(60));
        assert_eq!(throttled(&places.enter("a", Some(0)).await), Some(true));
        let first = places.enter("a", Some(1)).await;
        assert!(first.is_ok());
        assert_eq!(throttled(&places.enter("a", Some(1)).await), Some(true));
        drop(first);
        assert!(places.enter("a", Some(1)).await.is_ok());
    }

    #[tokio::test]
    async fn a_place_that_comes_free_is_taken() {
        let places = Arc::new(FunctionPlaces::new(1, Duration::from_secs(60)));
        let first = places.enter("a", None).await;
        let waits = async { places.enter("b", None).await.is_ok() };
        let frees = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(first);
        };
        let (got, ()) = tokio::join!(waits, frees);
        assert!(got);
    }
}
