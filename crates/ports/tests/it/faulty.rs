//! The store that dies on demand.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use model::{AggregateId, FrameWrite, Scope};
use ports::memory::{Faulty, Moment};
use ports::store::{AggregateWrite, CommitError, Frames, JournalEntry, Retention, Store, Turn};
use ports::suite::block_on;
use ports::{MemoryStore, StoreError};
use serde_json::json;
use uuid::Uuid;

fn step(expect_revision: u64) -> Turn {
    let write = AggregateWrite {
        id: id(),
        scope: Scope::new("123456789012", "eu-central-1"),
        expect_revision,
        at: Timestamp::UNIX_EPOCH,
        frames: vec![FrameWrite::root(json!(expect_revision))],
        index: Vec::new(),
        journal: JournalEntry {
            entropy: [0; 32],
            inputs: Vec::new(),
            facts: Vec::new(),
        },
        delete: false,
    };
    Turn {
        aggregate: Some(write),
        ..Turn::default()
    }
}

fn id() -> AggregateId {
    AggregateId::run(Uuid::from_u128(1))
}

#[test]
fn a_crash_keeps_the_turn_or_not_and_silences_the_store() {
    block_on(async {
        for (moment, kept) in [(Moment::Before, 1), (Moment::After, 2)] {
            let memory = Arc::new(MemoryStore::new());
            let store = Faulty::crashing(Arc::clone(&memory), 2, moment);
            assert!(store.commit(step(0)).await.is_ok());
            assert!(!store.crashed());
            assert!(matches!(
                store.commit(step(1)).await,
                Err(CommitError::Broken(_))
            ));
            assert!(store.crashed());
            assert!(matches!(
                store.commit(step(2)).await,
                Err(CommitError::Broken(_))
            ));
            assert!(matches!(
                store.load(id(), Frames::All).await,
                Err(StoreError(_))
            ));
            assert!(matches!(store.inbox(0, 1).await, Err(StoreError(_))));
            assert!(matches!(
                store.prune(Retention::default(), 1).await,
                Err(CommitError::Broken(_))
            ));
            assert_eq!((memory.commits(), memory.refusals()), (kept, 0));
            // Opened again it goes on from what was kept.
            let again = Faulty::counting(Arc::clone(&memory));
            let stored = again
                .load(id(), Frames::All)
                .await
                .expect("readable")
                .expect("there");
            assert_eq!(stored.revision, kept);
            assert!(again.commit(step(kept)).await.is_ok());
            assert_eq!(again.commits(), 1);
        }
    });
}

#[test]
fn every_turn_is_shown_with_its_number() {
    block_on(async {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let store = Faulty::counting(MemoryStore::new()).watched(move |number, turn| {
            let expect = turn.aggregate.as_ref().map(|write| write.expect_revision);
            notes.lock().expect("unpoisoned").push((number, expect));
        });
        assert!(store.commit(step(0)).await.is_ok());
        assert!(store.commit(step(5)).await.is_err());
        assert!(store.commit(Turn::default()).await.is_ok());
        assert_eq!(
            *seen.lock().expect("unpoisoned"),
            [(1, Some(0)), (2, Some(5)), (3, None)]
        );
        assert_eq!(
            (
                store.commits(),
                store.inner().commits(),
                store.inner().refusals()
            ),
            (3, 2, 1)
        );
    });
}
