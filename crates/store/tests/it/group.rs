//! Group commit: many turns, few transactions, each turn alone.

use futures_util::future::join_all;
use ports::Store;
use ports::store::{CommitError, Frames};
use ports::suite::block_on;

use crate::scratch;

#[test]
fn concurrent_turns_share_transactions() {
    block_on(async {
        let (store, _directory) = scratch::subject().await;
        let turns: u64 = 500;
        let answers = join_all(
            (0..turns).map(|number| store.commit(scratch::step(scratch::run(number.into()), 0))),
        )
        .await;
        assert!(answers.iter().all(Result::is_ok));
        let stats = store.stats();
        assert_eq!(stats.turns, turns);
        assert!(stats.commits <= turns / 4, "{stats:?}");
        assert!(stats.commits <= stats.batches, "{stats:?}");
    });
}

#[test]
fn turns_one_after_another_are_durable_one_by_one() {
    block_on(async {
        let (store, _directory) = scratch::subject().await;
        for expect in 0..10 {
            store
                .commit(scratch::step(scratch::run(1), expect))
                .await
                .expect("holds");
        }
        let stats = store.stats();
        assert_eq!((stats.turns, stats.commits, stats.batches), (10, 10, 10));
        assert!(
            store
                .commit(scratch::step(scratch::run(1), 0))
                .await
                .is_err()
        );
        let after = store.stats();
        assert_eq!(
            (after.turns, after.commits, after.batches),
            (10, 10, 11),
            "a turn that fails costs no transaction"
        );
    });
}

/// Callers on several threads, a third of whose turns fail, see their own answers and nobody else's.
#[test]
fn failing_turns_do_not_touch_their_group() {
    let (store, _directory) = block_on(scratch::subject());
    let store = &store;
    std::thread::scope(|scope| {
        for thread in 0..8_u128 {
            scope.spawn(move || {
                block_on(join_all((0..60_u128).map(|number| async move {
                    let id = scratch::run(thread * 1_000 + number);
                    store.commit(scratch::step(id, 0)).await.expect("holds");
                    if number % 3 == 0 {
                        let stale = store.commit(scratch::step(id, 9)).await;
                        assert_eq!(stale, Err(CommitError::Stale { id, expected: 9 }));
                    }
                    store.commit(scratch::step(id, 1)).await.expect("holds");
                })))
            });
        }
    });
    block_on(async {
        for thread in 0..8_u128 {
            for number in 0..60 {
                let id = scratch::run(thread * 1_000 + number);
                let stored = store
                    .load(id, Frames::All)
                    .await
                    .expect("readable")
                    .expect("there");
                assert_eq!(stored.revision, 2);
                assert_eq!(
                    store
                        .journal(Some(id), 0, 10)
                        .await
                        .expect("readable")
                        .len(),
                    2
                );
            }
        }
        let stats = store.stats();
        assert_eq!(stats.turns, 960);
        assert!(stats.commits < stats.turns, "{stats:?}");
    });
}
