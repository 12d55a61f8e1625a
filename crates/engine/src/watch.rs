//! Who waits for an aggregate's next commit: a caller that wants an execution's end, a worker that wants a task.
//!
//! A hint and no more: what changed is read from the store. Decides nothing, and is empty after a restart.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::AggregateId;
use ports::Clock;
use tokio::sync::watch;

use crate::engine::Shared;

/// All that is waited for.
#[derive(Default)]
pub(crate) struct Watches(Mutex<HashMap<AggregateId, watch::Sender<()>>>);

impl Watches {
    /// A turn of this aggregate is committed.
    pub(crate) fn committed(&self, id: AggregateId) {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watched.get(&id) {
            sender.send_modify(|()| {});
        }
    }

    fn subscribe(&self, id: AggregateId) -> watch::Receiver<()> {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .entry(id)
            .or_insert_with(|| watch::channel(()).0)
            .subscribe()
    }

    fn leave(&self, id: AggregateId) {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that leaves still holds its receiver.
        if watched
            .get(&id)
            .is_some_and(|sender| sender.receiver_count() <= 1)
        {
            watched.remove(&id);
        }
    }

    /// How many wait for it.
    fn count(&self, id: AggregateId) -> usize {
        let watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watched.get(&id).map_or(0, watch::Sender::receiver_count)
    }
}

/// Waits for commits of one aggregate, those since it was made or last waited.
pub struct Watch {
    shared: Arc<Shared>,
    id: AggregateId,
    receiver: watch::Receiver<()>,
}

impl Watch {
    pub(crate) fn new(shared: &Arc<Shared>, id: AggregateId) -> Self {
        Self {
            receiver: shared.watches.subscribe(id),
            shared: Arc::clone(shared),
            id,
        }
    }

    /// Ends at the next commit of the aggregate, or when the time is up. Whether there was one.
    pub async fn changed(&mut self, within: Duration) -> bool {
        let clock: &dyn Clock = self.shared.ports.clock.as_ref();
        let time = clock.sleep(within);
        tokio::select! {
            changed = self.receiver.changed() => changed.is_ok(),
            () = time => false,
        }
    }

    /// How many wait for this aggregate, this one included.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.watches.count(self.id)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.watches.leave(self.id);
    }
}
