//! The one place that starts tasks, so that a stop can wait for them.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Tasks under way: counted ones (turns, effects) that a stop waits for, and background loops that it ends.
#[derive(Debug)]
pub(crate) struct Tasks {
    count: watch::Sender<usize>,
    background: Mutex<Vec<AbortHandle>>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self {
            count: watch::channel(0).0,
            background: Mutex::new(Vec::new()),
        }
    }
}

/// Counts a task down even if it panics.
struct Guard(watch::Sender<usize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Tasks {
    /// Starts a task that [`Tasks::idle`] waits for.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one true place of `tokio::spawn` in this crate"
    )]
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.count.send_modify(|count| *count += 1);
        let guard = Guard(self.count.clone());
        tokio::spawn(async move {
            let _guard = guard;
            work.await;
        });
    }

    /// Starts what runs until its own end or [`Tasks::stop_background`].
    #[expect(
        clippy::disallowed_methods,
        reason = "the one true place of `tokio::spawn` in this crate"
    )]
    pub(crate) fn spawn_background(&self, work: impl Future<Output = ()> + Send + 'static) {
        let task = tokio::spawn(work).abort_handle();
        let mut background = self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        background.retain(|task| !task.is_finished());
        background.push(task);
    }

    /// Ends the background loops.
    pub(crate) fn stop_background(&self) {
        for task in self
            .background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            task.abort();
        }
    }

    /// Ends when no counted task is under way.
    pub(crate) async fn idle(&self) {
        let mut count = self.count.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = count.wait_for(|count| *count == 0).await;
    }
}
