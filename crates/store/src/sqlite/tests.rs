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
