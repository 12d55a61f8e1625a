//! Processes that were started before they are needed: confined, interpreter running, libraries imported. Each takes one
//! request and ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::process::Waiting;
use super::start::{Profile, Starter};

/// Waiting processes by profile.
pub(super) struct Pool {
    /// How many wait of each profile; 0 starts each process when it is needed.
    size: usize,
    waiting: Mutex<BTreeMap<Profile, VecDeque<Waiting>>>,
}

impl Pool {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            waiting: Mutex::default(),
        }
    }

    /// A process that waits, and whether it waited before this call.
    ///
    /// # Errors
    /// There is none and none can be started.
    pub(super) async fn take(
        &self,
        starter: &Starter,
        profile: &Profile,
    ) -> Result<(Waiting, bool), String> {
        while let Some(mut found) = self.next(profile) {
            if !found.has_ended() {
                return Ok((found, true));
            }
        }
        Ok((starter.start(profile, false).await?, false))
    }

    /// Starts what is missing of a profile. A failure shows when a process is needed.
    pub(super) async fn fill(&self, starter: &Starter, profile: &Profile) {
        while self.count(profile) < self.size {
            match starter.start(profile, true).await {
                Ok(waiting) => self.change(|all| {
                    all.entry(profile.clone()).or_default().push_back(waiting);
                }),
                Err(reason) => {
                    tracing::debug!(reason, "no script process can be started ahead");
                    return;
                }
            }
        }
    }

    fn next(&self, profile: &Profile) -> Option<Waiting> {
        self.change(|all| all.get_mut(profile).and_then(VecDeque::pop_front))
    }

    fn count(&self, profile: &Profile) -> usize {
        self.change(|all| all.get(profile).map_or(0, VecDeque::len))
    }

    fn change<R>(&self, change: impl FnOnce(&mut BTreeMap<Profile, VecDeque<Waiting>>) -> R) -> R {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
