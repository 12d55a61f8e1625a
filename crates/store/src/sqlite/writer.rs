//! The writer thread: the only owner of the write connection. It takes what waits, writes it in one transaction in which
//! each turn holds or fails alone, commits, and only then answers. While one commit waits for the disk the next group gathers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use ports::store::{CommitError, Committed, Retention};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::commit::{Apply, Failure};
use super::encode::Prepared;
use super::prune::{prune, prune_archive};
use super::sequence::Sequences;

/// Most commands of one transaction.
const MAX_GROUP: usize = 512;

/// Where a command's answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, CommitError>>;

#[cfg(test)]
pub(super) type Inspect = Box<dyn FnOnce(&Connection) + Send>;

/// What the writer can be asked to do.
pub(super) enum Command {
    Commit {
        prepared: Box<Prepared>,
        answer: Answer<Committed>,
    },
    Prune {
        retention: Retention,
        limit: usize,
        answer: Answer<u64>,
    },
    PruneArchive {
        archive: Uuid,
        before: Option<Timestamp>,
        limit: usize,
        answer: Answer<u64>,
    },
    #[cfg(test)]
    Inspect(Option<Inspect>),
}

/// What came of a command: told once the transaction is committed.
enum Outcome {
    Commit(Result<Committed, CommitError>),
    Prune(u64),
    #[cfg(test)]
    Inspect,
}

impl Outcome {
    fn wrote(&self) -> bool {
        match self {
            Self::Commit(result) => result.is_ok(),
            Self::Prune(_) => true,
            #[cfg(test)]
            Self::Inspect => false,
        }
    }
}

/// What the store and the writer both see.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) commits: AtomicU64,
    pub(super) turns: AtomicU64,
    pub(super) batches: AtomicU64,
    /// Why the writer ended, if it did not end well.
    pub(super) broken: OnceLock<String>,
}

/// The state of the writer thread.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) sequences: Sequences,
    pub(super) shared: Arc<Shared>,
}

impl Writer {
    /// Serves until every sender is gone (`Ok`, after the last command) or the database fails (`Err`). After an error
    /// every waiting answer is dropped unsaid, which its caller reads as "broken".
    pub(super) fn run(&mut self, queue: &Receiver<Command>) -> Result<(), String> {
        let mut group = Vec::with_capacity(MAX_GROUP);
        while let Ok(first) = queue.recv() {
            group.push(first);
            while group.len() < MAX_GROUP
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            self.write(&mut group)?;
        }
        // The log goes back into the database file, so that a stopped store is one file.
        let checkpoint = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        checkpoint.map_err(|error| format!("the last checkpoint failed: {error}"))
    }

    fn write(&mut self, group: &mut Vec<Command>) -> Result<(), String> {
        self.shared.batches.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.execute("BEGIN IMMEDIATE") {
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) {
                // Somebody else, a person with a shell perhaps, holds the database: nothing was begun, nothing is lost.
                group.drain(..).for_each(Command::turn_away);
                return Ok(());
            }
            return Err(self.fatal("no transaction can be begun", &error));
        }
        let outcomes = match self.lightly(group)? {
            Some(outcomes) => outcomes,
            None => self.carefully(group)?,
        };
        let wrote = outcomes.iter().any(Outcome::wrote);
        let end = if wrote { "COMMIT" } else { "ROLLBACK" };
        self.execute(end)
            .map_err(|error| self.fatal(&format!("{end} failed"), &error))?;
        self.shared
            .commits
            .fetch_add(u64::from(wrote), Ordering::Relaxed);
        for (command, outcome) in group.drain(..).zip(outcomes) {
            self.say(command, outcome);
        }
        Ok(())
    }

    /// Writes the group without savepoints, each of which copies every page that its turn touches. Nearly every turn that fails does
    /// so before it has written anything; one that fails later needs a savepoint to go back to: then nothing is kept
    /// (`None`, in a new transaction).
    fn lightly(&mut self, group: &mut [Command]) -> Result<Option<Vec<Outcome>>, String> {
        let mut outcomes = Vec::with_capacity(group.len());
        for command in group {
            let before = self.connection.total_changes();
            let outcome = self.one(command)?;
            if !outcome.wrote() && self.connection.total_changes() != before {
                self.execute("ROLLBACK")
                    .and_then(|()| self.execute("BEGIN IMMEDIATE"))
                    .map_err(|error| self.fatal("a group cannot be begun again", &error))?;
                return Ok(None);
            }
            outcomes.push(outcome);
        }
        Ok(Some(outcomes))
    }

    /// Writes the group with a savepoint per command, so that each fails alone.
    fn carefully(&mut self, group: &mut [Command]) -> Result<Vec<Outcome>, String> {
        let mut outcomes = Vec::with_capacity(group.len());
        for command in group {
            let fatal = "a savepoint failed";
            self.execute("SAVEPOINT turn")
                .map_err(|error| self.fatal(fatal, &error))?;
            let outcome = self.one(command)?;
            if !outcome.wrote() {
                self.execute("ROLLBACK TO turn")
                    .map_err(|error| self.fatal(fatal, &error))?;
            }
            self.execute("RELEASE turn")
                .map_err(|error| self.fatal(fatal, &error))?;
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn one(&mut self, command: &mut Command) -> Result<Outcome, String> {
        match command {
            Command::Commit { prepared, .. } => {
                let mut apply = Apply {
                    connection: &self.connection,
                    sequences: &mut self.sequences,
                };
                let result = apply.turn(prepared);
                self.settle(result).map(Outcome::Commit)
            }
            Command::Prune {
                retention, limit, ..
            } => prune(&self.connection, &self.sequences, retention, *limit)
                .map(Outcome::Prune)
                .map_err(|error| self.fatal("pruning failed", &error)),
            Command::PruneArchive {
                archive,
                before,
                limit,
                ..
            } => prune_archive(&self.connection, *archive, *before, *limit)
                .map(Outcome::Prune)
                .map_err(|error| self.fatal("pruning an archive failed", &error)),
            #[cfg(test)]
            Command::Inspect(inspect) => {
                if let Some(inspect) = inspect.take() {
                    inspect(&self.connection);
                }
                Ok(Outcome::Inspect)
            }
        }
    }

    fn say(&self, command: Command, outcome: Outcome) {
        // A caller that no longer listens changes nothing: its turn is committed all the same.
        match (command, outcome) {
            (Command::Commit { answer, .. }, Outcome::Commit(result)) => {
                let held = u64::from(result.is_ok());
                self.shared.turns.fetch_add(held, Ordering::Relaxed);
                drop(answer.send(result));
            }
            (
                Command::Prune { answer, .. } | Command::PruneArchive { answer, .. },
                Outcome::Prune(gone),
            ) => drop(answer.send(Ok(gone))),
            // Outcomes stand in the order of their commands.
            _ => {}
        }
    }

    /// Parts what concerns one turn from what ends the store.
    fn settle<T>(&self, result: Result<T, Failure>) -> Result<Result<T, CommitError>, String> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(Failure::Turn(error)) => Ok(Err(error)),
            Err(Failure::Store(error)) => Err(self.fatal("a write failed", &error)),
        }
    }

    /// Notes why the store ends before any waiting answer is dropped, so that its caller can be told.
    fn fatal(&self, what: &str, error: &rusqlite::Error) -> String {
        self.shared
            .broken
            .get_or_init(|| format!("{what}: {error}"))
            .clone()
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }
}

impl Command {
    fn turn_away(self) {
        match self {
            Self::Commit { answer, .. } => drop(answer.send(Err(CommitError::Full))),
            Self::Prune { answer, .. } | Self::PruneArchive { answer, .. } => {
                drop(answer.send(Err(CommitError::Full)))
            }
            #[cfg(test)]
            Self::Inspect(_) => {}
        }
    }
}
