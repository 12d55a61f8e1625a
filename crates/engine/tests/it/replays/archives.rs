//! What archives keep, and for how long.

use std::sync::Arc;

use engine::{PutEntry, ResourceChange};
use model::bus::ARCHIVE_GONE;
use ports::ManualClock;
use ports::memory::{Faulty, Moment};
use serde_json::json;

use super::{archive, entry, id, owned, process};
use crate::hook::{memory, secs};
use crate::world::{put, scope, start_time};

#[tokio::test]
async fn archives_keep_what_they_want_of_their_bus() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process
        .change(vec![
            archive("all", 1, None, 0),
            archive("some", 2, Some("{\"source\":[\"b\"]}"), 0),
        ])
        .await;
    // Nobody but the archives wants them; times that are finer than a second are told in whole ones.
    process
        .put(vec![
            entry("a", 1, "2026-02-10T00:00:02.9Z"),
            entry("b", 2, "2026-02-10T00:00:01Z"),
        ])
        .await;
    process
        .put(vec![PutEntry {
            bus: "other".to_owned(),
            ..entry("b", 3, "2026-02-10T00:00:03Z")
        }])
        .await;
    assert_eq!(process.kept(&*store, 1).await, owned(&[("b", 2), ("a", 1)]));
    assert_eq!(process.kept(&*store, 2).await, owned(&[("b", 2)]));
    // A restart knows the archives; a changed pattern counts from then on; a deleted archive keeps nothing more.
    process.engine.stop().await;
    let process = self::process(&store, &hook, &clock).await;
    let gone = ResourceChange {
        body: None,
        ..archive("all", 1, None, 0)
    };
    process
        .change(vec![
            gone,
            archive("some", 2, Some("{\"source\":[\"a\"]}"), 0),
        ])
        .await;
    process
        .put(vec![
            entry("a", 4, "2026-02-10T00:00:04Z"),
            entry("b", 5, "2026-02-10T00:00:05Z"),
        ])
        .await;
    assert_eq!(process.kept(&*store, 1).await, owned(&[("b", 2), ("a", 1)]));
    assert_eq!(process.kept(&*store, 2).await, owned(&[("b", 2), ("a", 4)]));
}

#[tokio::test]
async fn an_event_is_kept_by_the_commit_that_accepts_it() {
    for (moment, kept) in [(Moment::Before, vec![]), (Moment::After, vec![("a", 1)])] {
        let (inner, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
        let dying = Arc::new(Faulty::crashing(Arc::clone(&inner), 2, moment));
        let process = process(&dying, &hook, &clock).await;
        process.change(vec![archive("all", 1, None, 0)]).await;
        let entries = vec![entry("a", 1, "2026-02-10T00:00:00Z")];
        assert!(process.handle.put_events(&scope(), entries).await.is_err());
        let process = self::process(&inner, &hook, &clock).await;
        assert_eq!(process.kept(&*inner, 1).await, owned(&kept), "{moment:?}");
    }
}

#[tokio::test]
async fn events_go_when_their_days_are_over_and_with_their_archive() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process
        .change(vec![
            archive("all", 1, None, 0),
            archive("days", 2, None, 10),
        ])
        .await;
    process
        .put(
            (0..30)
                .map(|day| entry("a", day, &format!("2026-02-{:02}T12:00:00Z", day % 28 + 1)))
                .collect(),
        )
        .await;
    let wait = async || {
        clock.advance(secs(601));
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    };
    wait().await;
    assert_eq!(process.kept(&*store, 1).await.len(), 30);
    // From 2026-02-19T03:10 on.
    assert_eq!(process.kept(&*store, 2).await.len(), 10);
    let gone = ResourceChange {
        body: None,
        ..archive("all", 1, None, 0)
    };
    let note = put(scope(), ARCHIVE_GONE, &id(1).to_string(), json!({}));
    process.change(vec![gone, note]).await;
    wait().await;
    assert_eq!(process.kept(&*store, 1).await.len(), 0);
    assert_eq!(process.kept(&*store, 2).await.len(), 10);
    let note = process
        .handle
        .resource(&scope(), ARCHIVE_GONE, &id(1).to_string())
        .await;
    assert_eq!(note.expect("read"), None);
}
