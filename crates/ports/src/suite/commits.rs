//! Promises about turns as a whole: all or nothing, each alone, and what is pruned afterwards.

use futures_util::future::join_all;
use jiff::Timestamp;
use model::resource::Expect;
use model::{EffectCommand, FrameWrite};
use serde_json::{Value, json};

use super::words::*;
use crate::Store;
use crate::limits::{MAX_DEPTH, MAX_NAME};
use crate::store::{CommitError, Frames, NewClaim, Retention, Turn};

/// A turn with something of everything.
fn everything(expect: u64) -> Turn {
    let id = incident(1);
    let mut turn = with(step(id, expect), |write| {
        write.frames.push(FrameWrite::put("event/1", json!(expect)));
        write.index.push(index("plan", &format!("p{expect}")));
    });
    turn.inbox_new.push(input(id, &format!("i{expect}")));
    turn.effects_new
        .push(effect(10 + u8::try_from(expect).unwrap_or(0)));
    turn.timers.push(timer(&format!("t{expect}"), Some(at(5))));
    turn.claims.push(claim(&format!("c{expect}"), id));
    turn.resources
        .push(put(&format!("r{expect}"), Expect::Absent, json!(expect)));
    turn
}

/// Whatever makes a turn fail, everything is as before; the next turn is not harmed.
pub async fn a_failing_turn_writes_nothing(store: &dyn Store) {
    let first = commit(store, everything(0)).await;
    commit(
        store,
        Turn {
            claims: vec![claim("held", incident(9))],
            ..Turn::default()
        },
    )
    .await;
    let consuming = || {
        let mut turn = everything(1);
        turn.inbox_done = first.inbox.clone();
        turn.effects_settled.push(settled(10));
        turn.releases.push(claim_key("c0"));
        turn.timers.push(timer("t0", None));
        turn
    };
    let stale = with(consuming(), |write| write.expect_revision = 0);
    let mut claimed = consuming();
    claimed.claims.push(claim("held", incident(1)));
    let mut conflict = consuming();
    conflict
        .resources
        .push(put("r0", Expect::Absent, json!("lost")));
    let mut taken = consuming();
    taken.effects_new.push(effect(10));
    let mut deep = consuming();
    deep.inbox_new.push(crate::store::NewInput {
        body: nested(MAX_DEPTH + 1),
        ..input(incident(1), "deep")
    });
    for turn in [stale, claimed, conflict, taken, deep] {
        refused(store, turn).await;
        let stored = loaded(store, incident(1)).await;
        assert_eq!((stored.revision, stored.frames[1].1.clone()), (1, json!(0)));
        assert_eq!(pending(store, 0, 10).await, ["i0"]);
        assert_eq!(unsettled(store, 0, 10).await, [10]);
        assert_eq!(due(store, Timestamp::MAX).await, ["t0"]);
        assert_eq!(
            store.claim(claim_key("c0"), at(9)).await,
            Ok(Some(incident(1)))
        );
        assert_eq!(store.claim(claim_key("c1"), at(9)).await, Ok(None));
        assert_eq!(names(store, plans()).await, ["r0"]);
        assert_eq!(store.journal(None, 0, 10).await.expect("readable").len(), 1);
        let listed = crate::store::Query {
            index: Some(index("plan", "p1")),
            ..incidents()
        };
        assert_eq!(ids(store, listed).await, [0_u8; 0]);
    }
    commit(store, consuming()).await;
    assert_eq!(pending(store, 0, 10).await, ["i1"]);
    assert_eq!(unsettled(store, 0, 10).await, [11]);
    assert_eq!(due(store, Timestamp::MAX).await, ["t1"]);
}

/// Of many turns at once those that hold are there and those that fail are not, however they were grouped.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn concurrent_turns_hold_or_fail_alone(store: &dyn Store) {
    commit(
        store,
        Turn {
            claims: vec![claim("held", incident(200))],
            ..Turn::default()
        },
    )
    .await;
    let turns = (1..=90_u8).map(|number| {
        let mut turn = step(incident(number), 0);
        turn.effects_new.push(effect(number));
        turn.inbox_new
            .push(input(incident(number), &number.to_string()));
        match number % 3 {
            0 => turn.claims.push(claim("held", incident(number))),
            1 => turn = with(turn, |write| write.expect_revision = 4),
            _ => {}
        }
        store.commit(turn)
    });
    let answers = join_all(turns).await;
    let mut seqs = Vec::new();
    for (number, answer) in (1..=90_u8).zip(answers) {
        let there = store
            .load(incident(number), Frames::All)
            .await
            .expect("readable")
            .is_some();
        match number % 3 {
            0 => assert!(
                matches!(answer, Err(CommitError::Claimed { holder, .. }) if holder == incident(200))
            ),
            1 => assert!(matches!(
                answer,
                Err(CommitError::Stale { expected: 4, .. })
            )),
            _ => seqs.extend(answer.expect("holds").inbox),
        }
        assert_eq!(there, number % 3 == 2, "{number}");
    }
    seqs.sort_unstable();
    let rows = store.inbox(0, 1_000).await.expect("readable");
    assert_eq!(
        rows.iter().map(|row| row.seq).collect::<Vec<_>>(),
        seqs,
        "what was answered is what is there"
    );
    assert_eq!(rows.len(), 30);
    assert!(rows.iter().all(|row| {
        row.input.body["word"]
            .as_str()
            .and_then(|word| word.parse().ok())
            == Some(row.input.aggregate.id.as_bytes()[0])
    }));
    assert_eq!(unsettled(store, 0, 1_000).await.len(), 30);
    assert_eq!(
        store.journal(None, 0, 1_000).await.expect("readable").len(),
        30
    );
}

/// Of many rivals for one revision or one claim exactly one wins.
pub async fn one_of_many_rivals_wins(store: &dyn Store) {
    let answers = join_all((0..20).map(|_| store.commit(step(incident(1), 0)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    assert_eq!(loaded(store, incident(1)).await.revision, 1);
    let claiming = |number| Turn {
        claims: vec![claim("k", incident(number))],
        ..step(incident(number), 0)
    };
    let answers = join_all((2..=20).map(|number| store.commit(claiming(number)))).await;
    let winners: Vec<u8> = (2..=20)
        .zip(&answers)
        .filter(|(_, answer)| answer.is_ok())
        .map(|(number, _)| number)
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(winners[0])))
    );
    for answer in answers.into_iter().filter_map(Result::err) {
        assert_eq!(
            answer,
            CommitError::Claimed {
                claim: Box::new(claim_key("k")),
                holder: incident(winners[0])
            }
        );
    }
}

/// A turn that cannot be stored is refused with a reason; nothing of it is there and the store goes on.
pub async fn malformed_turns_are_refused(store: &dyn Store) {
    let long = "x".repeat(MAX_NAME + 1);
    let mut scope = step(incident(1), 0);
    scope = with(scope, |write| write.scope.tenant = "a\0b".to_owned());
    let deep_effect = {
        let mut effect = effect(1);
        if let EffectCommand::CallAws(call) = &mut effect.command {
            call.params = nested(MAX_DEPTH + 1);
        }
        Turn {
            effects_new: vec![effect],
            ..step(incident(1), 0)
        }
    };
    let malformed = [
        Turn {
            effects_new: vec![effect(1)],
            ..Turn::default()
        },
        Turn {
            timers: vec![timer("t", Some(at(1)))],
            ..Turn::default()
        },
        with(step(incident(1), 0), |write| {
            write.frames.push(FrameWrite::put(long.clone(), json!(1)))
        }),
        with(step(incident(1), 0), |write| {
            write.index.push(index("n", &long))
        }),
        Turn {
            timers: vec![timer("a\0b", None)],
            ..step(incident(1), 0)
        },
        Turn {
            claims: vec![claim(&long, incident(1))],
            ..Turn::default()
        },
        Turn {
            releases: vec![claim_key("\0")],
            ..step(incident(1), 0)
        },
        resources(vec![put("a\0", Expect::Any, json!(1))]),
        resources(vec![put("", Expect::Any, json!(1))]),
        resources(vec![put("deep", Expect::Any, nested(MAX_DEPTH + 1))]),
        with(step(incident(1), 0), |write| {
            write.journal.inputs.push(nested(MAX_DEPTH + 1))
        }),
        deep_effect,
        scope,
    ];
    for (place, turn) in malformed.into_iter().enumerate() {
        match store.commit(turn).await {
            Err(CommitError::Refused(reason)) => assert!(!reason.is_empty()),
            other => panic!("malformed turn {place}: {other:?}"),
        }
    }
    assert_eq!(ids(store, incidents()).await, [0_u8; 0]);
    assert_eq!(names(store, plans()).await, Vec::<String>::new());
    commit(store, everything(0)).await;
}

/// Finished rows older than their limit go, at most so many of each kind per call; exactly at the limit they stay.
pub async fn finished_rows_are_pruned_in_batches(store: &dyn Store) {
    for number in 0..10_u8 {
        let millis = i64::from(number);
        let mut turn = with(step(incident(1), u64::from(number)), |write| {
            write.at = at(millis)
        });
        turn.inbox_new.push(crate::store::NewInput {
            at: at(millis),
            ..input(incident(1), "x")
        });
        turn.effects_new.push(effect(number));
        let expires = Some(at(millis));
        turn.claims.push(NewClaim {
            expires,
            ..claim(&format!("c{number}"), incident(1))
        });
        let committed = commit(store, turn).await;
        let done = Turn {
            inbox_done: committed.inbox,
            effects_settled: vec![settled(number)],
            ..Turn::default()
        };
        commit(store, done).await;
    }
    let all = Retention {
        inbox_before: Some(at(8)),
        effects_before: Some(at(8)),
        journal_before: Some(at(8)),
        claims_before: Some(at(8)),
        ..Retention::default()
    };
    // 8 of each of four kinds are old enough.
    let mut counts = Vec::new();
    while counts.last() != Some(&0) {
        counts.push(store.prune(all, 3).await.expect("prunes"));
    }
    assert_eq!(counts, [12, 12, 8, 0]);
    let journal = store.journal(None, 0, 100).await.expect("readable");
    assert_eq!(
        journal.iter().map(|row| row.at).collect::<Vec<_>>(),
        [at(8), at(9)]
    );
    // A claim that went is free even for a turn that finds every claim in force; one that stayed is not.
    let take = |key: &str| Turn {
        claims: vec![claim(key, incident(2))],
        ..Turn::default()
    };
    commit(store, take("c7")).await;
    assert!(matches!(
        refused(store, take("c8")).await,
        CommitError::Claimed { .. }
    ));
    assert_eq!(loaded(store, incident(1)).await.revision, 10);
    assert_eq!(
        store.prune(Retention::default(), 100).await,
        Ok(0),
        "nothing is kept for ever by half"
    );
}

/// Pending inputs, unsettled effects, standing claims, aggregates and resources stay, however old.
pub async fn pruning_leaves_what_is_not_finished(store: &dyn Store) {
    commit(store, everything(0)).await;
    let retention = Retention {
        inbox_before: Some(Timestamp::MAX),
        effects_before: Some(Timestamp::MAX),
        journal_before: Some(at(0)),
        claims_before: Some(Timestamp::MAX),
        measured_before: None,
    };
    assert_eq!(store.prune(retention, 100).await, Ok(0));
    assert_eq!(pending(store, 0, 10).await, ["i0"]);
    assert_eq!(unsettled(store, 0, 10).await, [10]);
    assert_eq!(
        store.claim(claim_key("c0"), at(9)).await,
        Ok(Some(incident(1)))
    );
    assert_eq!(store.journal(None, 0, 10).await.expect("readable").len(), 1);
    assert_eq!(names(store, plans()).await, ["r0"]);
    assert_eq!(due(store, Timestamp::MAX).await, ["t0"]);
    assert_eq!(loaded(store, incident(1)).await.frames.len(), 2);
}

/// A reader that stands behind the newest number misses nothing after the newest rows were pruned.
pub async fn numbers_are_never_given_twice(store: &dyn Store) {
    let turn = |expect| {
        let mut turn = step(incident(1), expect);
        turn.inbox_new.push(input(incident(1), "x"));
        turn.effects_new
            .push(effect(u8::try_from(expect).unwrap_or(0)));
        turn
    };
    let first = commit(store, turn(0)).await;
    let done = Turn {
        inbox_done: first.inbox.clone(),
        effects_settled: vec![settled(0)],
        ..Turn::default()
    };
    commit(store, done).await;
    let journal = store.journal(None, 0, 1).await.expect("readable")[0].seq;
    let all = Some(Timestamp::MAX);
    let retention = Retention {
        inbox_before: all,
        effects_before: all,
        journal_before: all,
        claims_before: all,
        measured_before: None,
    };
    assert_eq!(store.prune(retention, 100).await, Ok(3));
    let second = commit(store, turn(1)).await;
    assert!(second.inbox[0] > first.inbox[0] && second.effects[0] > first.effects[0]);
    assert_eq!(
        store
            .journal(None, journal, 10)
            .await
            .expect("readable")
            .len(),
        1
    );
}

/// A value of `levels` nested arrays.
fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]))
}
