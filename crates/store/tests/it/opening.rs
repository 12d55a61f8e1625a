//! Opening: one owner, our own file, no newer schema, and closing so that nothing is left beside the file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::EffectCommand;
use model::effect::{EmailMessage, Recovery};
use ports::Store;
use ports::store::{CommitError, Frames, NewEffect, Retention, Turn};
use ports::suite::block_on;
use rusqlite::Connection;
use store::{OpenError, Options, SqliteStore, migrations};
use uuid::Uuid;

use crate::scratch;

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(path, Options::default())
}

#[test]
fn a_second_owner_is_told_who_the_first_is() {
    let (_directory, path) = scratch::place();
    let first = open(&path).expect("opens");
    let error = open(&path).expect_err("in use");
    assert!(
        matches!(&error, OpenError::Locked { pid: Some(pid), .. } if *pid == std::process::id()),
        "{error:?}"
    );
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
    drop(first);
    open(&path).expect("free again");
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let (_directory, path) = scratch::place();
    drop(open(&path).expect("opens"));
    let newer = migrations::latest() + 2;
    let raw = Connection::open(&path).expect("opens");
    raw.execute(
        "INSERT INTO schema_version (version, name) VALUES (?1, 'later')",
        [newer],
    )
    .expect("written");
    drop(raw);
    let before = std::fs::read(&path).expect("readable");
    let error = open(&path).expect_err("newer");
    let known = migrations::latest();
    assert!(
        matches!(error, OpenError::Newer { found, known: ours, .. } if found == newer && ours == known)
    );
    let text = error.to_string();
    assert!(
        text.contains(&format!("schema version {newer}"))
            && text.contains(&format!("up to {known}")),
        "{text}"
    );
    assert_eq!(std::fs::read(&path).expect("readable"), before);
}

#[test]
fn a_file_of_something_else_is_refused() {
    let (directory, path) = scratch::place();
    Connection::open(&path)
        .and_then(|raw| raw.execute_batch("CREATE TABLE notes (x)"))
        .expect("made");
    assert!(matches!(open(&path), Err(OpenError::Foreign { .. })));
    let text = directory.path().join("text");
    std::fs::write(
        &text,
        "this is no database, but it is long enough to look like one: ".repeat(20),
    )
    .expect("made");
    assert!(matches!(open(&text), Err(OpenError::Sqlite(_))));
    assert!(matches!(
        open(&directory.path().join("none/quell.sqlite")),
        Err(OpenError::Io { .. })
    ));
}

#[test]
fn closing_leaves_one_file_and_a_closed_store_says_so() {
    block_on(async {
        let (directory, path) = scratch::place();
        let store = open(&path).expect("opens");
        store
            .commit(scratch::step(scratch::run(1), 0))
            .await
            .expect("holds");
        store.close().expect("closes");
        store.close().expect("closes twice");
        assert!(matches!(
            store.commit(scratch::step(scratch::run(1), 1)).await,
            Err(CommitError::Broken(_))
        ));
        assert!(matches!(
            store.prune(Retention::default(), 1).await,
            Err(CommitError::Broken(_))
        ));
        assert!(store.load(scratch::run(1), Frames::All).await.is_err());
        drop(store);
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .expect("readable")
            .map(|entry| {
                entry
                    .expect("readable")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect();
        names.sort_unstable();
        assert_eq!(names, ["quell.sqlite", "quell.sqlite.lock"]);
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "the journal's entropy is a secret");
        let stored = open(&path)
            .expect("opens")
            .load(scratch::run(1), Frames::All)
            .await
            .expect("readable");
        assert_eq!(stored.map(|stored| stored.revision), Some(1));
    });
}

#[test]
fn numbers_go_on_after_a_restart() {
    block_on(async {
        let (_directory, path) = scratch::place();
        let mut last = 0;
        for round in 0..3 {
            let store = open(&path).expect("opens");
            store
                .commit(scratch::step(scratch::run(1), round))
                .await
                .expect("holds");
            let rows = store.journal(None, last, 10).await.expect("readable");
            assert_eq!(rows.len(), 1, "the new row stands behind all earlier ones");
            last = rows[0].seq;
            // Even when the newest rows are gone at the next start.
            let all = Retention {
                journal_before: Some(jiff::Timestamp::MAX),
                ..Retention::default()
            };
            assert_eq!(store.prune(all, 10).await, Ok(1));
        }
    });
}

/// A person with a shell holds the database for a while: turns are turned away, the store lives on.
#[test]
fn a_foreign_writer_delays_but_does_not_break() {
    block_on(async {
        let (_directory, path) = scratch::place();
        let store = open(&path).expect("opens");
        let raw = Connection::open(&path).expect("opens");
        raw.execute_batch("BEGIN IMMEDIATE").expect("held");
        assert_eq!(
            store.commit(scratch::step(scratch::run(1), 0)).await,
            Err(CommitError::Full)
        );
        raw.execute_batch("ROLLBACK").expect("let go");
        store
            .commit(scratch::step(scratch::run(1), 0))
            .await
            .expect("holds");
    });
}

#[test]
fn an_effect_that_cannot_be_read_does_not_hide_the_others() {
    let (_directory, path) = scratch::place();
    let effects_new = (1..=5).map(|n| NewEffect {
        id: Uuid::from_u128(n),
        command: EffectCommand::SendEmail(EmailMessage {
            to: "ana@example.org".to_owned(),
            subject: format!("mail {n}"),
            body: "b".to_owned(),
            thread: None,
        }),
        recovery: Recovery::Ask,
    });
    let turn = Turn {
        effects_new: effects_new.collect(),
        ..scratch::step(scratch::run(1), 0)
    };
    let store = open(&path).expect("opens");
    let committed = block_on(store.commit(turn)).expect("committed");
    drop(store);
    let effects = committed.effects;
    let raw = Connection::open(&path).expect("opens");
    for (seq, damage) in [
        (effects[0], "body = '{\"type\":\"none\"}'"),
        (effects[1], "body = '{'"),
        (effects[3], "recovery = '\"none\"'"),
    ] {
        let sql = format!("UPDATE effect SET {damage} WHERE seq = ?1");
        raw.execute(&sql, [seq.cast_signed()]).expect("written");
    }
    drop(raw);
    let store = open(&path).expect("opens");
    let read = |after: u64, limit: usize| -> Vec<u64> {
        let rows = block_on(store.effects(after, limit)).expect("readable");
        rows.iter().map(|row| row.seq).collect()
    };
    assert_eq!(read(0, 100), [effects[2], effects[4]]);
    // A page of nothing else does not look like the end.
    assert_eq!(read(0, 1), [effects[2]]);
    assert_eq!(read(effects[2], 1), [effects[4]]);
    assert!(read(effects[4], 1).is_empty());
}
