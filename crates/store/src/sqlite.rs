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
mod tests {
    use std::sync::mpsc::channel;

    use futures_util::future::join_all;
    use model::resource::Expect;
    use ports::store::ResourceWrite;
    use ports::suite::block_on;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    fn store(options: Options) -> (SqliteStore, TempDir) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        (
            SqliteStore::open(&directory.path().join("quell.sqlite"), options).expect("opens"),
            directory,
        )
    }

    fn inspect<T: Send + 'static>(
        store: &SqliteStore,
        look: impl FnOnce(&rusqlite::Connection) -> T + Send + 'static,
    ) -> T {
        let (answer, found) = channel();
        let command = Command::Inspect(Some(Box::new(move |connection| {
            drop(answer.send(look(connection)))
        })));
        store.send(command).expect("sent");
        found.recv().expect("answered")
    }

    fn put(name: &str, size: usize) -> Turn {
        let write = ResourceWrite {
            scope: Scope::new("123456789012", "eu-central-1"),
            kind: "plan".to_owned(),
            name: name.to_owned(),
            expect: Expect::Absent,
            body: Some(json!("x".repeat(size))),
            at: Timestamp::UNIX_EPOCH,
        };
        Turn {
            resources: vec![write],
            ..Turn::default()
        }
    }

    #[test]
    fn the_writer_holds_the_settings_that_durability_needs() {
        let (store, _directory) = store(Options::default());
        let want = [
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("foreign_keys", "1"),
            ("busy_timeout", "5000"),
            ("wal_autocheckpoint", "4000"),
        ];
        for (name, value) in want {
            let found = inspect(&store, move |connection| {
                let found = connection
                    .pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
                match found.expect("readable") {
                    rusqlite::types::Value::Integer(number) => number.to_string(),
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                }
            });
            assert_eq!(found, value, "{name}");
        }
    }

    #[test]
    fn a_failing_disk_ends_the_store_and_says_why_once() {
        let (told, reasons) = channel();
        let on_fatal =
            Box::new(move |reason: &str| told.send(reason.to_owned()).expect("the test listens"));
        let told_twice = Mutex::new(on_fatal);
        let options = Options {
            on_fatal: Box::new(move |reason| told_twice.lock().expect("unpoisoned")(reason)),
            ..Options::default()
        };
        let (store, directory) = store(options);
        block_on(async {
            store.commit(put("kept", 10)).await.expect("holds");
            // From here on the database may not grow by more than a little: SQLITE_FULL, as from a full disk.
            inspect(&store, |connection| {
                let pages: i64 = connection
                    .query_row("PRAGMA page_count", [], |row| row.get(0))
                    .expect("a number");
                connection
                    .query_row(
                        &format!("PRAGMA max_page_count = {}", pages + 2),
                        [],
                        |row| row.get::<_, i64>(0),
                    )
                    .expect("set");
            });
            let names: Vec<String> = (0..200).map(|number| format!("r{number}")).collect();
            let answers = join_all(names.iter().map(|name| store.commit(put(name, 3_000)))).await;
            assert!(
                answers
                    .iter()
                    .any(|answer| matches!(answer, Err(CommitError::Broken(_))))
            );
            let broken = store.commit(put("late", 10)).await.expect_err("over");
            assert!(
                matches!(&broken, CommitError::Broken(reason) if reason.contains("full")),
                "{broken}"
            );
            assert!(matches!(
                store.prune(Retention::default(), 1).await,
                Err(CommitError::Broken(_))
            ));
            let reason = reasons.recv().expect("told");
            assert!(reason.contains("full"), "{reason}");
            assert!(store.close().is_err());
            assert!(reasons.recv().is_err(), "told once");
            drop(store);
            // Opened again: what was acknowledged is there, what was not acknowledged may not be.
            let path = directory.path().join("quell.sqlite");
            let store = SqliteStore::open(&path, Options::default()).expect("opens");
            let scope = Scope::new("123456789012", "eu-central-1");
            for (name, answer) in names.iter().zip(&answers) {
                let found = store
                    .resource(scope.clone(), "plan".to_owned(), name.clone())
                    .await
                    .expect("readable");
                assert_eq!(found.is_some(), answer.is_ok(), "{name}");
            }
        });
    }

    #[test]
    fn a_full_queue_turns_away_and_a_waiting_one_becomes_one_transaction() {
        let (store, _directory) = store(Options {
            queue: 8,
            ..Options::default()
        });
        // The writer stands still until the test lets it go.
        let (go, wait) = channel::<()>();
        let (standing, stands) = channel::<()>();
        let hold = Command::Inspect(Some(Box::new(move |_| {
            standing.send(()).expect("the test listens");
            wait.recv().expect("let go");
        })));
        store.send(hold).expect("sent");
        stands.recv().expect("the writer stands");
        let before = store.stats();
        // From the sixth on each writes something before it meets a name that is taken.
        let turn = |number: u64| {
            let mut turn = put(&format!("own{number}"), 10);
            let shared = put(&format!("shared{}", number % 5), 10);
            turn.resources.extend(shared.resources);
            store.commit(turn)
        };
        let mut commits: Vec<_> = (0..12).map(turn).collect();
        // Polled once each: eight wait, four are turned away.
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let polled: Vec<_> = commits
            .iter_mut()
            .map(|commit| commit.as_mut().poll(&mut context))
            .collect();
        let away = polled
            .iter()
            .filter(|poll| matches!(poll, std::task::Poll::Ready(Err(CommitError::Full))))
            .count();
        assert_eq!(
            (away, polled.iter().filter(|poll| poll.is_pending()).count()),
            (4, 8)
        );
        go.send(()).expect("the writer listens");
        let waiting = commits
            .into_iter()
            .zip(&polled)
            .filter(|(_, poll)| poll.is_pending())
            .map(|(commit, _)| commit);
        let answers = block_on(join_all(waiting));
        // Five hold; the three that come second to a name fail alone, within the same transaction.
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 5);
        assert!(
            answers[5..]
                .iter()
                .all(|answer| matches!(answer, Err(CommitError::ResourceConflict { .. })))
        );
        let after = store.stats();
        assert_eq!(
            (after.turns - before.turns, after.commits - before.commits),
            (5, 1)
        );
        let kept = inspect(&store, |connection| {
            let sql =
                "SELECT group_concat(name, ' ' ORDER BY name) FROM resource WHERE name LIKE 'own%'";
            connection.query_row(sql, [], |row| row.get::<_, String>(0))
        });
        assert_eq!(kept.as_deref(), Ok("own0 own1 own2 own3 own4"));
    }

    #[test]
    fn reads_use_indexes() {
        let (store, _directory) = store(Options::default());
        let plans = inspect(&store, |connection| {
            let explained = |sql: &str| {
                let mut statement = connection
                    .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                    .expect("parses");
                let count = statement.parameter_count();
                let nulls = vec![rusqlite::types::Null; count];
                let rows = statement.query_map(rusqlite::params_from_iter(nulls), |row| {
                    row.get::<_, String>(3)
                });
                rows.expect("explains")
                    .collect::<Result<Vec<_>, _>>()
                    .expect("explains")
            };
            statements::STATEMENTS.map(|sql| (sql, explained(sql)))
        });
        for (sql, plan) in plans {
            for step in plan {
                let scan = step.starts_with("SCAN") || step.contains("TEMP B-TREE");
                assert!(!scan, "{step}\n{sql}");
            }
        }
    }

    #[test]
    fn a_large_body_is_stored_once_and_pruned_with_its_last_reference() {
        let (store, _directory) = store(Options::default());
        let payloads = || {
            inspect(&store, |connection| {
                let count = |sql| {
                    connection
                        .query_row(sql, [], |row| row.get::<_, i64>(0))
                        .expect("counts")
                };
                (
                    count("SELECT count(*) FROM payload"),
                    count("SELECT count(*) FROM payload_freed"),
                )
            })
        };
        let remove = |name: &str| {
            let mut turn = put(name, 0);
            turn.resources[0].expect = Expect::Any;
            turn.resources[0].body = None;
            turn
        };
        block_on(async {
            for name in ["a", "b", "c"] {
                store.commit(put(name, 50_000)).await.expect("holds");
            }
            store.commit(put("small", 32_000)).await.expect("holds");
            assert_eq!(payloads(), (1, 0));
            let mut elsewhere = put("d", 50_000);
            elsewhere.resources[0].scope.tenant = "other".to_owned();
            store.commit(elsewhere).await.expect("holds");
            assert_eq!(payloads(), (2, 0), "owners share nothing");
            store.commit(remove("a")).await.expect("holds");
            let mut changed = put("b", 5);
            changed.resources[0].expect = Expect::Any;
            store.commit(changed).await.expect("holds");
            assert_eq!(payloads(), (2, 1));
            assert_eq!(
                store.prune(Retention::default(), 10).await,
                Ok(0),
                "one still refers to it"
            );
            assert_eq!(payloads(), (2, 0));
            store.commit(remove("c")).await.expect("holds");
            assert_eq!(store.prune(Retention::default(), 10).await, Ok(1));
            assert_eq!(payloads(), (1, 0));
        });
    }
}
