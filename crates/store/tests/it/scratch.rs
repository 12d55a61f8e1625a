//! Stores in directories of their own.

use std::path::PathBuf;

use jiff::Timestamp;
use model::{AggregateId, FrameWrite, Scope};
use ports::store::{AggregateWrite, JournalEntry, Turn};
use serde_json::json;
use store::{Options, SqliteStore};
use tempfile::TempDir;
use uuid::Uuid;

/// A directory and the database's place in it.
pub(crate) fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("quell.sqlite");
    (directory, path)
}

/// A new store, and the directory that has to outlive it.
pub(crate) async fn subject() -> (SqliteStore, TempDir) {
    let (directory, path) = place();
    (
        SqliteStore::open(&path, Options::default()).expect("opens"),
        directory,
    )
}

/// A turn that takes the run from revision `expect` to the next.
pub(crate) fn step(id: AggregateId, expect: u64) -> Turn {
    let write = AggregateWrite {
        id,
        scope: Scope::new("123456789012", "eu-central-1"),
        expect_revision: expect,
        at: Timestamp::UNIX_EPOCH,
        frames: vec![FrameWrite::root(json!({ "v": 1, "revision": expect + 1 }))],
        index: Vec::new(),
        journal: JournalEntry {
            entropy: [7; 32],
            inputs: vec![json!(expect)],
            facts: Vec::new(),
        },
        delete: false,
    };
    Turn {
        aggregate: Some(write),
        ..Turn::default()
    }
}

/// Run number `number`.
pub(crate) fn run(number: u128) -> AggregateId {
    AggregateId::run(Uuid::from_u128(number))
}
