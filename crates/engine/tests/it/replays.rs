//! Archives keep what they want in the commit that accepts it; replays give it once more, each event once.

mod archives;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bus::replay::{Input as ReplayInput, Replay, Start, Status};
use engine::{AskError, Input, MissedSchedules, PutEntry, ResourceChange, StartReplayError};
use jiff::Timestamp;
use model::bus::{ARCHIVE, RULE};
use model::{AggregateId, Rejection};
use ports::memory::{Faulty, Moment};
use ports::store::{ArchiveQuery, ClaimKey, Frames, NewClaim, Turn};
use ports::{Clock, ManualClock, Store};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hook::{HOOK, Hook, Process, at, memory, secs};
use crate::world::{put, scope, start_time};

const BUS_ARN: &str = "arn:aws:events:us-east-1:123456789012:event-bus/default";

fn id(number: u8) -> Uuid {
    Uuid::from_bytes([number; 16])
}

fn archive(name: &str, number: u8, pattern: Option<&str>, days: u32) -> ResourceChange {
    let body = json!({
        "name": name, "id": id(number), "bus": "default", "bus_arn": BUS_ARN,
        "event_pattern": pattern, "retention_days": days,
    });
    put(scope(), ARCHIVE, name, body)
}

fn rule(name: &str, pattern: &str) -> ResourceChange {
    let body = json!({
        "name": name, "bus": "default", "state": "ENABLED", "event_pattern": pattern,
        "targets": {"hook": {"Id": "hook", "Arn": format!("{HOOK}/{name}")}},
    });
    put(scope(), RULE, &format!("default/{name}"), body)
}

fn entry(source: &str, number: usize, time: &str) -> PutEntry {
    PutEntry {
        bus: "default".to_owned(),
        source: source.to_owned(),
        detail_type: "Test".to_owned(),
        detail: json!({ "number": number }).to_string(),
        resources: Vec::new(),
        time: Some(at(time)),
        id: None,
        account: None,
        region: None,
    }
}

fn request(name: &str) -> Start {
    Start {
        name: name.to_owned(),
        description: None,
        archive_name: "all".to_owned(),
        archive: id(1),
        archive_arn: "arn:aws:events:us-east-1:123456789012:archive/all".to_owned(),
        bus: "default".to_owned(),
        bus_arn: BUS_ARN.to_owned(),
        filter_arns: Vec::new(),
        from: at("2026-02-01T00:00:00Z"),
        until: at("2026-03-01T00:00:00Z"),
        slot: String::new(),
    }
}

async fn process<S: Store>(store: &Arc<S>, hook: &Arc<Hook>, clock: &ManualClock) -> Process {
    Process::start(store, (hook, clock), MissedSchedules::Once).await
}

impl Process {
    async fn change(&self, changes: Vec<ResourceChange>) {
        self.handle.change(changes).await.expect("changed");
    }

    async fn put(&self, entries: Vec<PutEntry>) {
        for ten in entries.chunks(10) {
            let put = self.handle.put_events(&scope(), ten.to_vec()).await;
            put.expect("accepted");
        }
    }

    /// What an archive holds: sources and numbers.
    async fn kept(&self, store: &dyn Store, number: u8) -> Vec<(String, u64)> {
        let query = ArchiveQuery {
            archive: id(number),
            from: Timestamp::UNIX_EPOCH,
            until: at("2100-01-01T00:00:00Z"),
            after: None,
            limit: 1_000,
            bytes: usize::MAX,
        };
        let rows = store.archived(query).await.expect("read");
        let size = self.handle.archive_size(id(number)).await.expect("read");
        let bytes: usize = rows.iter().map(|row| row.text.len()).sum();
        assert_eq!((size.events, size.bytes), (rows.len() as u64, bytes as u64));
        rows.iter()
            .map(|row| {
                let event: Value = serde_json::from_str(&row.text).expect("JSON");
                assert_eq!(event["id"], json!(row.event));
                assert_eq!(event["time"].as_str().map(at), Some(row.at));
                let source = event["source"].as_str().expect("a source").to_owned();
                (
                    source,
                    event["detail"]["number"].as_u64().expect("a number"),
                )
            })
            .collect()
    }

    async fn replay(&self, name: &str) -> Replay {
        let id = AggregateId::replay_of(&scope(), name);
        let stored = self.handle.load(id, Frames::All).await.expect("read");
        Replay::restore(stored.expect("a replay").frames).expect("restored")
    }
}

fn owned(kept: &[(&str, u64)]) -> Vec<(String, u64)> {
    kept.iter()
        .map(|(source, n)| ((*source).to_owned(), *n))
        .collect()
}

/// `count` events of February, put in another order than that of their times.
fn february(count: usize) -> Vec<PutEntry> {
    let events = (0..count).map(|number| {
        let number = (number * 7) % count;
        let time = format!("2026-02-{:02}T{:02}:00:00Z", number / 24 + 1, number % 24);
        entry("a", number, &time)
    });
    events.collect()
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn a_replay_gives_each_event_once_more_in_order() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process
        .change(vec![
            archive("all", 1, None, 0),
            rule("every", "{\"source\":[\"a\"]}"),
            rule("other", "{\"source\":[\"a\"]}"),
            rule(
                "fresh",
                "{\"source\":[\"a\"],\"replay-name\":[{\"exists\":false}]}",
            ),
        ])
        .await;
    process.put(february(250)).await;
    process.engine.settle().await;
    assert_eq!(hook.take().len(), 750);
    let rule_arn = "arn:aws:events:us-east-1:123456789012:rule/every";
    let request = Start {
        filter_arns: vec![rule_arn.to_owned()],
        from: at("2026-02-02T00:00:00Z"),
        until: at("2026-02-10T23:00:00Z"),
        ..request("again")
    };
    process
        .handle
        .start_replay(&scope(), request)
        .await
        .expect("started");
    process.engine.settle().await;
    let replay = process.replay("again").await;
    assert_eq!((replay.status, replay.events), (Status::Completed, 216));
    let last = replay.position.expect("a position");
    assert_eq!(last.at, at("2026-02-10T23:00:00Z"));
    let events = hook.take();
    let numbers: Vec<u64> = events
        .iter()
        .map(|event| event["detail"]["number"].as_u64().expect("a number"))
        .collect();
    assert_eq!(
        numbers,
        (24..240).collect::<Vec<_>>(),
        "all, once, in the order of their times"
    );
    assert!(events.iter().all(|event| event["replay-name"] == "again"));
    assert!(
        events
            .iter()
            .all(|event| event["source"] == "a" && event["account"] == "123456789012")
    );
    // Another replay gives them again, to every rule that wants replayed events; none of them is archived again.
    process
        .handle
        .start_replay(&scope(), self::request("more"))
        .await
        .expect("started");
    process.engine.settle().await;
    assert_eq!(hook.take().len(), 500);
    assert_eq!(process.kept(&*store, 1).await.len(), 250);
    let taken = process
        .handle
        .start_replay(&scope(), self::request("more"))
        .await;
    let rejected = match taken {
        Err(StartReplayError::Ask(AskError::Rejected(Rejection::Conflict { code, .. }))) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(rejected, "ResourceAlreadyExistsException");
}

#[tokio::test]
async fn a_replay_ends_early_when_it_is_cancelled_or_its_archive_goes() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process
        .change(vec![
            archive("all", 1, None, 0),
            rule("every", "{\"replay-name\":[{\"exists\":true}]}"),
        ])
        .await;
    process.put(february(50)).await;
    let id = AggregateId::replay_of(&scope(), "early");
    let cancel = Input::Replay(Box::new(ReplayInput::Cancel));
    let place = scope();
    let (started, cancelled) = futures_util::future::join(
        process.handle.start_replay(&place, request("early")),
        process.handle.ask(id, &place, cancel.clone()),
    )
    .await;
    started.expect("started");
    assert_eq!(
        cancelled.expect("cancelled"),
        json!({ "state": "CANCELLING" })
    );
    process.engine.settle().await;
    let replay = process.replay("early").await;
    assert_eq!((replay.status, replay.events), (Status::Cancelled, 0));
    assert_eq!(replay.ended, Some(clock.now()));
    let again = process
        .handle
        .ask(id, &place, cancel)
        .await
        .expect_err("over");
    assert!(
        matches!(again, AskError::Rejected(Rejection::Conflict { .. })),
        "{again}"
    );
    let gone = ResourceChange {
        body: None,
        ..archive("all", 1, None, 0)
    };
    // Who asked for the replay looked the archive up; it goes before the first page is read.
    process.change(vec![gone]).await;
    let started = process.handle.start_replay(&place, request("late"));
    started.await.expect("started");
    process.engine.settle().await;
    let replay = process.replay("late").await;
    assert_eq!(replay.status, Status::Failed);
    assert_eq!(
        replay.reason.as_deref(),
        Some("The archive all was deleted.")
    );
    assert_eq!(hook.take().len(), 0);
    // What has ended holds no slot.
    for number in 0..10 {
        let key = slot(number);
        assert_eq!(store.claim(key, clock.now()).await.expect("read"), None);
    }
}

fn slot(number: u32) -> ClaimKey {
    ClaimKey {
        scope: scope(),
        family: "replay-slot".to_owned(),
        key: format!("us-east-1/{number}"),
    }
}

#[tokio::test]
async fn ten_replays_run_at_once() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process.change(vec![archive("all", 1, None, 0)]).await;
    let running = |number: u32| NewClaim {
        claim: slot(number),
        holder: AggregateId::replay_of(&scope(), &format!("r{number}")),
        expires: None,
    };
    let nine = Turn {
        claims: (0..9).map(running).collect(),
        ..Turn::default()
    };
    store.commit(nine).await.expect("claimed");
    process
        .handle
        .start_replay(&scope(), request("tenth"))
        .await
        .expect("started");
    process.engine.settle().await;
    let last = Turn {
        claims: vec![running(9)],
        ..Turn::default()
    };
    store.commit(last).await.expect("claimed");
    let refused = process
        .handle
        .start_replay(&scope(), request("eleventh"))
        .await;
    assert!(
        matches!(refused, Err(StartReplayError::TooMany)),
        "{refused:?}"
    );
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
async fn a_crash_at_any_commit_of_a_replay_loses_and_doubles_nothing() {
    let events = 130;
    let run = async |crash: Option<(u64, Moment)>| {
        let (inner, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
        let process = process(&inner, &hook, &clock).await;
        process
            .change(vec![
                archive("all", 1, None, 0),
                rule("every", "{\"replay-name\":[{\"exists\":true}]}"),
            ])
            .await;
        process.put(february(events)).await;
        process.engine.stop().await;
        let store = Arc::new(match crash {
            Some((number, moment)) => Faulty::crashing(Arc::clone(&inner), number, moment),
            None => Faulty::counting(Arc::clone(&inner)),
        });
        let process = self::process(&store, &hook, &clock).await;
        let started = process
            .handle
            .start_replay(&scope(), request("again"))
            .await;
        // A process whose store is gone may wait for ever.
        let patience = Duration::from_millis(if crash.is_some() { 200 } else { 20_000 });
        let _ = tokio::time::timeout(patience, process.engine.settle()).await;
        let commits = store.commits();
        let process = self::process(&inner, &hook, &clock).await;
        if started.is_err() {
            // Whoever was not answered asks again.
            match process
                .handle
                .start_replay(&scope(), request("again"))
                .await
            {
                Ok(()) | Err(StartReplayError::Ask(AskError::Rejected(_))) => {}
                Err(other) => panic!("{other}"),
            }
        }
        // Repeats wait a moment: it passes by moving the clock on.
        for _ in 0..100 {
            let wait = Duration::from_millis(20);
            let settled = tokio::time::timeout(wait, process.engine.settle()).await;
            if settled.is_ok() {
                break;
            }
            clock.advance(secs(1));
        }
        let replay = process.replay("again").await;
        assert_eq!(
            (replay.status, replay.events),
            (Status::Completed, 130),
            "{crash:?}"
        );
        let deliveries = hook.1.lock().expect("no panic held it").len();
        assert_eq!(deliveries, events, "{crash:?}");
        let ids: BTreeSet<String> = hook
            .take()
            .iter()
            .map(|event| event["id"].to_string())
            .collect();
        assert_eq!(ids.len(), events, "{crash:?}");
        commits
    };
    let commits = run(None).await;
    assert!(commits > 4, "{commits}");
    // The replay's own commits come among the first; later ones are the deliveries'.
    for number in (1..=commits).take(12) {
        for moment in [Moment::Before, Moment::After] {
            run(Some((number, moment))).await;
        }
    }
}

#[tokio::test]
async fn an_archive_that_is_made_anew_is_empty() {
    let (store, hook, clock) = (memory(), Arc::default(), ManualClock::new(start_time()));
    let process = process(&store, &hook, &clock).await;
    process.change(vec![archive("all", 1, None, 0)]).await;
    process.put(february(3)).await;
    process.change(vec![archive("all", 9, None, 0)]).await;
    assert_eq!(process.kept(&*store, 9).await, owned(&[]));
    process.put(february(2)).await;
    assert_eq!(process.kept(&*store, 1).await.len(), 3);
    assert_eq!(process.kept(&*store, 9).await.len(), 2);
}
