//! Opening a database file: who owns it, how it is set, and its schema brought up to date.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};

use crate::migrations;

/// "Quel": marks the file as ours (`PRAGMA application_id`).
const APPLICATION: i64 = 0x5175_656c;
/// Pages in the log before it is copied back.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Page cache of the writer, in KiB: the leaves of the two indexes by UUID, which are hit at random.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// How long the writer waits for a person with a shell, in milliseconds.
const BUSY_MILLIS: i64 = 5_000;
/// Prepared statements kept per connection: more than there are.
const STATEMENTS: usize = 128;

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process owns the data directory.
    #[error("`{}` is in use by another process{}: stop that one, or give this one its own data directory", path.display(), owner(pid.as_ref()))]
    Locked {
        /// The database.
        path: PathBuf,
        /// The other process, when it could be read.
        pid: Option<u32>,
    },
    /// A newer Quell wrote the database.
    #[error("`{}` has schema version {found}, this version of Quell knows up to {known}: start the newer Quell, or restore a backup made before the upgrade", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("`{}` is a SQLite database, but not one of Quell's: give another data directory", path.display())]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// A setting that durability needs did not hold.
    #[error(
        "SQLite keeps `{name}` at `{found}` where `{want}` is needed: is the data directory on a local file system?"
    )]
    Setting {
        /// The pragma.
        name: &'static str,
        /// What was asked for.
        want: String,
        /// What was read back.
        found: String,
    },
    /// A file could not be made, read or locked.
    #[error("`{}` cannot be used: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A migration failed; the database is as it was before that migration.
    #[error("migration {version} failed: {source}")]
    Migration {
        /// Its number.
        version: i64,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// SQLite refused.
    #[error("the database cannot be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

fn owner(pid: Option<&u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

/// Holds the data directory for this process; let go when dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// Locks the database by a file beside it, so that two processes never write one directory. The system lets go of the
/// lock when the process ends, however it ends.
pub(super) fn lock(path: &Path) -> Result<Lock, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let beside = PathBuf::from(name);
    let io = |source| OpenError::Io {
        path: beside.clone(),
        source,
    };
    let mut file = private().truncate(false).open(&beside).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let read = file.take(20).read_to_string(&mut text);
            let pid = read.ok().and_then(|_| text.trim().parse().ok());
            return Err(OpenError::Locked {
                path: path.to_owned(),
                pid,
            });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io)?;
    Ok(Lock { _file: file })
}

/// A file that only its owner reads: the journal holds entropy, from which secrets are derived.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens the write connection: file made, settings read back, schema current.
pub(super) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let version = version(&connection, path)?;
    settle(&connection)?;
    keep_plans(&connection)?;
    migrate(&connection, version)?;
    Ok(connection)
}

/// A prepared statement keeps its plan whatever is bound to it: built with statistics, SQLite would plan it anew each
/// time, which costs more than running it. Source: SQLite, "Query Planner Stability Guarantee".
fn keep_plans(connection: &Connection) -> Result<(), OpenError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens one read connection.
pub(super) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "busy_timeout", BUSY_MILLIS)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Makes the file, and its name durable: SQLite syncs a directory only for its own journals.
fn create(path: &Path) -> Result<(), OpenError> {
    let io = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    private().truncate(false).open(path).map_err(io)?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io)
}

/// The schema version found, 0 for an empty file.
fn version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application != APPLICATION {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = connection.query_row("SELECT max(version) FROM schema_version", [], |row| {
        row.get(0)
    })?;
    let known = migrations::latest();
    if found > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(found)
}

/// Sets what durability rests on, and reads it back: a setting that silently does not hold loses acknowledged turns.
fn settle(connection: &Connection) -> Result<(), OpenError> {
    let settings = [
        ("journal_mode", "wal".to_owned()),
        ("synchronous", "2".to_owned()), // FULL
        ("foreign_keys", "1".to_owned()),
        ("busy_timeout", BUSY_MILLIS.to_string()),
        ("wal_autocheckpoint", CHECKPOINT_PAGES.to_string()),
        ("cache_size", (-WRITER_CACHE_KIB).to_string()),
        ("temp_store", "2".to_owned()), // memory: what savepoints undo never needs a file
    ];
    for (name, want) in settings {
        connection.pragma_update(None, name, &want)?;
        check_setting(connection, name, want)?;
    }
    Ok(())
}

fn check_setting(
    connection: &Connection,
    name: &'static str,
    want: String,
) -> Result<(), OpenError> {
    use rusqlite::types::Value;
    let found = connection.pragma_query_value(None, name, |row| row.get::<_, Value>(0))?;
    let found = match found {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text,
        other => format!("{other:?}"),
    };
    if found == want {
        Ok(())
    } else {
        Err(OpenError::Setting { name, want, found })
    }
}

/// Runs the migrations behind `version`, each in a transaction of its own.
fn migrate(connection: &Connection, version: i64) -> Result<(), OpenError> {
    for migration in migrations::ALL
        .iter()
        .filter(|migration| migration.version > version)
    {
        let run = || -> rusqlite::Result<()> {
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(migration.sqlite)?;
            let row = params![migration.version, migration.name];
            transaction.execute(
                "INSERT INTO schema_version (version, name) VALUES (?1, ?2)",
                row,
            )?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.commit()
        };
        run().map_err(|source| OpenError::Migration {
            version: migration.version,
            source,
        })?;
        tracing::info!(
            version = migration.version,
            name = migration.name,
            "migrated the database"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_does_not_hold_is_refused() {
        let connection = Connection::open_in_memory().expect("opens");
        // A database in memory has no log: asked for `wal`, it stays at `memory`.
        match settle(&connection) {
            Err(OpenError::Setting {
                name: "journal_mode",
                want,
                found,
            }) => {
                assert_eq!((want.as_str(), found.as_str()), ("wal", "memory"));
            }
            other => panic!("{other:?}"),
        }
        connection
            .pragma_update(None, "synchronous", 1)
            .expect("set");
        assert!(matches!(
            check_setting(&connection, "synchronous", "2".to_owned()),
            Err(OpenError::Setting {
                name: "synchronous",
                ..
            })
        ));
    }

    /// How often the statement that reads frames was planned again for another aggregate and another range.
    fn planned_again(connection: &Connection) -> i32 {
        migrate(connection, 0).expect("the schema");
        let mut statement = connection
            .prepare(crate::sqlite::statements::FRAMES)
            .expect("prepared");
        for (aggregate, until) in [(1, None), (2, Some("b")), (3, None), (4, Some("c"))] {
            let found = statement.exists(params![aggregate, "a", until]);
            assert!(!found.expect("read"));
        }
        statement.get_status(rusqlite::StatementStatus::RePrepare)
    }

    #[test]
    fn statements_keep_their_plans() {
        let connection = Connection::open_in_memory().expect("opens");
        assert!(planned_again(&connection) > 0, "the setting has no purpose");
        let connection = Connection::open_in_memory().expect("opens");
        keep_plans(&connection).expect("set");
        assert_eq!(planned_again(&connection), 0);
    }

    #[test]
    fn a_failed_migration_leaves_nothing() {
        let connection = Connection::open_in_memory().expect("opens");
        connection
            .execute_batch("CREATE TABLE timer (x)")
            .expect("created");
        assert!(matches!(
            migrate(&connection, 0),
            Err(OpenError::Migration { version: 1, .. })
        ));
        let tables =
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0));
        assert_eq!(tables, Ok(1));
    }
}
