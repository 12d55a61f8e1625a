//! Promises about aggregates, their frames, lists and journal.

use jiff::Timestamp;
use model::{AggregateId, FrameWrite, Scope};
use serde_json::json;

use super::words::*;
use crate::Store;
use crate::store::{CommitError, Frames, JournalRow, Query, Turn};

/// What the first turn writes is there with revision 1 and its creation time; nothing else is.
pub async fn a_new_aggregate_is_read_back(store: &dyn Store) {
    let id = incident(1);
    assert_eq!(store.load(id, Frames::All).await, Ok(None));
    commit(
        store,
        with(step(id, 0), |write| {
            write.frames.push(FrameWrite::put("event/1", json!([1])))
        }),
    )
    .await;
    let stored = loaded(store, id).await;
    assert_eq!(
        (stored.id, stored.scope, stored.revision, stored.created),
        (id, here(), 1, at(0))
    );
    assert_eq!(
        stored.frames,
        [
            (String::new(), json!({"revision": 1})),
            ("event/1".to_owned(), json!([1]))
        ]
    );
    // The same UUID is another aggregate in another family.
    assert_eq!(
        store.load(AggregateId::run(id.id), Frames::All).await,
        Ok(None)
    );
}

/// Every turn adds one to the revision; the creation time stays.
pub async fn an_aggregate_grows_by_one_revision_per_turn(store: &dyn Store) {
    let id = incident(1);
    for revision in 0..5 {
        commit(store, step(id, revision)).await;
        let stored = loaded(store, id).await;
        assert_eq!((stored.revision, stored.created), (revision + 1, at(0)));
        assert_eq!(
            stored.frames,
            [(String::new(), json!({"revision": revision + 1}))]
        );
    }
    // A turn that writes no root frame leaves it.
    commit(store, with(step(id, 5), |write| write.frames.clear())).await;
    assert_eq!(
        loaded(store, id).await.frames,
        [(String::new(), json!({"revision": 5}))]
    );
    commit(
        store,
        with(step(id, 6), |write| {
            write.frames = vec![FrameWrite::delete("")]
        }),
    )
    .await;
    assert_eq!(loaded(store, id).await.frames, []);
}

/// A turn that was decided on another revision is told so.
pub async fn a_stale_turn_is_told_and_changes_nothing(store: &dyn Store) {
    let id = incident(1);
    let stale = |expected| CommitError::Stale { id, expected };
    assert_eq!(
        refused(store, step(id, 1)).await,
        stale(1),
        "there is nothing yet"
    );
    assert_eq!(refused(store, step(id, u64::MAX)).await, stale(u64::MAX));
    commit(store, step(id, 0)).await;
    commit(store, step(id, 1)).await;
    for expected in [0, 1, 3] {
        assert_eq!(refused(store, step(id, expected)).await, stale(expected));
    }
    assert_eq!(loaded(store, id).await.revision, 2);
    assert_eq!(store.journal(None, 0, 10).await.expect("readable").len(), 2);
}

/// Frames come, change and go; the last write of a turn counts.
pub async fn frames_are_put_replaced_and_deleted(store: &dyn Store) {
    let id = incident(1);
    let frames = |frames: Vec<FrameWrite>| {
        move |write: &mut crate::store::AggregateWrite| write.frames = frames
    };
    let first = vec![
        FrameWrite::put("b", json!(1)),
        FrameWrite::put("a", json!(2)),
        FrameWrite::put("c", json!(3)),
    ];
    commit(store, with(step(id, 0), frames(first))).await;
    let second = vec![
        FrameWrite::put("a", json!("new")),
        FrameWrite::delete("b"),
        FrameWrite::delete("never there"),
        FrameWrite::put("c", json!("lost")),
        FrameWrite::put("c", json!(null)),
        FrameWrite::root(json!("lost")),
        FrameWrite::root(json!("kept")),
    ];
    commit(store, with(step(id, 1), frames(second))).await;
    let found = loaded(store, id).await.frames;
    let want = [("", json!("kept")), ("a", json!("new")), ("c", json!(null))];
    assert_eq!(found, want.map(|(key, body)| (key.to_owned(), body)));
}

/// Deletion takes frames, index entries and timers; journal, inbox, effects and claims stay. The id can be used again.
pub async fn a_deleted_aggregate_leaves_only_its_history(store: &dyn Store) {
    let id = incident(1);
    let mut turn = with(step(id, 0), |write| {
        write.frames.push(FrameWrite::put("event/1", json!(1)));
        write.index.push(index("plan", "p"));
    });
    turn.timers.push(timer("stage", Some(at(5))));
    turn.effects_new.push(effect(1));
    turn.claims.push(claim("name", id));
    turn.inbox_new.push(input(id, "waiting"));
    commit(store, turn).await;
    let mut last = with(step(id, 1), |write| write.delete = true);
    last.timers.push(timer("late", Some(at(6))));
    last.effects_new.push(effect(2));
    commit(store, last).await;

    let listed = Query {
        index: Some(index("plan", "p")),
        ..incidents()
    };
    assert_eq!(store.load(id, Frames::All).await, Ok(None));
    assert_eq!(ids(store, incidents()).await, [0_u8; 0]);
    assert_eq!(ids(store, listed.clone()).await, [0_u8; 0]);
    assert_eq!(due(store, Timestamp::MAX).await, Vec::<String>::new());
    assert_eq!(unsettled(store, 0, 10).await, [1, 2]);
    assert_eq!(pending(store, 0, 10).await, ["waiting"]);
    assert_eq!(store.claim(claim_key("name"), at(9)).await, Ok(Some(id)));
    let journal = store.journal(Some(id), 0, 10).await.expect("readable");
    assert_eq!(
        journal.iter().map(|row| row.revision).collect::<Vec<_>>(),
        [1, 2]
    );

    commit(store, with(step(id, 0), |write| write.at = at(50))).await;
    let again = loaded(store, id).await;
    assert_eq!((again.revision, again.created), (1, at(50)));
    assert_eq!(again.frames.len(), 1);
    assert_eq!(ids(store, listed).await, [0_u8; 0]);
}

/// A list begins with the newest, holds root frames only, and pages by creation time.
pub async fn lists_are_newest_first(store: &dyn Store) {
    for (number, millis) in [(1, 30), (2, 10), (3, 20)] {
        let turn = with(step(incident(number), 0), |write| {
            write.at = at(millis);
            write.frames.push(FrameWrite::put("event/1", json!(1)));
        });
        commit(store, turn).await;
    }
    // A later turn does not make an aggregate newer.
    commit(store, with(step(incident(2), 1), |write| write.at = at(99))).await;
    assert_eq!(ids(store, incidents()).await, [1, 3, 2]);
    let found = store.list(incidents()).await.expect("readable");
    assert!(
        found
            .iter()
            .all(|stored| stored.frames.len() == 1 && stored.frames[0].0.is_empty())
    );
    assert_eq!((found[2].revision, found[2].created), (2, at(10)));
    assert_eq!(
        ids(
            store,
            Query {
                limit: 2,
                ..incidents()
            }
        )
        .await,
        [1, 3]
    );
    // A limit of nothing still makes progress.
    assert_eq!(
        ids(
            store,
            Query {
                limit: 0,
                ..incidents()
            }
        )
        .await,
        [1]
    );
    let behind = Query {
        before: Some((at(20), uuid(3))),
        ..incidents()
    };
    assert_eq!(ids(store, behind).await, [2]);
}

/// Equal creation times neither repeat nor skip an aggregate at the edge of a page.
pub async fn pages_of_a_list_are_stable_when_instants_are_equal(store: &dyn Store) {
    for number in 1..=20 {
        let turn = with(step(incident(number), 0), |write| {
            write.at = at(i64::from(number / 7));
            write.index.push(index("plan", "p"));
        });
        commit(store, turn).await;
    }
    for entry in [None, Some(index("plan", "p"))] {
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let query = Query {
                index: entry.clone(),
                before,
                limit: 3,
                ..incidents()
            };
            let page = store.list(query).await.expect("readable");
            let Some(last) = page.last() else { break };
            before = Some((last.created, last.id.id));
            seen.extend(page.iter().map(|stored| stored.id.id.as_bytes()[0]));
        }
        assert_eq!(seen, (1..=20).rev().collect::<Vec<u8>>(), "{entry:?}");
    }
}

/// Tenant and account are equal, the region too unless it is empty; the family and the index entry match exactly.
pub async fn lists_know_whose_and_which(store: &dyn Store) {
    let scopes = [
        here(),
        Scope {
            region: "us-east-1".to_owned(),
            ..here()
        },
        Scope {
            account: "210987654321".to_owned(),
            ..here()
        },
        Scope {
            tenant: "other".to_owned(),
            ..here()
        },
        here().global(),
    ];
    for (number, scope) in (1..).zip(&scopes) {
        let turn = with(step(incident(number), 0), |write| {
            write.scope = scope.clone();
            write
                .index
                .push(index("plan", if number == 1 { "a" } else { "b" }));
        });
        commit(store, turn).await;
    }
    commit(store, step(AggregateId::run(uuid(9)), 0)).await;
    let whose = |scope: Scope| Query {
        scope,
        ..incidents()
    };
    assert_eq!(ids(store, whose(here())).await, [1]);
    assert_eq!(ids(store, whose(here().global())).await, [5, 2, 1]);
    assert_eq!(ids(store, whose(scopes[2].global())).await, [3]);
    assert_eq!(ids(store, whose(scopes[3].global())).await, [4]);
    let which = |name: &str, value: &str| Query {
        index: Some(index(name, value)),
        ..whose(here().global())
    };
    assert_eq!(ids(store, which("plan", "a")).await, [1]);
    assert_eq!(ids(store, which("plan", "b")).await, [5, 2]);
    assert_eq!(
        ids(
            store,
            Query {
                index: Some(index("plan", "b")),
                ..whose(here())
            }
        )
        .await,
        [0_u8; 0]
    );
    assert_eq!(ids(store, which("plan", "")).await, [0_u8; 0]);
    assert_eq!(ids(store, which("page", "a")).await, [0_u8; 0]);
}

/// An entry that is there already is left alone; entries of later turns are added.
pub async fn index_entries_are_added_once(store: &dyn Store) {
    let id = incident(1);
    let indexed = |expect, entries: Vec<_>| with(step(id, expect), |write| write.index = entries);
    commit(
        store,
        indexed(0, vec![index("page", "1"), index("page", "1")]),
    )
    .await;
    commit(
        store,
        indexed(1, vec![index("page", "1"), index("page", "2")]),
    )
    .await;
    for value in ["1", "2"] {
        let query = Query {
            index: Some(index("page", value)),
            ..incidents()
        };
        let found = store.list(query).await.expect("readable");
        assert_eq!(
            found
                .iter()
                .map(|stored| (stored.id, stored.revision))
                .collect::<Vec<_>>(),
            [(id, 2)]
        );
    }
}

/// The journal holds each turn as it was, in order of commitment, of one aggregate or of all.
pub async fn the_journal_tells_each_turn(store: &dyn Store) {
    let (one, other) = (incident(1), incident(2));
    let order = [(one, 0), (other, 0), (one, 1), (one, 2), (other, 1)];
    for (id, expect) in order {
        let turn = with(step(id, expect), |write| {
            write.journal.entropy = [u8::try_from(expect).unwrap_or(0); 32]
        });
        commit(store, turn).await;
    }
    commit(
        store,
        Turn {
            inbox_new: vec![input(one, "no journal")],
            ..Turn::default()
        },
    )
    .await;
    let all = store.journal(None, 0, 10).await.expect("readable");
    assert_eq!(
        all.iter()
            .map(|row| (row.aggregate, row.revision - 1))
            .collect::<Vec<_>>(),
        order
    );
    assert!(all.is_sorted_by(|a, b| a.seq < b.seq));
    for row in &all {
        let expect = row.revision - 1;
        assert_eq!(row.at, at(i64::try_from(expect).unwrap_or(0)));
        assert_eq!(row.entry.entropy, [u8::try_from(expect).unwrap_or(0); 32]);
        let want = entry(&format!("step-{expect}"));
        assert_eq!(
            (&row.entry.inputs, &row.entry.facts),
            (&want.inputs, &want.facts)
        );
    }
    let of_one: Vec<JournalRow> = all
        .iter()
        .filter(|row| row.aggregate == one)
        .cloned()
        .collect();
    assert_eq!(store.journal(Some(one), 0, 10).await, Ok(of_one.clone()));
    assert_eq!(
        store.journal(Some(one), of_one[0].seq, 1).await,
        Ok(of_one[1..2].to_vec())
    );
    assert_eq!(
        store.journal(None, all[1].seq, 2).await,
        Ok(all[2..4].to_vec())
    );
    assert_eq!(store.journal(None, u64::MAX, 2).await, Ok(Vec::new()));
    assert_eq!(
        store.journal(Some(AggregateId::run(one.id)), 0, 9).await,
        Ok(Vec::new())
    );
}

/// Instants keep their microseconds, everywhere, and lose what is finer.
pub async fn instants_are_kept_to_the_microsecond(store: &dyn Store) {
    let fine = Timestamp::new(1_700_000_000, 123_456_789).expect("in range");
    let kept = Timestamp::new(1_700_000_000, 123_456_000).expect("in range");
    let id = incident(1);
    let mut turn = with(step(id, 0), |write| write.at = fine);
    turn.timers.push(timer("t", Some(fine)));
    turn.effects_new.push(effect(1));
    turn.inbox_new.push(crate::store::NewInput {
        at: fine,
        ..input(id, "x")
    });
    turn.claims.push(crate::store::NewClaim {
        expires: Some(fine),
        ..claim("c", id)
    });
    let mut write = put("r", model::resource::Expect::Absent, json!(1));
    write.at = fine;
    turn.resources.push(write);
    commit(store, turn).await;
    assert_eq!(loaded(store, id).await.created, kept);
    assert_eq!(
        store.journal(None, 0, 1).await.expect("readable")[0].at,
        kept
    );
    // A question is cut as the answer was: a timer is due at the very instant that was set.
    assert_eq!(store.timers(kept, 1).await.expect("readable")[0].due, kept);
    assert_eq!(store.effects(0, 1).await.expect("readable")[0].at, kept);
    assert_eq!(store.inbox(0, 1).await.expect("readable")[0].input.at, kept);
    let before = Timestamp::new(1_700_000_000, 123_455_999).expect("in range");
    assert_eq!(store.claim(claim_key("c"), before).await, Ok(Some(id)));
    assert_eq!(store.claim(claim_key("c"), fine).await, Ok(None));
    let resource = store
        .resource(here(), "plan".to_owned(), "r".to_owned())
        .await
        .expect("readable")
        .expect("there");
    assert_eq!((resource.created, resource.updated), (kept, kept));
    assert_eq!(
        ids(
            store,
            Query {
                before: Some((fine, uuid(2))),
                ..incidents()
            }
        )
        .await,
        [1]
    );
    assert_eq!(
        ids(
            store,
            Query {
                before: Some((fine, uuid(1))),
                ..incidents()
            }
        )
        .await,
        [0_u8; 0]
    );
}
