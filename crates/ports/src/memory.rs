//! The in-memory reference store: plain maps behind one lock. What it answers is what every store has to answer.
//!
//! Keeps nothing over a restart of the process; tests share it through an `Arc` and wrap it in [`Faulty`].

mod faulty;
mod state;

pub use faulty::{Faulty, Moment};

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, Scope};

use uuid::Uuid;

use crate::BoxFuture;
use crate::limits::{instant, page};
use crate::store::{
    ArchiveQuery, ArchiveSize, ArchivedRow, ClaimKey, CommitError, Committed, EffectRow, Frames,
    InboxRow, JournalRow, Marks, MeasuredQuery, MeasuredRow, Query, ResourceQuery, Retention,
    Series, Store, StoreError, Stored, TimerRow, Turn,
};
use state::State;

/// The reference store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many turns were committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// How many turns were turned down, for whatever reason.
    #[must_use]
    pub fn refusals(&self) -> u64 {
        self.lock().refusals
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl Store for MemoryStore {
    fn commit(&self, turn: Turn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        // Not before the first poll: a future that nobody awaits commits nothing.
        Box::pin(async move { self.lock().commit(turn) })
    }

    fn load(
        &self,
        id: AggregateId,
        frames: Frames,
    ) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        ready(Ok(self.lock().load(id, &frames)))
    }

    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        ready(Ok(self.lock().list(&query)))
    }

    fn marks(&self) -> BoxFuture<'_, Result<Marks, StoreError>> {
        let state = self.lock();
        let inbox = state.inbox.iter().rev().find(|(_, row)| !row.done);
        let mut effects = state.effects.iter().rev();
        let effects = effects.find(|(_, kept)| kept.outcome.is_none());
        ready(Ok(Marks {
            inbox: inbox.map_or(0, |(seq, _)| *seq),
            effects: effects.map_or(0, |(seq, _)| *seq),
        }))
    }

    fn inbox(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<InboxRow>, StoreError>> {
        let state = self.lock();
        let rows = state
            .inbox
            .range(after.saturating_add(1)..)
            .filter(|(_, row)| !row.done);
        let rows = rows.take(page(limit)).map(|(seq, row)| InboxRow {
            seq: *seq,
            input: row.input.clone(),
        });
        ready(Ok(rows.collect()))
    }

    fn effects(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<EffectRow>, StoreError>> {
        let state = self.lock();
        let rows = state
            .effects
            .range(after.saturating_add(1)..)
            .filter(|(_, kept)| kept.outcome.is_none());
        ready(Ok(rows
            .take(page(limit))
            .map(|(_, kept)| kept.row.clone())
            .collect()))
    }

    fn timers(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        ready(Ok(self.lock().timers(instant(until), page(limit))))
    }

    fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JournalRow>, StoreError>> {
        let state = self.lock();
        let rows = state
            .journal
            .range(after.saturating_add(1)..)
            .map(|(_, row)| row);
        let rows = rows.filter(|row| aggregate.is_none_or(|id| id == row.aggregate));
        ready(Ok(rows.take(page(limit)).cloned().collect()))
    }

    fn claim(
        &self,
        key: ClaimKey,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<AggregateId>, StoreError>> {
        ready(Ok(self.lock().holder(&key, Some(instant(at)))))
    }

    fn lasting_claims(
        &self,
        family: String,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, AggregateId)>, StoreError>> {
        ready(Ok(self.lock().lasting_claims(&family, &after, page(limit))))
    }

    fn resource(
        &self,
        scope: Scope,
        kind: String,
        name: String,
    ) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        ready(Ok(self.lock().resources.get(&(kind, scope, name)).cloned()))
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Resource>, StoreError>> {
        ready(Ok(self.lock().resources(&query)))
    }

    fn measured(
        &self,
        query: MeasuredQuery,
    ) -> BoxFuture<'_, Result<Vec<MeasuredRow>, StoreError>> {
        ready(Ok(self.lock().measured.read(&query)))
    }

    fn series(
        &self,
        scope: Scope,
        after: Option<Series>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Series>, StoreError>> {
        ready(Ok(self.lock().measured.series(&scope, after, page(limit))))
    }

    fn archived(&self, query: ArchiveQuery) -> BoxFuture<'_, Result<Vec<ArchivedRow>, StoreError>> {
        ready(Ok(self.lock().archived.read(&query)))
    }

    fn archive_size(&self, archive: Uuid) -> BoxFuture<'_, Result<ArchiveSize, StoreError>> {
        ready(Ok(self.lock().archived.size(archive)))
    }

    fn prune_archive(
        &self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move { Ok(self.lock().archived.prune(archive, before, limit.max(1))) })
    }

    fn prune(&self, retention: Retention, limit: usize) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move { Ok(self.lock().prune(&retention, limit.max(1))) })
    }
}
