//! A store that dies at a chosen commit, for tests that crash at every commit in turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, Scope};

use uuid::Uuid;

use crate::BoxFuture;
use crate::store::{
    ArchiveQuery, ArchiveSize, ArchivedRow, ClaimKey, CommitError, Committed, EffectRow, Frames,
    InboxRow, JournalRow, Marks, MeasuredQuery, MeasuredRow, Query, ResourceQuery, Retention,
    Series, Store, StoreError, Stored, TimerRow, Turn,
};

/// At which side of a commit the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing of the turn is kept.
    Before,
    /// The turn is kept, but nobody was told.
    After,
}

type Watch = Box<dyn Fn(u64, &Turn) + Send + Sync>;

/// Numbers the commits that go through it, from 1, and dies at one of them: that commit and everything afterwards,
/// reads too, answers that the store is broken. Wrap an `Arc` of the real store to open it again after the crash.
pub struct Faulty<S> {
    inner: S,
    crash: Option<(u64, Moment)>,
    begun: AtomicU64,
    dead: AtomicBool,
    watch: Option<Watch>,
}

impl<S: std::fmt::Debug> std::fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faulty")
            .field("inner", &self.inner)
            .field("crash", &self.crash)
            .finish_non_exhaustive()
    }
}

const DEAD: &str = "the store crashed as the test wished";

impl<S: Store> Faulty<S> {
    /// Counts the commits and never crashes.
    #[must_use]
    pub fn counting(inner: S) -> Self {
        Self {
            inner,
            crash: None,
            begun: AtomicU64::new(0),
            dead: AtomicBool::new(false),
            watch: None,
        }
    }

    /// Crashes at commit number `number`, counted from 1.
    #[must_use]
    pub fn crashing(inner: S, number: u64, moment: Moment) -> Self {
        Self {
            crash: Some((number, moment)),
            ..Self::counting(inner)
        }
    }

    /// Shows every turn, with its number, to `watch` before it is committed.
    #[must_use]
    pub fn watched(self, watch: impl Fn(u64, &Turn) + Send + Sync + 'static) -> Self {
        Self {
            watch: Some(Box::new(watch)),
            ..self
        }
    }

    /// How many commits were begun.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Whether it has crashed.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// The real store.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn alive(&self) -> Result<(), CommitError> {
        if self.crashed() {
            Err(CommitError::Broken(DEAD.to_owned()))
        } else {
            Ok(())
        }
    }

    fn read<'a, T: Send + 'a>(
        &'a self,
        read: impl FnOnce(&'a S) -> BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        if self.crashed() {
            return Box::pin(std::future::ready(Err(StoreError(DEAD.to_owned()))));
        }
        read(&self.inner)
    }
}

impl<S: Store> Store for Faulty<S> {
    fn commit(&self, turn: Turn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            self.alive()?;
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            if let Some(watch) = &self.watch {
                watch(number, &turn);
            }
            let moment = self
                .crash
                .filter(|crash| crash.0 == number)
                .map(|crash| crash.1);
            if moment == Some(Moment::Before) {
                self.dead.store(true, Ordering::SeqCst);
                self.alive()?;
            }
            let answer = self.inner.commit(turn).await;
            if moment == Some(Moment::After) {
                self.dead.store(true, Ordering::SeqCst);
            }
            // A turn that was under way when another one crashed the store stays unanswered as well.
            self.alive()?;
            answer
        })
    }

    fn load(
        &self,
        id: AggregateId,
        frames: Frames,
    ) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.read(|store| store.load(id, frames))
    }

    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.read(|store| store.list(query))
    }

    fn marks(&self) -> BoxFuture<'_, Result<Marks, StoreError>> {
        self.read(|store| store.marks())
    }

    fn inbox(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<InboxRow>, StoreError>> {
        self.read(|store| store.inbox(after, limit))
    }

    fn effects(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<EffectRow>, StoreError>> {
        self.read(|store| store.effects(after, limit))
    }

    fn timers(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        self.read(|store| store.timers(until, limit))
    }

    fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JournalRow>, StoreError>> {
        self.read(|store| store.journal(aggregate, after, limit))
    }

    fn claim(
        &self,
        key: ClaimKey,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<AggregateId>, StoreError>> {
        self.read(|store| store.claim(key, at))
    }

    fn lasting_claims(
        &self,
        family: String,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, AggregateId)>, StoreError>> {
        self.read(|store| store.lasting_claims(family, after, limit))
    }

    fn resource(
        &self,
        scope: Scope,
        kind: String,
        name: String,
    ) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        self.read(|store| store.resource(scope, kind, name))
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Resource>, StoreError>> {
        self.read(|store| store.resources(query))
    }

    fn measured(
        &self,
        query: MeasuredQuery,
    ) -> BoxFuture<'_, Result<Vec<MeasuredRow>, StoreError>> {
        self.read(|store| store.measured(query))
    }

    fn series(
        &self,
        scope: Scope,
        after: Option<Series>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Series>, StoreError>> {
        self.read(|store| store.series(scope, after, limit))
    }

    fn archived(&self, query: ArchiveQuery) -> BoxFuture<'_, Result<Vec<ArchivedRow>, StoreError>> {
        self.read(|store| store.archived(query))
    }

    fn archive_size(&self, archive: Uuid) -> BoxFuture<'_, Result<ArchiveSize, StoreError>> {
        self.read(|store| store.archive_size(archive))
    }

    fn prune_archive(
        &self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            self.alive()?;
            self.inner.prune_archive(archive, before, limit).await
        })
    }

    fn prune(&self, retention: Retention, limit: usize) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            self.alive()?;
            self.inner.prune(retention, limit).await
        })
    }
}
