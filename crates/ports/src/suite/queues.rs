//! Promises about inbox, effects and timers.

use model::effect::EmailMessage;
use model::{EffectCommand, Recovery};
use serde_json::json;

use super::words::*;
use crate::Store;
use crate::store::{CommitError, NewEffect, SettledEffect, Turn};

/// Rows come in order of acceptance, page by page, until a turn consumes them.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn the_inbox_keeps_its_order_until_done(store: &dyn Store) {
    let inputs = |words: &[&str]| {
        words
            .iter()
            .map(|word| input(incident(1), word))
            .collect::<Vec<_>>()
    };
    let first = commit(
        store,
        Turn {
            inbox_new: inputs(&["a", "b"]),
            ..step(incident(2), 0)
        },
    )
    .await
    .inbox;
    let second = commit(
        store,
        Turn {
            inbox_new: inputs(&["c"]),
            ..Turn::default()
        },
    )
    .await
    .inbox;
    let seqs = [first, second].concat();
    assert_eq!(seqs.len(), 3);
    assert!(seqs.is_sorted_by(|a, b| a < b) && seqs[0] > 0, "{seqs:?}");
    let rows = store.inbox(0, 10).await.expect("readable");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), seqs);
    assert_eq!(rows[1].input, input(incident(1), "b"));
    assert_eq!(pending(store, 0, 2).await, ["a", "b"]);
    assert_eq!(pending(store, seqs[0], 10).await, ["b", "c"]);
    assert_eq!(pending(store, u64::MAX, 10).await, Vec::<String>::new());
    assert_eq!(store.marks().await.expect("readable").inbox, seqs[2]);
    // Consumed out of order, twice, and never there.
    commit(
        store,
        Turn {
            inbox_done: vec![seqs[1]],
            ..step(incident(1), 0)
        },
    )
    .await;
    assert_eq!(pending(store, 0, 10).await, ["a", "c"]);
    commit(
        store,
        Turn {
            inbox_done: vec![seqs[1], seqs[0], seqs[2], 9_999, u64::MAX],
            ..step(incident(1), 1)
        },
    )
    .await;
    assert_eq!(pending(store, 0, 10).await, Vec::<String>::new());
    // A turn that does not hold consumes nothing.
    commit(
        store,
        Turn {
            inbox_new: inputs(&["d"]),
            ..Turn::default()
        },
    )
    .await;
    let seq = store.inbox(0, 1).await.expect("readable")[0].seq;
    refused(
        store,
        Turn {
            inbox_done: vec![seq],
            ..step(incident(1), 0)
        },
    )
    .await;
    assert_eq!(pending(store, 0, 10).await, ["d"]);
}

/// A delivery can be accepted before its aggregate exists, for several aggregates at once.
pub async fn an_acceptance_needs_no_aggregate(store: &dyn Store) {
    let inbox_new: Vec<_> = (1..=3)
        .map(|number| input(incident(number), &format!("w{number}")))
        .collect();
    let committed = commit(
        store,
        Turn {
            inbox_new: inbox_new.clone(),
            ..Turn::default()
        },
    )
    .await;
    assert_eq!(
        (
            committed.inbox.len(),
            committed.effects.len(),
            committed.resources.len()
        ),
        (3, 0, 0)
    );
    let rows = store.inbox(0, 10).await.expect("readable");
    assert_eq!(
        rows.into_iter().map(|row| row.input).collect::<Vec<_>>(),
        inbox_new
    );
    assert_eq!(ids(store, incidents()).await, [0_u8; 0]);
    // A turn of nothing at all holds.
    assert_eq!(
        commit(store, Turn::default()).await,
        crate::store::Committed::default()
    );
}

/// An intent is there with all its performer needs until an outcome is taken in, whatever the outcome.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn effects_pend_until_they_are_settled(store: &dyn Store) {
    let email = EmailMessage {
        to: "ana@example.org".to_owned(),
        subject: "s".to_owned(),
        body: "b".to_owned(),
        thread: None,
    };
    let mail = NewEffect {
        id: uuid(4),
        command: EffectCommand::SendEmail(email),
        recovery: Recovery::RepeatWithToken { lifetime_secs: 600 },
    };
    let effects_new = vec![effect(1), effect(2), effect(3), mail.clone()];
    let seqs = commit(
        store,
        Turn {
            effects_new,
            ..step(incident(1), 0)
        },
    )
    .await
    .effects;
    assert!(
        seqs.len() == 4 && seqs.is_sorted_by(|a, b| a < b),
        "{seqs:?}"
    );
    let rows = store.effects(0, 10).await.expect("readable");
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), seqs);
    assert_eq!((&rows[0].effect, &rows[3].effect), (&effect(1), &mail));
    assert_eq!(
        (rows[0].aggregate, &rows[0].scope, rows[0].at),
        (incident(1), &here(), at(0))
    );
    assert_eq!(unsettled(store, 0, 2).await, [1, 2]);
    assert_eq!(unsettled(store, seqs[1], 10).await, [3, 4]);
    // Result, next state and next intent are one turn.
    let next = Turn {
        effects_settled: vec![settled(2)],
        effects_new: vec![effect(5)],
        ..step(incident(1), 1)
    };
    commit(store, next).await;
    assert_eq!(unsettled(store, 0, 10).await, [1, 3, 4, 5]);
    // Settled again, and never there: left alone.
    let again = Turn {
        effects_settled: vec![settled(2), settled(99)],
        ..step(incident(1), 2)
    };
    commit(store, again).await;
    assert_eq!(unsettled(store, 0, 10).await, [1, 3, 4, 5]);
    let rest = Turn {
        effects_settled: vec![settled(1), settled(3), settled(4), settled(5)],
        ..step(incident(1), 3)
    };
    commit(store, rest).await;
    assert_eq!(unsettled(store, 0, 10).await, [0_u8; 0]);
    // Intent and outcome may come in one turn.
    let both = Turn {
        effects_new: vec![effect(6)],
        effects_settled: vec![settled(6)],
        ..step(incident(1), 4)
    };
    commit(store, both).await;
    assert_eq!(unsettled(store, 0, 10).await, [0_u8; 0]);
}

/// The id is the idempotency key: it never stands for two open intents, and an outcome is for the one that is open.
pub async fn an_open_effect_id_is_given_once(store: &dyn Store) {
    commit(
        store,
        Turn {
            effects_new: vec![effect(1)],
            ..step(incident(1), 0)
        },
    )
    .await;
    let twice = Turn {
        effects_new: vec![effect(2), effect(2)],
        ..step(incident(1), 1)
    };
    let taken = Turn {
        effects_new: vec![effect(3), effect(1)],
        ..step(incident(1), 1)
    };
    for turn in [twice, taken.clone()] {
        assert!(matches!(
            refused(store, turn).await,
            CommitError::Refused(_)
        ));
    }
    commit(
        store,
        Turn {
            effects_settled: vec![settled(1)],
            ..step(incident(1), 1)
        },
    )
    .await;
    assert_eq!(unsettled(store, 0, 10).await, [0_u8; 0]);
    assert_eq!(loaded(store, incident(1)).await.revision, 2);
    // Nothing is told of the first once it is settled: the id may be used again, and its outcome is the new one's.
    commit(store, with(taken, |write| write.expect_revision = 2)).await;
    assert_eq!(unsettled(store, 0, 10).await, [3, 1]);
    let settled = vec![settled(1), settled(3)];
    let last = Turn {
        effects_settled: settled,
        ..step(incident(1), 3)
    };
    commit(store, last).await;
    assert_eq!(unsettled(store, 0, 10).await, [0_u8; 0]);
}

/// One timer per key: set again it moves, cancelled it is gone.
pub async fn timers_are_replaced_and_cancelled(store: &dyn Store) {
    let timers = |id, expect, timers| Turn {
        timers,
        ..step(id, expect)
    };
    let far = at(1_000_000);
    commit(
        store,
        timers(
            incident(1),
            0,
            vec![timer("a", Some(at(10))), timer("b", Some(at(20)))],
        ),
    )
    .await;
    commit(
        store,
        timers(incident(2), 0, vec![timer("a", Some(at(15)))]),
    )
    .await;
    assert_eq!(due(store, far).await, ["a", "a", "b"]);
    commit(
        store,
        timers(incident(1), 1, vec![timer("a", Some(at(30)))]),
    )
    .await;
    let rows = store.timers(far, 10).await.expect("readable");
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.aggregate, row.key.as_str(), row.due))
        .collect();
    assert_eq!(
        seen,
        [
            (incident(2), "a", at(15)),
            (incident(1), "b", at(20)),
            (incident(1), "a", at(30))
        ]
    );
    assert_eq!(rows[0].scope, here());
    commit(
        store,
        timers(incident(1), 2, vec![timer("a", None), timer("none", None)]),
    )
    .await;
    assert_eq!(due(store, far).await, ["a", "b"]);
    // Cancelled and set in one turn, in this order.
    commit(
        store,
        timers(
            incident(1),
            3,
            vec![timer("b", None), timer("b", Some(at(5)))],
        ),
    )
    .await;
    assert_eq!(due(store, far).await, ["b", "a"]);
    refused(store, timers(incident(1), 3, vec![timer("b", None)])).await;
    assert_eq!(due(store, far).await, ["b", "a"]);
}

/// Due at or before, earliest first, at most so many.
pub async fn timers_come_due_in_order(store: &dyn Store) {
    for (number, millis) in [(1, 50), (2, 10), (3, 30), (4, 20), (5, 40)] {
        let timers = vec![timer(&format!("t{millis}"), Some(at(millis)))];
        commit(
            store,
            Turn {
                timers,
                ..step(incident(number), 0)
            },
        )
        .await;
    }
    assert_eq!(due(store, at(9)).await, Vec::<String>::new());
    assert_eq!(due(store, at(30)).await, ["t10", "t20", "t30"]);
    let rows = store.timers(at(1_000), 2).await.expect("readable");
    assert_eq!(
        rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(),
        ["t10", "t20"]
    );
    // Instants before 1970 and far away are instants like others.
    let edges = vec![
        timer("old", Some(jiff::Timestamp::MIN)),
        timer("far", Some(jiff::Timestamp::MAX)),
    ];
    commit(
        store,
        Turn {
            timers: edges,
            ..step(incident(6), 0)
        },
    )
    .await;
    assert_eq!(due(store, at(10)).await, ["old", "t10"]);
    assert_eq!(
        due(store, jiff::Timestamp::MAX)
            .await
            .last()
            .map(String::as_str),
        Some("far")
    );
    let settled = SettledEffect {
        id: uuid(9),
        outcome: model::Outcome::Done {
            result: json!(null),
        },
    };
    commit(
        store,
        Turn {
            effects_settled: vec![settled],
            ..Turn::default()
        },
    )
    .await;
}
