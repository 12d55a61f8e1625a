//! Events: which incident takes them.

use std::task::{Context, Poll};

use engine::Input;
use model::bus::RULE;
use model::incident::IncidentStatus;
use model::{AggregateId, AggregateKind};
use ports::store::{Frames, ResourceQuery};
use response::incident::{Incident, RecordPatch, Update};
use serde_json::json;

use crate::world::{World, call, put, scope};

#[tokio::test]
async fn findings_on_one_resource_fold_and_a_second_victim_opens_its_own() {
    let (world, _) = World::new().await;
    world
        .document("Contain", json!([call("Tag", "CreateTags")]))
        .await;
    world.install(Some("Contain")).await;
    for instance in ["i-1", "i-1", "i-2", "i-1"] {
        world.finding(instance).await;
    }
    world.settle().await;
    let incidents = world.incidents().await;
    assert_eq!(incidents.len(), 2);
    assert_eq!(
        world.outside.count("CreateTags"),
        2,
        "one runbook for each incident"
    );
    assert_eq!(world.all(AggregateKind::Run).await.len(), 2);
    assert_eq!(
        world.outside.count("mail ana@example.com"),
        2,
        "one page for each incident"
    );
}

#[tokio::test]
async fn racing_findings_end_in_one_incident() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let all = futures_util::future::join_all((0..50).map(|_| world.finding("i-race")));
    all.await;
    world.settle().await;
    let incidents = world.incidents().await;
    assert_eq!(incidents.len(), 1);
    let incident = Incident::restore(incidents[0].frames.clone()).expect("an incident");
    assert_eq!(incident.triggers, 50, "every finding is on the record");
    assert_eq!(world.outside.count("mail ana@example.com"), 1);
}

#[tokio::test]
async fn after_the_resolution_the_same_resource_opens_a_new_incident() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    let first = world.incidents().await[0].id;
    resolve(&world, first).await;
    world.settle().await;
    world.finding("i-1").await;
    world.settle().await;
    assert_eq!(world.incidents().await.len(), 2);
}

#[tokio::test]
async fn an_event_that_no_rule_wants_costs_no_commit() {
    let (world, store) = World::new().await;
    let before = store.commits();
    world.finding("i-1").await;
    world.settle().await;
    assert_eq!(store.commits(), before);
    assert!(world.incidents().await.is_empty());
}

fn rules() -> ResourceQuery {
    ResourceQuery {
        scope: Some(scope()),
        kind: RULE.to_owned(),
        prefix: String::new(),
        after: None,
        limit: 10,
    }
}

#[tokio::test]
async fn a_rule_holds_whether_or_not_its_writer_waits() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let found = world.handle.resources(rules()).await.expect("read");
    let stored = found.first().expect("a rule").clone();
    // The writer is dropped after one poll, after two, ... until the call ends before.
    for polls in 1.. {
        let change = |state: &str| {
            let mut body = stored.body.clone();
            body["state"] = state.into();
            vec![put(scope(), RULE, &stored.name, body)]
        };
        let asleep = polls % 2 == 1;
        let state = if asleep { "DISABLED" } else { "ENABLED" };
        let mut call = Box::pin(world.handle.change(change(state)));
        let mut ended = false;
        for _ in 0..polls {
            let poll = |cx: &mut Context<'_>| Poll::Ready(call.as_mut().poll(cx).is_ready());
            ended = std::future::poll_fn(poll).await;
            if ended {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        world.settle().await;
        let instance = format!("i-{polls}");
        let before = world.incidents().await.len();
        world.finding(&instance).await;
        world.settle().await;
        let wanted = world.incidents().await.len() - before;
        let now = world.handle.resources(rules()).await.expect("read");
        let enabled = now[0].body["state"] == "ENABLED";
        assert_eq!(
            wanted,
            usize::from(enabled),
            "after {polls} polls the rule in memory is not the stored one"
        );
        if ended {
            assert!(polls >= 2, "the call does not wait at all");
            break;
        }
    }
}

#[tokio::test]
async fn the_whole_event_stays_readable() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    let id = world.incidents().await[0].id;
    let stored = world
        .handle
        .load(id, Frames::Prefix("trigger/".to_owned()))
        .await
        .expect("read")
        .expect("frames");
    let text = stored.frames[0].1.to_string();
    assert!(text.contains("UnauthorizedAccess:EC2/TorClient"), "{text}");
}

#[tokio::test]
async fn a_storm_on_one_incident_is_a_few_commits() {
    let (world, store) = World::new().await;
    world.install(None).await;
    world.finding("i-storm").await;
    world.settle().await;
    let before = store.commits();
    let storm = 200;
    futures_util::future::join_all((0..storm).map(|_| world.finding("i-storm"))).await;
    world.settle().await;
    let accepted = storm;
    let folded = store.commits() - before - accepted;
    assert!(folded < storm / 2, "{folded} turns for {storm} findings");
}

pub(crate) async fn resolve(world: &World, incident: AggregateId) {
    let patch = RecordPatch {
        status: Some(IncidentStatus::Resolved),
        ..RecordPatch::default()
    };
    let update = Update {
        patch,
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        client_token: None,
    };
    let input = Input::Incident(Box::new(response::incident::Input::Update(update)));
    world
        .handle
        .ask(incident, &scope(), input)
        .await
        .expect("resolved");
}

#[tokio::test]
async fn a_deleted_incident_never_comes_back_under_its_id() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    world.settle().await;
    let first = world.incidents().await[0].id;
    let delete = Input::Incident(Box::new(response::incident::Input::Delete));
    let deleted = world.handle.ask(first, &scope(), delete).await;
    deleted.expect("deleted");
    world.finding("i-1").await;
    world.settle().await;
    let incidents = world.incidents().await;
    assert_eq!(incidents.len(), 1);
    assert_ne!(incidents[0].id, first);
}

#[tokio::test]
async fn an_event_that_no_target_could_take_is_refused_and_not_dropped() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let entry = |detail: &str| engine::PutEntry {
        bus: "default".to_owned(),
        source: "aws.guardduty".to_owned(),
        detail_type: "GuardDuty Finding".to_owned(),
        detail: detail.to_owned(),
        resources: Vec::new(),
        time: None,
        ..engine::PutEntry::default()
    };
    // The matcher compares numbers as texts and wants this event; nothing downstream can hold the number.
    let hiding = entry(
        r#"{"resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-1"}},"x":1e400}"#,
    );
    let open =
        entry(r#"{"resource":{"resourceType":"Instance","instanceDetails":{"instanceId":"i-2"}}}"#);
    let outcomes = world.handle.put_events(&scope(), vec![hiding, open]).await;
    let outcomes = outcomes.expect("answered");
    assert!(
        matches!(outcomes[0], engine::EntryOutcome::Malformed { .. }),
        "{outcomes:?}"
    );
    assert!(
        matches!(outcomes[1], engine::EntryOutcome::Accepted { .. }),
        "{outcomes:?}"
    );
    world.settle().await;
    assert_eq!(world.incidents().await.len(), 1);
}

#[tokio::test]
async fn the_last_events_are_held_against_a_rule_when_asked() {
    let (world, _) = World::new().await;
    world.install(None).await;
    world.finding("i-1").await;
    let pattern = r#"{"source":["aws.guardduty"],"detail":{"severity":[9]}}"#;
    let pattern = rules::Pattern::parse(pattern).expect("a pattern");
    let here = scope();
    let found = world
        .handle
        .near_misses(&here, "default", &pattern, 5)
        .await;
    assert_eq!((found.looked_at, found.matching), (1, 0));
    let failed: Vec<_> = found.misses[0].explanation.failures().collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(
        failed[0].to_string(),
        "`detail.severity`: wanted 9, found 8"
    );
    // A bus without rules keeps nothing: clients can make names up.
    let entry = world
        .handle
        .near_misses(&scope(), "none", &pattern, 5)
        .await;
    assert_eq!(entry.looked_at, 0);
}
