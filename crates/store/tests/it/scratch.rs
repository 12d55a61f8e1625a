//! Stores in directories of their own.

use std::path::PathBuf;

use store::{Options, SqliteStore};
use tempfile::TempDir;

/// A directory and the database's place in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("quell.sqlite");
    (directory, path)
}

/// A new store, and the directory that has to outlive it.
pub(crate) async fn subject() -> (SqliteStore, TempDir) {
    let (directory, path) = place();
    (SqliteStore::open(&path, Options::default()).expect("opens"), directory)
}
