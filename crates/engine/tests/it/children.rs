//! Runs that start runs, and runs that wait for a place: through crashes at every commit, and over restarts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::{AskError, Input, Options, RunLimits};
use flow::automation::{Input as RunInput, Signal, SignalKind, StopKind};
use model::fleet::{RateControl, Target};
use model::report::StartRun;
use model::{AggregateId, AggregateKind, Recovery, Rejection, ids};
use ports::memory::{Faulty, Moment};
use ports::store::Query;
use ports::{ManualClock, MemoryStore};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Outside, World, call, request, scope, start_time};

/// Status, parent and document of all runs, in the order of their ids.
async fn runs(world: &World) -> Vec<(Uuid, String)> {
    let query = Query {
        kind: AggregateKind::Run,
        scope: scope(),
        index: None,
        before: None,
        limit: 100,
    };
    let stored = world.handle.list(query).await.expect("listed");
    let mut runs = Vec::new();
    for one in stored {
        let run = world.run_view(one.id.id).await;
        runs.push((one.id.id, run.status().as_str().to_owned()));
    }
    runs.sort();
    runs
}

async fn documents(world: &World) {
    let child = json!([call("Launch", "RunInstances"), call("Tag", "CreateTags")]);
    world.document("Child", child).await;
    let sub = |document: &str| json!({"name": "Sub", "action": "aws:executeAutomation", "inputs": {"DocumentName": document}});
    let parent = json!([sub("Child"), call("After", "DescribeInstances")]);
    world.document("Parent", parent).await;
    world.document("Orphan", json!([sub("Nowhere")])).await;
    let text = json!({
        "schemaVersion": "0.3", "parameters": {"Instance": {"type": "String"}},
        "mainSteps": [call("Launch", "RunInstances")],
    });
    world.document_text("Each", "JSON", text.to_string()).await;
}

fn outside() -> Arc<Outside> {
    let outside = Outside::default();
    let token = Recovery::RepeatWithToken {
        lifetime_secs: 86_400,
    };
    *outside.classes.lock().expect("no panic held it") =
        BTreeMap::from([("RunInstances".to_owned(), token)]);
    Arc::new(outside)
}

/// All runs at the end, and the tokens of all launches.
type Ending = (Vec<(Uuid, String)>, BTreeSet<Uuid>);

async fn ending(world: &World) -> Ending {
    let seen = world.outside.seen.lock().expect("no panic held it").clone();
    let launches = seen.into_iter().filter(|(name, _)| name == "RunInstances");
    (
        runs(world).await,
        launches.map(|(_, token)| token).collect(),
    )
}

/// The run of `request` with a crash at commit `number`; none for 0. Answers the ending and how many commits there were.
async fn story(request: &StartRun, number: u64, moment: Moment) -> (Ending, u64) {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = outside();
    let setup = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    documents(&setup).await;
    setup.engine.stop().await;
    let faulty = Arc::new(if number == 0 {
        Faulty::counting(Arc::clone(&store))
    } else {
        Faulty::crashing(Arc::clone(&store), number, moment)
    });
    let first = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    let id = ids::named(&["first"]);
    let accepted = first.start(id, request.clone()).await.is_ok();
    first.settle().await;
    if !faulty.crashed() {
        return (ending(&first).await, faulty.commits());
    }
    first.kill();
    let second = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    if !accepted && runs(&second).await.is_empty() {
        second.start(id, request.clone()).await.expect("started");
    }
    second.settle().await;
    (ending(&second).await, faulty.commits())
}

async fn at_every_commit(request: StartRun, (count, launches): (usize, usize)) {
    let (calm, commits) = story(&request, 0, Moment::Before).await;
    assert_eq!(calm.0.len(), count, "{calm:?}");
    assert!(
        calm.0.iter().all(|(_, status)| status == "Success"),
        "{calm:?}"
    );
    assert_eq!(calm.1.len(), launches);
    for number in 1..=commits {
        for moment in [Moment::Before, Moment::After] {
            let (ending, _) = story(&request, number, moment).await;
            assert_eq!(
                ending, calm,
                "crash {moment:?} commit {number} of {commits}"
            );
        }
    }
}

#[tokio::test]
async fn a_child_is_started_once_whenever_the_process_dies() {
    at_every_commit(request("Parent"), (2, 1)).await;
}

fn each(values: &[&str]) -> StartRun {
    let mut wish = request("Each");
    wish.rate = RateControl {
        parameter: Some("Instance".to_owned()),
        targets: vec![Target {
            key: "ParameterValues".to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }],
        max_concurrency: Some("2".to_owned()),
        ..RateControl::default()
    };
    wish
}

#[tokio::test]
async fn each_target_is_run_for_once_whenever_the_process_dies() {
    at_every_commit(each(&["i-1", "i-2", "i-3", "i-4"]), (5, 4)).await;
}

#[tokio::test]
async fn an_unknown_child_is_told_by_the_step() {
    let (world, _) = World::new().await;
    documents(&world).await;
    let id = ids::named(&["orphan"]);
    world.run(id, "Orphan").await.expect("started");
    world.settle().await;
    let run = world.run_view(id).await;
    assert_eq!(run.status().as_str(), "Failed");
    let message = run.failure_message().expect("a reason");
    assert!(
        message.contains("`Nowhere`") && message.contains("CreateDocument"),
        "{message}"
    );
}

async fn stop(world: &World, id: Uuid) {
    let input = RunInput::Stop {
        kind: StopKind::Cancel,
        by: "ana".to_owned(),
    };
    let (to, scope) = (AggregateId::run(id), scope());
    let asked = world.handle.ask(to, &scope, Input::Run(Box::new(input)));
    asked.await.expect("stopped");
    world.settle().await;
}

#[tokio::test]
async fn a_stop_reaches_the_children() {
    let (world, _) = World::new().await;
    world
        .document(
            "Child",
            json!([{"name": "Wait", "action": "aws:pause", "inputs": {}}]),
        )
        .await;
    let sub = json!([{"name": "Sub", "action": "aws:executeAutomation", "inputs": {"DocumentName": "Child"}}]);
    world.document("Parent", sub).await;
    let id = ids::named(&["parent"]);
    world.run(id, "Parent").await.expect("started");
    world.settle().await;
    assert_eq!(runs(&world).await.len(), 2);
    stop(&world, id).await;
    let all = runs(&world).await;
    assert!(
        all.iter().all(|(_, status)| status == "Cancelled"),
        "{all:?}"
    );
}

fn limits() -> Options {
    Options {
        runs: RunLimits {
            concurrent: 2,
            queued: 2,
            ..RunLimits::default()
        },
        ..Options::default()
    }
}

async fn resume(world: &World, id: Uuid) {
    let signal = Signal {
        kind: SignalKind::Resume,
        payload: BTreeMap::new(),
        by: "ana".to_owned(),
        agreed: None,
    };
    let input = Input::Run(Box::new(RunInput::Signal(signal)));
    world
        .handle
        .ask(AggregateId::run(id), &scope(), input)
        .await
        .expect("resumed");
    world.settle().await;
}

async fn statuses(world: &World, names: &[Uuid]) -> Vec<String> {
    let mut statuses = Vec::new();
    for id in names {
        statuses.push(world.run_view(*id).await.status().as_str().to_owned());
    }
    statuses
}

#[tokio::test]
async fn the_queue_is_served_in_order_over_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = outside();
    let world = World::with(
        Arc::clone(&store),
        Arc::clone(&outside),
        clock.clone(),
        limits(),
    )
    .await;
    let pause: Value = json!([{"name": "Wait", "action": "aws:pause", "inputs": {}}]);
    world.document("Pause", pause).await;
    let names: Vec<Uuid> = (1..=5)
        .map(|n| ids::named(&["queue", &n.to_string()]))
        .collect();
    for id in &names[..4] {
        world.run(*id, "Pause").await.expect("accepted");
        world.settle().await;
        clock.advance(std::time::Duration::from_secs(1));
    }
    let refused = world.run(names[4], "Pause").await;
    assert!(
        matches!(refused, Err(AskError::Rejected(Rejection::Quota { .. }))),
        "{refused:?}"
    );
    assert_eq!(
        statuses(&world, &names[..4]).await,
        ["Waiting", "Waiting", "Pending", "Pending"]
    );
    // A run that is refused for another reason takes no place.
    let lost = world.run(ids::named(&["lost"]), "Nowhere").await;
    assert!(lost.is_err());

    world.kill();
    let world = World::with(
        Arc::clone(&store),
        Arc::clone(&outside),
        clock.clone(),
        limits(),
    )
    .await;
    world.settle().await;
    assert_eq!(
        statuses(&world, &names[..4]).await,
        ["Waiting", "Waiting", "Pending", "Pending"]
    );
    assert!(
        world.run(names[4], "Pause").await.is_err(),
        "the queue is still full"
    );
    resume(&world, names[1]).await;
    assert_eq!(
        statuses(&world, &names[..4]).await,
        ["Waiting", "Success", "Waiting", "Pending"]
    );
    // There is room to wait in again; one that is stopped while it waits leaves the queue.
    world.run(names[4], "Pause").await.expect("accepted");
    stop(&world, names[3]).await;
    resume(&world, names[0]).await;
    let expected = ["Success", "Success", "Waiting", "Cancelled", "Waiting"];
    assert_eq!(statuses(&world, &names).await, expected);
}

/// The process dies when a place has become free and before who waits has been told.
#[tokio::test]
async fn a_place_that_became_free_at_the_end_of_a_process_is_given_at_the_next_start() {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = outside();
    let setup = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    setup
        .document(
            "Pause",
            json!([{"name": "Wait", "action": "aws:pause", "inputs": {}}]),
        )
        .await;
    setup.engine.stop().await;
    let one = Options {
        runs: RunLimits {
            concurrent: 1,
            ..RunLimits::default()
        },
        ..Options::default()
    };
    let names = ["a", "b"].map(|name| ids::named(&["place", name]));
    // Commits: two starts, the first one's end; the fourth would begin the second run.
    let faulty = Arc::new(Faulty::crashing(Arc::clone(&store), 4, Moment::Before));
    let first = World::with(
        Arc::clone(&faulty),
        Arc::clone(&outside),
        clock.clone(),
        one,
    )
    .await;
    for id in names {
        first.run(id, "Pause").await.expect("accepted");
    }
    resume(&first, names[0]).await;
    assert!(faulty.crashed());
    first.kill();
    let second = World::with(Arc::clone(&store), outside, clock, one).await;
    second.settle().await;
    assert_eq!(statuses(&second, &names).await, ["Success", "Waiting"]);
}
