//! The embedded store: SQLite in WAL mode with `synchronous=FULL`, one writer thread that groups turns into
//! transactions, a few reader threads. One process owns a database.
//!
//! An error of the database while writing is fatal: nothing may be assumed about what the disk holds, so the store
//! answers "broken" from then on and calls `on_fatal`, upon which the process should end and recover.

mod commit;
mod encode;
mod prune;
mod read;
mod readers;
mod schema;
mod sequence;
mod statements;
mod writer;

pub use schema::OpenError;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use jiff::Timestamp;
use model::resource::Resource;
use model::{AggregateId, Scope};
use ports::BoxFuture;
use ports::store::{
    ArchiveQuery, ArchiveSize, ArchivedRow, ClaimKey, CommitError, Committed, EffectRow, Frames,
    InboxRow, JournalRow, Marks, MeasuredQuery, MeasuredRow, Query, ResourceQuery, Retention,
    Series, Store, StoreError, Stored, TimerRow, Turn,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use readers::Readers;
use sequence::Sequences;
use writer::{Command, Shared, Writer};

/// How a store is opened.
pub struct Options {
    /// Turns that may wait for the writer; one more is answered [`CommitError::Full`].
    pub queue: usize,
    /// Reader threads, at least 1.
    pub readers: usize,
    /// Called once, on the writer thread, with the reason why the store can no longer write.
    pub on_fatal: Box<dyn Fn(&str) + Send + Sync>,
}

impl Default for Options {
    /// 4,096 waiting turns, 4 readers, a fatal error is logged.
    fn default() -> Self {
        let on_fatal = |reason: &str| tracing::error!(reason, "the store failed");
        Self {
            queue: 4_096,
            readers: 4,
            on_fatal: Box::new(on_fatal),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            queue,
            readers,
            on_fatal: _,
        } = self;
        f.debug_struct("Options")
            .field("queue", queue)
            .field("readers", readers)
            .finish_non_exhaustive()
    }
}

/// Counters since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Transactions committed, each one wait for the disk.
    pub commits: u64,
    /// Turns committed.
    pub turns: u64,
    /// Groups that the writer took from its queue, those included of which every turn failed.
    pub batches: u64,
}

/// The embedded store.
#[derive(Debug)]
pub struct SqliteStore {
    shared: Arc<Shared>,
    queue: Mutex<Option<SyncSender<Command>>>,
    readers: Readers,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Let go last: another process may open the database once this one has closed it.
    _lock: schema::Lock,
}

impl SqliteStore {
    /// Opens or creates the database at `path`, in a directory that exists; a lock file is kept beside it. Blocks for
    /// the time that migrations take.
    ///
    /// # Errors
    /// See [`OpenError`]; the database is then as it was, up to the last migration that succeeded.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = schema::lock(path)?;
        let connection = schema::open_writer(path)?;
        let sequences = Sequences::load(&connection)?;
        let readers = (0..options.readers.max(1))
            .map(|_| schema::open_reader(path))
            .collect::<Result<_, _>>()?;
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let readers = Readers::start(readers).map_err(io)?;
        let shared = Arc::new(Shared::default());
        let (sender, queue) = sync_channel(options.queue.max(1));
        let mut writer = Writer {
            connection,
            sequences,
            shared: Arc::clone(&shared),
        };
        let on_fatal = options.on_fatal;
        let thread = std::thread::Builder::new()
            .name("store-write".to_owned())
            .spawn(move || {
                let run = std::panic::catch_unwind(AssertUnwindSafe(|| writer.run(&queue)));
                if let Err(reason) = run.unwrap_or_else(|_| Err("the writer panicked".to_owned())) {
                    // Said before the queue goes, so that whoever finds the queue gone finds the reason.
                    let reason = writer.shared.broken.get_or_init(|| reason).clone();
                    drop(queue);
                    on_fatal(&reason);
                }
            });
        let writer = Mutex::new(Some(thread.map_err(io)?));
        Ok(Self {
            shared,
            queue: Mutex::new(Some(sender)),
            readers,
            writer,
            _lock: lock,
        })
    }

    /// Counters since the store was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let Shared {
            commits,
            turns,
            batches,
            broken: _,
        } = &*self.shared;
        Stats {
            commits: commits.load(Ordering::Relaxed),
            turns: turns.load(Ordering::Relaxed),
            batches: batches.load(Ordering::Relaxed),
        }
    }

    /// Commits what waits, ends the threads and copies the log back into the database file. Blocks meanwhile: call it
    /// where blocking is allowed. Calls afterwards are answered that the store is closed. Dropping the store does the
    /// same.
    ///
    /// # Errors
    /// Why the store had failed before, or why the last checkpoint failed (nothing is lost then: the log is read at the
    /// next start).
    pub fn close(&self) -> Result<(), StoreError> {
        // Readers first: the last checkpoint can shorten the log only when nobody reads.
        self.readers.stop();
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the thread has been caught and told already.
            drop(thread.join());
        }
        self.shared
            .broken
            .get()
            .map_or(Ok(()), |reason| Err(StoreError(reason.clone())))
    }

    fn send(&self, command: Command) -> Result<(), CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queue.as_ref().ok_or_else(|| self.broken())?;
        queue.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Full,
            TrySendError::Disconnected(_) => self.broken(),
        })
    }

    fn broken(&self) -> CommitError {
        CommitError::Broken(
            self.shared
                .broken
                .get()
                .cloned()
                .unwrap_or_else(|| "the store is closed".to_owned()),
        )
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        Box::pin(self.readers.read(read))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(%error, "the store was not closed well");
        }
    }
}

impl Store for SqliteStore {
    fn commit(&self, turn: Turn) -> BoxFuture<'_, Result<Committed, CommitError>> {
        Box::pin(async move {
            let prepared = Box::new(encode::prepare(turn)?);
            let (answer, committed) = oneshot::channel();
            self.send(Command::Commit { prepared, answer })?;
            committed.await.unwrap_or_else(|_| Err(self.broken()))
        })
    }

    fn load(
        &self,
        id: AggregateId,
        frames: Frames,
    ) -> BoxFuture<'_, Result<Option<Stored>, StoreError>> {
        self.read(move |connection| read::load(connection, id, &frames))
    }

    fn list(&self, query: Query) -> BoxFuture<'_, Result<Vec<Stored>, StoreError>> {
        self.read(move |connection| read::list(connection, &query))
    }

    fn marks(&self) -> BoxFuture<'_, Result<Marks, StoreError>> {
        self.read(|connection| read::marks(connection))
    }

    fn inbox(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<InboxRow>, StoreError>> {
        self.read(move |connection| read::inbox(connection, after, limit))
    }

    fn effects(
        &self,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<EffectRow>, StoreError>> {
        self.read(move |connection| read::effects(connection, after, limit))
    }

    fn timers(
        &self,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<TimerRow>, StoreError>> {
        self.read(move |connection| read::timers(connection, until, limit))
    }

    fn journal(
        &self,
        aggregate: Option<AggregateId>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<JournalRow>, StoreError>> {
        self.read(move |connection| read::journal(connection, aggregate, after, limit))
    }

    fn claim(
        &self,
        key: ClaimKey,
        at: Timestamp,
    ) -> BoxFuture<'_, Result<Option<AggregateId>, StoreError>> {
        self.read(move |connection| read::claim(connection, &key, at))
    }

    fn lasting_claims(
        &self,
        family: String,
        after: String,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<(String, AggregateId)>, StoreError>> {
        self.read(move |connection| read::lasting_claims(connection, &family, &after, limit))
    }

    fn resource(
        &self,
        scope: Scope,
        kind: String,
        name: String,
    ) -> BoxFuture<'_, Result<Option<Resource>, StoreError>> {
        self.read(move |connection| read::resource(connection, &scope, &kind, &name))
    }

    fn resources(&self, query: ResourceQuery) -> BoxFuture<'_, Result<Vec<Resource>, StoreError>> {
        self.read(move |connection| read::resources(connection, &query))
    }

    fn measured(
        &self,
        query: MeasuredQuery,
    ) -> BoxFuture<'_, Result<Vec<MeasuredRow>, StoreError>> {
        self.read(move |connection| read::measured(connection, &query))
    }

    fn series(
        &self,
        scope: Scope,
        after: Option<Series>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Series>, StoreError>> {
        self.read(move |connection| read::series(connection, &scope, after.as_ref(), limit))
    }

    fn archived(&self, query: ArchiveQuery) -> BoxFuture<'_, Result<Vec<ArchivedRow>, StoreError>> {
        self.read(move |connection| read::archived(connection, &query))
    }

    fn archive_size(&self, archive: Uuid) -> BoxFuture<'_, Result<ArchiveSize, StoreError>> {
        self.read(move |connection| read::archive_size(connection, archive))
    }

    fn prune_archive(
        &self,
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
    ) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            let (answer, gone) = oneshot::channel();
            self.send(Command::PruneArchive {
                archive,
                before,
                limit,
                answer,
            })?;
            gone.await.unwrap_or_else(|_| Err(self.broken()))
        })
    }

    fn prune(&self, retention: Retention, limit: usize) -> BoxFuture<'_, Result<u64, CommitError>> {
        Box::pin(async move {
            let (answer, gone) = oneshot::channel();
            self.send(Command::Prune {
                retention,
                limit,
                answer,
            })?;
            gone.await.unwrap_or_else(|_| Err(self.broken()))
        })
    }
}

#[cfg(test)]
mod tests;
