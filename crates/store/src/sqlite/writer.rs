//! The writer thread: the only owner of the write connection. It takes what waits, writes it in one transaction with a
//! savepoint per turn, commits, and only then answers. While one commit waits for the disk the next group gathers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};

use ports::store::{CommitError, Committed, Retention};
use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::commit::{Apply, Failure};
use super::encode::Prepared;
use super::prune::prune;
use super::sequence::Sequences;

/// Most commands of one transaction.
const MAX_GROUP: usize = 512;

/// Where a command's answer goes.
pub(super) type Answer<T> = oneshot::Sender<Result<T, CommitError>>;

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
    #[cfg(test)]
    Inspect(Box<dyn FnOnce(&Connection) + Send>),
}

/// An answer that waits for the commit.
enum Held {
    Commit(Answer<Committed>, Result<Committed, CommitError>),
    Prune(Answer<u64>, Result<u64, CommitError>),
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
        // A turn that is alone in its transaction needs no savepoint: it falls with the transaction.
        let alone = group.len() == 1;
        let mut held = Vec::with_capacity(group.len());
        let mut written = 0_u64;
        for command in group.drain(..) {
            let answer = self.one(command, alone)?;
            let ok = match &answer {
                Some(Held::Commit(_, answer)) => answer.is_ok(),
                Some(Held::Prune(_, answer)) => answer.is_ok(),
                None => false,
            };
            written += u64::from(ok);
            held.extend(answer);
        }
        let end = if written == 0 { "ROLLBACK" } else { "COMMIT" };
        self.execute(end)
            .map_err(|error| self.fatal(&format!("{end} failed"), &error))?;
        if written > 0 {
            self.shared.commits.fetch_add(1, Ordering::Relaxed);
        }
        for answer in held {
            self.say(answer);
        }
        Ok(())
    }

    fn one(&mut self, command: Command, alone: bool) -> Result<Option<Held>, String> {
        if !alone {
            self.execute("SAVEPOINT turn")
                .map_err(|error| self.fatal("no savepoint can be set", &error))?;
        }
        let (held, keep) = match command {
            Command::Commit { prepared, answer } => {
                let mut apply = Apply {
                    connection: &self.connection,
                    sequences: &mut self.sequences,
                };
                let result = apply.turn(&prepared);
                let result = self.settle(result)?;
                let keep = result.is_ok();
                (Some(Held::Commit(answer, result)), keep)
            }
            Command::Prune {
                retention,
                limit,
                answer,
            } => {
                let gone = prune(&self.connection, &self.sequences, &retention, limit);
                let result = self.settle(gone.map_err(Failure::Store))?;
                (Some(Held::Prune(answer, result)), true)
            }
            #[cfg(test)]
            Command::Inspect(inspect) => {
                inspect(&self.connection);
                (None, true)
            }
        };
        if !alone {
            if !keep {
                let back = self.execute("ROLLBACK TO turn");
                back.map_err(|error| self.fatal("a failed turn cannot be undone", &error))?;
            }
            self.execute("RELEASE turn")
                .map_err(|error| self.fatal("a savepoint cannot be released", &error))?;
        }
        Ok(held)
    }

    fn say(&self, held: Held) {
        // A caller that no longer listens changes nothing: its turn is committed all the same.
        match held {
            Held::Commit(answer, result) => {
                self.shared
                    .turns
                    .fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
                drop(answer.send(result));
            }
            Held::Prune(answer, result) => drop(answer.send(result)),
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
            Self::Prune { answer, .. } => drop(answer.send(Err(CommitError::Full))),
            #[cfg(test)]
            Self::Inspect(_) => {}
        }
    }
}
