//! A store behind an `Arc` is a store.

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, Scope};

use super::{
    ArchiveQuery, ArchiveSize, ArchivedRow, ClaimKey, CommitError, Committed, EffectRow, Frames,
    InboxRow, JournalRow, Marks, MeasuredQuery, MeasuredRow, Query, ResourceQuery, Retention,
    Series, Store, StoreError, Stored, TimerRow, Turn,
};
use uuid::Uuid;

use crate::BoxFuture;

/// A store that several owners share, e.g. a test that reopens it after a simulated crash.
impl<S: Store> Store for std::sync::Arc<S> {
    fn commit(&self, turn: Turn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        S::commit(self, turn)
    }

    fn load(
        &self,
        id: AggregateId,
        frames: Frames,
    ) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        S::load(self, id, frames)
    }

    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        S::list(self, query)
    }

    fn marks(&self) -> BoxFuture<'_, Result<Marks, StoreError>> {
        S::marks(self)
    }

    fn inbox(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<InboxRow>, StoreError>> {
        S::inbox(self, after, limit)
    }

    fn effects(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<EffectRow>, StoreError>> {
        S::effects(self, after, limit)
    }

    fn timers(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        S::timers(self, until, limit)
    }

    fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JournalRow>, StoreError>> {
        S::journal(self, aggregate, after, limit)
    }

    fn claim(
        &self,
        key: ClaimKey,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<AggregateId>, StoreError>> {
        S::claim(self, key, at)
    }

    fn lasting_claims(
        &self,
        family: String,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, AggregateId)>, StoreError>> {
        S::lasting_claims(self, family, after, limit)
    }

    fn resource(
        &self,
        scope: Scope,
        kind: String,
        name: String,
    ) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        S::resource(self, scope, kind, name)
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Resource>, StoreError>> {
        S::resources(self, query)
    }

    fn measured(
        &self,
        query: MeasuredQuery,
    ) -> BoxFuture<'_, Result<Vec<MeasuredRow>, StoreError>> {
        S::measured(self, query)
    }

    fn series(
        &self,
        scope: Scope,
        after: Option<Series>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Series>, StoreError>> {
        S::series(self, scope, after, limit)
    }

    fn archived(&self, query: ArchiveQuery) -> BoxFuture<'_, Result<Vec<ArchivedRow>, StoreError>> {
        S::archived(self, query)
    }

    fn archive_size(&self, archive: Uuid) -> BoxFuture<'_, Result<ArchiveSize, StoreError>> {
        S::archive_size(self, archive)
    }

    fn prune_archive(
        &self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, CommitError>> {
        S::prune_archive(self, archive, before, limit)
    }

    fn prune(&self, retention: Retention, limit: usize) -> BoxFuture<'_, Result<u64, CommitError>> {
        S::prune(self, retention, limit)
    }
}
