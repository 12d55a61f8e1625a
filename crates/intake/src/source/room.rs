//! How many messages may be parked at once: what cannot be decoded must not fill the disk.
//!
//! The oldest are kept, since nothing may be thrown away unseen; what comes when there is no room is not taken, so that
//! its queue or its sender keeps it. It must not know formats or senders.

use engine::views::parked::{Parked, Status};
use engine::{AskError, Handle};
use jiff::{SignedDuration, Timestamp};
use model::{AggregateKind, Scope};
use ports::store::Query;
use tokio::sync::Mutex;

/// Messages read from the store at once.
const BATCH: usize = 1_000;
/// The store is asked again at most so often while there is no room.
const RECOUNT: SignedDuration = SignedDuration::from_secs(10);

/// Room for parked messages.
#[derive(Debug)]
pub(super) struct Room {
    max: u64,
    counted: Mutex<Option<Counted>>,
}

/// How many are parked: counted in the store, and added to since.
#[derive(Debug, Clone, Copy)]
struct Counted {
    parked: u64,
    at: Timestamp,
}

impl Room {
    pub(super) fn new(max: u64) -> Self {
        Self {
            max,
            counted: Mutex::new(None),
        }
    }

    /// Takes a place for one more message; `Some` says why there is none. Places that operators have made free are
    /// found by counting anew once all are taken.
    pub(super) async fn take(
        &self,
        handle: &Handle,
        scope: &Scope,
    ) -> Result<Option<String>, AskError> {
        let now = handle.now();
        let mut counted = self.counted.lock().await;
        let mut known = match *counted {
            Some(known) if known.parked < self.max || now.duration_since(known.at) < RECOUNT => {
                known
            }
            _ => Counted {
                parked: self.count(handle, scope).await?,
                at: now,
            },
        };
        let full = known.parked >= self.max;
        known.parked += u64::from(!full);
        *counted = Some(known);
        Ok(full.then(|| {
            format!(
                "{} messages are parked already, the most that are kept (`intake.max_parked`): retry or discard some",
                self.max
            )
        }))
    }

    /// Counts what waits for an operator, up to the limit.
    async fn count(&self, handle: &Handle, scope: &Scope) -> Result<u64, AskError> {
        let mut parked = 0;
        let mut before = None;
        loop {
            let query = Query {
                kind: AggregateKind::Parked,
                scope: scope.global(),
                index: None,
                before,
                limit: BATCH,
            };
            let page = handle.list(query).await?;
            for stored in &page {
                let open = Parked::restore(&stored.frames)
                    .is_ok_and(|parked| parked.status == Status::Parked);
                parked += u64::from(open);
            }
            match page.last() {
                Some(last) if page.len() == BATCH && parked < self.max => {
                    before = Some((last.created, last.id.id));
                }
                _ => return Ok(parked),
            }
        }
    }
}
