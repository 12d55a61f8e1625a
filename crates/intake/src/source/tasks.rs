//! The one place of this crate that starts tasks, so that a stop can end them.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinSet;

/// Tasks of sources.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    set: Mutex<JoinSet<()>>,
}

impl Tasks {
    /// Starts a task.
    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended are forgotten.
        while set.try_join_next().is_some() {}
        set.spawn(work);
    }

    /// Ends when all tasks have ended.
    pub(super) async fn ended(&self) {
        let mut set = std::mem::take(&mut *self.set.lock().unwrap_or_else(PoisonError::into_inner));
        while set.join_next().await.is_some() {}
    }
}
