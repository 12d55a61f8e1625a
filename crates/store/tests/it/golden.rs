//! One database per release, kept as that release wrote it: every later version opens it and reads the same.
//!
//! A release adds its file with `QUELL_WRITE_GOLDEN=1 cargo test -p store --test it golden`; a file that was released is
//! never written again.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::effect::{AwsCall, EmailMessage};
use model::resource::Expect;
use model::{
    AggregateId, AggregateKind, EffectCommand, Fact, FrameWrite, IndexEntry, Outcome, Recovery,
    Scope,
};
use ports::MemoryStore;
use ports::store::{
    AggregateWrite, ClaimKey, Frames, JournalEntry, NewClaim, NewEffect, NewInput, Query,
    ResourceQuery, ResourceWrite, SettledEffect, Store, TimerWrite, Turn,
};
use ports::suite::block_on;
use serde_json::{Value, json};
use store::{Options, SqliteStore};
use uuid::Uuid;

use crate::scratch;

/// What a release wrote.
type Turns = fn() -> Vec<Turn>;

/// Releases whose files are in `tests/golden`, oldest first, with the turns that each wrote.
const RELEASES: [(&str, Turns); 1] = [("0.1.0", turns_0_1_0)];

#[test]
fn databases_of_every_release_are_read_as_they_were_written() {
    for (release, turns) in RELEASES {
        let kept = file(release);
        if std::env::var_os("QUELL_WRITE_GOLDEN").is_some() && !kept.exists() {
            write(&kept, turns());
        }
        // A copy: opening may migrate it.
        let (_directory, path) = scratch::place();
        std::fs::copy(&kept, &path).expect("the release's file is there");
        block_on(compare(&path, turns()));
    }
}

#[test]
fn this_release_has_its_file() {
    let releases = RELEASES.map(|(release, _)| release);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        releases.contains(&version),
        "write it as the head of this file says"
    );
}

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{release}.sqlite"))
}

fn write(kept: &Path, turns: Vec<Turn>) {
    let (_directory, path) = scratch::place();
    let store = SqliteStore::open(&path, Options::default()).expect("opens");
    block_on(async {
        for turn in turns {
            store.commit(turn).await.expect("holds");
        }
    });
    store.close().expect("closes");
    std::fs::copy(&path, kept).expect("kept");
}

/// Everything that the trait reads is what the reference store answers after the same turns; then the database is
/// written on.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn compare(path: &Path, turns: Vec<Turn>) {
    let found = SqliteStore::open(path, Options::default()).expect("opens");
    let want = MemoryStore::new();
    for turn in turns {
        want.commit(turn).await.expect("holds");
    }
    for id in [incident(), AggregateId::run(Uuid::from_u128(2))] {
        assert_eq!(
            found.load(id, Frames::All).await,
            want.load(id, Frames::All).await
        );
        assert_eq!(
            found.journal(Some(id), 0, 100).await,
            want.journal(Some(id), 0, 100).await
        );
    }
    let entry = IndexEntry {
        name: "plan".to_owned(),
        value: "p1".to_owned(),
    };
    for index in [None, Some(entry)] {
        let query = Query {
            kind: AggregateKind::Incident,
            scope: scope().global(),
            index,
            before: None,
            limit: 10,
        };
        let listed = found.list(query.clone()).await;
        assert!(listed.as_ref().is_ok_and(|listed| !listed.is_empty()));
        assert_eq!(listed, want.list(query).await);
    }
    assert_eq!(found.inbox(0, 100).await, want.inbox(0, 100).await);
    assert_eq!(found.effects(0, 100).await, want.effects(0, 100).await);
    assert_eq!(
        found.timers(Timestamp::MAX, 100).await,
        want.timers(Timestamp::MAX, 100).await
    );
    for kind in ["plan", "document"] {
        let query = ResourceQuery {
            scope: None,
            kind: kind.to_owned(),
            prefix: String::new(),
            after: None,
            limit: 100,
        };
        let listed = found.resources(query.clone()).await;
        assert!(listed.as_ref().is_ok_and(|listed| !listed.is_empty()));
        assert_eq!(listed, want.resources(query).await);
    }
    assert_eq!(found.claim(claim(), at(0)).await, Ok(Some(incident())));

    let next = Turn {
        inbox_new: vec![NewInput {
            aggregate: incident(),
            scope: scope(),
            body: json!(1),
            at: at(9),
        }],
        ..scratch::step(AggregateId::run(Uuid::from_u128(2)), 1)
    };
    assert_eq!(found.commit(next.clone()).await, want.commit(next).await);
}

fn scope() -> Scope {
    Scope::new("123456789012", "eu-central-1")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_780_000_000 + seconds, 123_456_000).expect("in range")
}

fn incident() -> AggregateId {
    AggregateId::incident(Uuid::from_u128(0xabcd << 112 | 1))
}

fn claim() -> ClaimKey {
    ClaimKey {
        scope: scope(),
        family: "incident-dedupe".to_owned(),
        key: "i-0abc".to_owned(),
    }
}

/// What 0.1.0 wrote: never changed after the release.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
fn turns_0_1_0() -> Vec<Turn> {
    let large = Value::String("a large body ".repeat(4_000));
    let resource = |kind: &str, name: &str, body: Value| ResourceWrite {
        scope: scope(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        expect: Expect::Any,
        body: Some(body),
        at: at(1),
    };
    let configured = Turn {
        resources: vec![
            resource("plan", "p1", json!({"v": 1, "title": "Contain"})),
            resource(
                "plan",
                "p1",
                json!({"v": 1, "title": "Contain the instance"}),
            ),
            resource("document", "isolate/1", large.clone()),
            ResourceWrite {
                scope: scope().global(),
                ..resource("plan", "global", json!({"v": 1, "no": 0.1}))
            },
        ],
        ..Turn::default()
    };
    let call = AwsCall {
        service: "ec2".to_owned(),
        operation: "DescribeInstances".to_owned(),
        params: json!({"InstanceIds": ["i-0abc"]}),
        region: "eu-central-1".to_owned(),
        assume_role: None,
        timeout_secs: 30,
        spelling: model::effect::Spelling::default(),
    };
    let email = EmailMessage {
        to: "ana@example.org".to_owned(),
        subject: "Page".to_owned(),
        body: "An instance calls a Tor node.".to_owned(),
        thread: Some("1".to_owned()),
    };
    let effect = |number: u128, command, recovery| NewEffect {
        id: Uuid::from_u128(number),
        command,
        recovery,
    };
    let write = |expect_revision, frames| AggregateWrite {
        id: incident(),
        scope: scope(),
        expect_revision,
        at: at(i64::try_from(expect_revision).unwrap_or(0)),
        frames,
        index: vec![IndexEntry {
            name: "plan".to_owned(),
            value: "p1".to_owned(),
        }],
        journal: JournalEntry {
            entropy: [9; 32],
            inputs: vec![json!({"v": 1, "type": "trigger", "raw": large})],
            facts: vec![Fact::new("incident.opened", json!({"title": "Tor"}))],
        },
        delete: false,
    };
    let input = |word: &str| NewInput {
        aggregate: incident(),
        scope: scope(),
        body: json!({"v": 1, "w": word}),
        at: at(2),
    };
    let opened = Turn {
        aggregate: Some(write(
            0,
            vec![
                FrameWrite::root(json!({"v": 1, "status": "OPEN"})),
                FrameWrite::put("event/1", large.clone()),
            ],
        )),
        effects_new: vec![
            effect(1, EffectCommand::CallAws(call), Recovery::Repeat),
            effect(
                2,
                EffectCommand::SendEmail(email),
                Recovery::RepeatWithToken { lifetime_secs: 600 },
            ),
        ],
        inbox_new: vec![input("first"), input("second")],
        timers: vec![
            TimerWrite {
                key: "stage/1".to_owned(),
                due: Some(at(300)),
            },
            TimerWrite {
                key: "stage/2".to_owned(),
                due: Some(at(900)),
            },
        ],
        claims: vec![NewClaim {
            claim: claim(),
            holder: incident(),
            expires: None,
        }],
        ..Turn::default()
    };
    let went_on = Turn {
        aggregate: Some(write(
            1,
            vec![FrameWrite::root(json!({"v": 1, "status": "OPEN", "n": 2}))],
        )),
        inbox_done: vec![1],
        effects_settled: vec![SettledEffect {
            id: Uuid::from_u128(1),
            outcome: Outcome::Done {
                result: json!({"Reservations": []}),
            },
        }],
        timers: vec![TimerWrite {
            key: "stage/1".to_owned(),
            due: None,
        }],
        ..Turn::default()
    };
    vec![
        configured,
        opened,
        went_on,
        scratch::step(AggregateId::run(Uuid::from_u128(2)), 0),
    ]
}
