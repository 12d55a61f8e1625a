//! Promises about events of archives.

use jiff::Timestamp;
use uuid::Uuid;

use super::words::*;
use crate::Store;
use crate::limits::MAX_BODY;
use crate::store::{ArchiveQuery, ArchiveSize, ArchivedEvent, CommitError, Retention, Turn};

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn event(archive: u8, at: i64, number: u8, text: &str) -> ArchivedEvent {
    ArchivedEvent {
        scope: here(),
        archive: uuid(archive),
        at: second(at),
        event: uuid(number),
        text: text.to_owned(),
    }
}

fn keeping(archived: Vec<ArchivedEvent>) -> Turn {
    Turn {
        archived,
        ..Turn::default()
    }
}

fn all(archive: u8) -> ArchiveQuery {
    ArchiveQuery {
        archive: uuid(archive),
        from: second(0),
        until: second(1_000_000),
        after: None,
        limit: 1_000,
        bytes: usize::MAX,
    }
}

async fn read(store: &dyn Store, query: ArchiveQuery) -> Vec<(i64, Uuid, String)> {
    let rows = store.archived(query).await.expect("readable");
    rows.into_iter()
        .map(|row| (row.at.as_second(), row.event, row.text))
        .collect()
}

async fn size(store: &dyn Store, archive: u8) -> (u64, u64) {
    let ArchiveSize { events, bytes } = store.archive_size(uuid(archive)).await.expect("readable");
    (events, bytes)
}

/// Events come back to the letter, in order of time and id, page by page; one that is there already is left alone.
pub async fn archived_events_come_in_order(store: &dyn Store) {
    // Text is kept as it is: blanks, numbers beyond a double, letters.
    let odd = "{\"detail\": {\"n\": 1.10e400,  \"é\":\"\\u00e9\"}}";
    let first = vec![
        event(1, 20, 3, "{\"n\":3}"),
        event(1, 10, 2, odd),
        event(2, 10, 9, "{}"),
    ];
    commit(store, keeping(first)).await;
    let second_turn = vec![
        event(1, 20, 1, "{\"n\":1}"),
        event(1, 30, 4, "{\"n\":4}"),
        event(1, 10, 2, "{\"other\":true}"),
    ];
    commit(store, keeping(second_turn)).await;
    let want = [
        (10, uuid(2), odd.to_owned()),
        (20, uuid(1), "{\"n\":1}".to_owned()),
        (20, uuid(3), "{\"n\":3}".to_owned()),
        (30, uuid(4), "{\"n\":4}".to_owned()),
    ];
    assert_eq!(read(store, all(1)).await, want);
    assert_eq!(size(store, 1).await, (4, odd.len() as u64 + 21));
    assert_eq!(size(store, 2).await, (1, 2));
    assert_eq!(size(store, 3).await, (0, 0));
    // Page by page; by bytes as well, but at least one.
    for (limit, bytes, count) in [(1, usize::MAX, 1), (1_000, 1, 1), (1_000, odd.len() + 7, 2)] {
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = read(
                store,
                ArchiveQuery {
                    after,
                    limit,
                    bytes,
                    ..all(1)
                },
            )
            .await;
            let Some(last) = page.last() else { break };
            assert!(page.len() <= count, "{}", page.len());
            after = Some((second(last.0), last.1));
            found.extend(page);
        }
        assert_eq!(found, want);
    }
    // Both ends of the span count.
    let span = ArchiveQuery {
        from: second(10),
        until: second(20),
        ..all(1)
    };
    assert_eq!(read(store, span).await, want[..3]);
    let behind = ArchiveQuery {
        from: second(11),
        until: second(19),
        ..all(1)
    };
    assert_eq!(read(store, behind).await, []);
}

/// Oldest events go first, a bounded number at a time, and the counts with them.
pub async fn archived_events_are_pruned_in_batches(store: &dyn Store) {
    let large = format!("{{\"x\":\"{}\"}}", "y".repeat(100_000));
    let mut events: Vec<_> = (1..=6)
        .map(|n| event(1, i64::from(n) * 10, n, "{}"))
        .collect();
    events.push(event(1, 70, 7, &large));
    events.push(event(2, 10, 1, &large));
    commit(store, keeping(events)).await;
    let prune = async |before: Option<i64>, limit| {
        let before = before.map(second);
        store
            .prune_archive(uuid(1), before, limit)
            .await
            .expect("pruned")
    };
    assert_eq!(prune(Some(40), 2).await, 2);
    assert_eq!(prune(Some(40), 2).await, 1);
    assert_eq!(prune(Some(40), 2).await, 0);
    let left: Vec<i64> = read(store, all(1)).await.iter().map(|row| row.0).collect();
    assert_eq!(left, [40, 50, 60, 70]);
    assert_eq!(size(store, 1).await, (4, 6 + large.len() as u64));
    assert_eq!(prune(None, 100).await, 4);
    assert_eq!(prune(None, 100).await, 0);
    assert_eq!(size(store, 1).await, (0, 0));
    // Another archive's events stay, with the large text that both had; the general pruning leaves them alone.
    while store
        .prune(Retention::default(), 100)
        .await
        .expect("pruned")
        > 0
    {}
    assert_eq!(read(store, all(2)).await, [(10, uuid(1), large.clone())]);
    assert_eq!(size(store, 2).await, (1, large.len() as u64));
}

/// Events are kept with their turn or not at all.
pub async fn archived_events_belong_to_their_turn(store: &dyn Store) {
    let beyond = "x".repeat(MAX_BODY + 1);
    let too_large = keeping(vec![event(1, 10, 1, "{}"), event(1, 20, 2, &beyond)]);
    let refused = store.commit(too_large).await.expect_err("too large");
    assert!(matches!(refused, CommitError::Refused(_)), "{refused}");
    commit(store, step(incident(1), 0)).await;
    let stale = Turn {
        archived: vec![event(1, 10, 1, "{}")],
        ..step(incident(1), 0)
    };
    assert!(store.commit(stale).await.is_err());
    assert_eq!(read(store, all(1)).await, []);
    assert_eq!(size(store, 1).await, (0, 0));
}
