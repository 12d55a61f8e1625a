//! Short words for turns, so that a promise reads as one.

use jiff::Timestamp;
use model::effect::{AwsCall, Failure};
use model::resource::Expect;
use model::{
    AggregateId, AggregateKind, EffectCommand, Fact, FrameWrite, IndexEntry, Outcome, Recovery,
    Scope,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Store;
use crate::store::{
    AggregateWrite, ClaimKey, CommitError, Committed, Frames, JournalEntry, NewClaim, NewEffect,
    NewInput, Query, ResourceQuery, ResourceWrite, SettledEffect, Stored, TimerWrite, Turn,
};

/// Frankfurt's scope of the usual account.
pub(super) fn here() -> Scope {
    Scope::new("123456789012", "eu-central-1")
}

/// An instant, in milliseconds behind a fixed one.
pub(super) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + millis).expect("in range")
}

/// Incident number `number`. Numbers are spread over the shards and their ids keep their order.
pub(super) fn incident(number: u8) -> AggregateId {
    AggregateId::incident(uuid(number))
}

/// Id number `number`.
pub(super) fn uuid(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

/// A turn that takes the aggregate from revision `expect` to the next, with a root frame and a journal that tell so.
pub(super) fn step(id: AggregateId, expect: u64) -> Turn {
    let write = AggregateWrite {
        id,
        scope: here(),
        expect_revision: expect,
        at: at(i64::try_from(expect).unwrap_or(0)),
        frames: vec![FrameWrite::root(
            json!({"revision": expect.saturating_add(1)}),
        )],
        index: Vec::new(),
        journal: entry(&format!("step-{expect}")),
        delete: false,
    };
    Turn {
        aggregate: Some(write),
        ..Turn::default()
    }
}

/// A journal entry about `word`.
pub(super) fn entry(word: &str) -> JournalEntry {
    let facts = vec![Fact::new(&format!("test.{word}"), json!({"word": word}))];
    JournalEntry {
        entropy: [7; 32],
        inputs: vec![json!({"v": 1, "word": word})],
        facts,
    }
}

/// Changes the turn's aggregate write.
pub(super) fn with(mut turn: Turn, change: impl FnOnce(&mut AggregateWrite)) -> Turn {
    change(turn.aggregate.as_mut().expect("a turn of an aggregate"));
    turn
}

/// An index entry.
pub(super) fn index(name: &str, value: &str) -> IndexEntry {
    IndexEntry {
        name: name.to_owned(),
        value: value.to_owned(),
    }
}

/// An input that says `word`.
pub(super) fn input(aggregate: AggregateId, word: &str) -> NewInput {
    NewInput {
        aggregate,
        scope: here(),
        body: json!({"v": 1, "word": word}),
        at: at(1),
    }
}

/// An effect that calls AWS.
pub(super) fn effect(number: u8) -> NewEffect {
    let call = AwsCall {
        service: "ec2".to_owned(),
        operation: "DescribeInstances".to_owned(),
        params: json!({"InstanceIds": ["i-1"]}),
        region: "eu-central-1".to_owned(),
        assume_role: None,
        timeout_secs: 30,
        spelling: model::effect::Spelling::default(),
    };
    NewEffect {
        id: uuid(number),
        command: EffectCommand::CallAws(call),
        recovery: Recovery::Repeat,
    }
}

/// How effect `number` ended: by turns done, failed and unknown.
pub(super) fn settled(number: u8) -> SettledEffect {
    let outcome = match number % 3 {
        0 => Outcome::Done {
            result: json!({"ok": number}),
        },
        1 => Outcome::Failed(Failure {
            code: "InvalidInstanceID.NotFound".to_owned(),
            message: "gone".to_owned(),
            status: Some(400),
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient: false,
        }),
        _ => Outcome::Unknown {
            reason: "the connection broke".to_owned(),
        },
    };
    SettledEffect {
        id: uuid(number),
        outcome,
    }
}

/// A timer set or, without an instant, cancelled.
pub(super) fn timer(key: &str, due: Option<Timestamp>) -> TimerWrite {
    TimerWrite {
        key: key.to_owned(),
        due,
    }
}

/// A claim of the usual scope.
pub(super) fn claim_key(key: &str) -> ClaimKey {
    ClaimKey {
        scope: here(),
        family: "dedupe".to_owned(),
        key: key.to_owned(),
    }
}

/// A claim for ever.
pub(super) fn claim(key: &str, holder: AggregateId) -> NewClaim {
    NewClaim {
        claim: claim_key(key),
        holder,
        expires: None,
    }
}

/// A resource written.
pub(super) fn put(name: &str, expect: Expect, body: Value) -> ResourceWrite {
    ResourceWrite {
        scope: here(),
        kind: "plan".to_owned(),
        name: name.to_owned(),
        expect,
        body: Some(body),
        at: at(1),
    }
}

/// A resource deleted.
pub(super) fn remove(name: &str, expect: Expect) -> ResourceWrite {
    ResourceWrite {
        body: None,
        ..put(name, expect, Value::Null)
    }
}

/// A turn of resources only.
pub(super) fn resources(writes: Vec<ResourceWrite>) -> Turn {
    Turn {
        resources: writes,
        ..Turn::default()
    }
}

/// All plans of the usual scope.
pub(super) fn plans() -> ResourceQuery {
    ResourceQuery {
        scope: Some(here()),
        kind: "plan".to_owned(),
        prefix: String::new(),
        after: None,
        limit: 1_000,
    }
}

/// The names that a resource query finds.
pub(super) async fn names(store: &dyn Store, query: ResourceQuery) -> Vec<String> {
    let found = store.resources(query).await.expect("readable");
    found.into_iter().map(|resource| resource.name).collect()
}

/// All incidents of the usual scope.
pub(super) fn incidents() -> Query {
    Query {
        kind: AggregateKind::Incident,
        scope: here(),
        index: None,
        before: None,
        limit: 1_000,
    }
}

/// The ids that a query finds, in order, as their first bytes.
pub(super) async fn ids(store: &dyn Store, query: Query) -> Vec<u8> {
    let found = store.list(query).await.expect("readable");
    found
        .into_iter()
        .map(|stored| stored.id.id.as_bytes()[0])
        .collect()
}

/// Commits a turn that has to hold.
pub(super) async fn commit(store: &dyn Store, turn: Turn) -> Committed {
    store.commit(turn).await.expect("the turn holds")
}

/// Commits a turn that must not hold.
pub(super) async fn refused(store: &dyn Store, turn: Turn) -> CommitError {
    store
        .commit(turn)
        .await
        .expect_err("the turn does not hold")
}

/// The whole aggregate, which has to be there.
pub(super) async fn loaded(store: &dyn Store, id: AggregateId) -> Stored {
    store
        .load(id, Frames::All)
        .await
        .expect("readable")
        .expect("there")
}

/// The words of the pending inbox.
pub(super) async fn pending(store: &dyn Store, after: u64, limit: usize) -> Vec<String> {
    let rows = store.inbox(after, limit).await.expect("readable");
    rows.iter()
        .map(|row| row.input.body["word"].as_str().unwrap_or("?").to_owned())
        .collect()
}

/// The numbers of the effects without an outcome.
pub(super) async fn unsettled(store: &dyn Store, after: u64, limit: usize) -> Vec<u8> {
    let rows = store.effects(after, limit).await.expect("readable");
    rows.iter().map(|row| row.effect.id.as_bytes()[0]).collect()
}

/// The keys of the timers due until `until`.
pub(super) async fn due(store: &dyn Store, until: Timestamp) -> Vec<String> {
    let rows = store.timers(until, 1_000).await.expect("readable");
    rows.into_iter().map(|row| row.key).collect()
}
