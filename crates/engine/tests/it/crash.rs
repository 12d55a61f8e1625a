//! Crash at every commit: the outcome is that of the crash-free run, and what the outside sees twice is allowed to be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Recovery;
use ports::memory::{Faulty, Moment};
use ports::{ManualClock, MemoryStore};
use serde_json::{Value, json};

use crate::world::{Answer, Outside, World, call, start_time};

/// One operation of each recovery class.
fn steps() -> Value {
    json!([
        call("Read", "DescribeInstances"),
        call("Tag", "CreateTags"),
        call("Snap", "CreateSnapshot"),
        call("Launch", "RunInstances"),
        call("Again", "DescribeInstances"),
    ])
}

/// Twelve steps of many kinds: calls of each class, a decision, a variable, a script, a loop, a wait.
fn twelve() -> Value {
    let step = |name: &str, action: &str, inputs: Value| json!({ "name": name, "action": format!("aws:{action}"), "inputs": inputs });
    let choice =
        json!({ "NextStep": "Tag", "Variable": "{{ Read.State }}", "StringEquals": "running" });
    let mut read = call("Read", "DescribeInstances");
    read["outputs"] = json!([{ "Name": "State", "Selector": "$.State", "Type": "String" }]);
    let inner = call("Inner", "PutParameter");
    json!([
        read,
        step(
            "Check",
            "assertAwsResourceProperty",
            json!({ "Service": "ec2", "Api": "DescribeInstances", "PropertySelector": "$.State", "DesiredValues": ["running"] })
        ),
        step(
            "Decide",
            "branch",
            json!({ "Choices": [choice], "Default": "Wrong" })
        ),
        call("Wrong", "DeleteEverything"),
        call("Tag", "CreateTags"),
        step(
            "Remember",
            "updateVariable",
            json!({ "Name": "variable:seen", "Value": "{{ Read.State }}" })
        ),
        call("Snap", "CreateSnapshot"),
        step(
            "Wait",
            "waitForAwsResourceProperty",
            json!({ "Service": "ec2", "Api": "DescribeInstances", "PropertySelector": "$.State", "DesiredValues": ["running"] })
        ),
        step(
            "Compute",
            "executeScript",
            json!({ "Runtime": "python3.11", "Handler": "f", "Script": "def f(e, c): pass", "InputPayload": { "a": "{{ variable:seen }}" } })
        ),
        step(
            "Repeat",
            "loop",
            json!({ "Iterators": ["a", "b"], "Steps": [inner] })
        ),
        call("Launch", "RunInstances"),
        call("Mark", "CreateTags"),
        step(
            "Stop",
            "changeInstanceState",
            json!({ "InstanceIds": ["i-1"], "DesiredState": "stopped", "CheckStateOnly": false })
        ),
        call("Again", "DescribeInstances"),
    ])
}

fn outside() -> Arc<Outside> {
    let outside = Outside::default();
    *outside.classes.lock().expect("no panic held it") = BTreeMap::from([
        ("CreateSnapshot".to_owned(), Recovery::Probe),
        (
            "RunInstances".to_owned(),
            Recovery::RepeatWithToken {
                lifetime_secs: 86_400,
            },
        ),
    ]);
    let instance = json!({
        "State": "running",
        "Reservations": [{ "Instances": [{ "InstanceId": "i-1", "State": { "Name": "stopped" } }] }],
    });
    outside.answer("DescribeInstances", Answer::Done(instance));
    Arc::new(outside)
}

/// What must be the same with and without a crash.
#[derive(Debug, PartialEq)]
struct Ending {
    incidents: usize,
    runs: Vec<String>,
    snapshots: usize,
    launches: usize,
    /// How many different effects of each kind the outside saw.
    effects: BTreeMap<String, usize>,
}

async fn ending(world: &World) -> Ending {
    let mut runs = Vec::new();
    for stored in world.all(model::AggregateKind::Run).await {
        runs.push(
            world
                .run_view(stored.id.id)
                .await
                .status()
                .as_str()
                .to_owned(),
        );
    }
    let mut tokens: BTreeMap<String, BTreeSet<_>> = BTreeMap::new();
    let seen = world.outside.seen.lock().expect("no panic held it").clone();
    for (name, token) in seen {
        tokens.entry(name).or_default().insert(token);
    }
    let effects: BTreeMap<String, usize> = tokens
        .into_iter()
        .map(|(name, tokens)| (name, tokens.len()))
        .collect();
    Ending {
        incidents: world.incidents().await.len(),
        runs,
        snapshots: world.outside.count("CreateSnapshot"),
        launches: effects.get("RunInstances").copied().unwrap_or_default(),
        effects,
    }
}

/// The story with a crash at commit `number`; none for 0. Answers the ending and how many commits there were.
async fn story(steps: &Value, number: u64, moment: Moment) -> (Ending, u64) {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = outside();
    let faulty = if number == 0 {
        Faulty::counting(Arc::clone(&store))
    } else {
        Faulty::crashing(Arc::clone(&store), number, moment)
    };
    let faulty = Arc::new(faulty);
    let world = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    // What was set up before is not part of the story: it goes through the whole store.
    let setup = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    let content = json!({
        "schemaVersion": "0.3",
        "variables": { "seen": { "type": "String", "default": "" } },
        "mainSteps": steps,
    });
    setup
        .document_text("Contain", "JSON", content.to_string())
        .await;
    setup.install(Some("Contain")).await;
    setup.engine.stop().await;
    world.kill();
    world.engine.stop().await;

    let first = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    first.finding("i-1").await;
    let accepted = !store_is_empty(&store).await;
    first.settle().await;
    if !faulty.crashed() {
        return (ending(&first).await, faulty.commits());
    }
    first.kill();
    let second = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    if !accepted && second.incidents().await.is_empty() && inbox_is_empty(&store).await {
        // The finding was not acknowledged: its sender sends it again.
        second.finding("i-1").await;
    }
    second.settle().await;
    (ending(&second).await, faulty.commits())
}

async fn store_is_empty(store: &MemoryStore) -> bool {
    store.commits() <= 2
}

async fn inbox_is_empty(store: &MemoryStore) -> bool {
    use ports::Store;
    store.inbox(0, 1).await.expect("read").is_empty()
}

#[tokio::test]
async fn at_every_commit_before_and_after() {
    every_commit(&steps(), 8).await;
}

#[tokio::test]
async fn at_every_commit_of_twelve_steps_before_and_after() {
    every_commit(&twelve(), 16).await;
}

async fn every_commit(steps: &Value, at_least: u64) {
    let (calm, commits) = story(steps, 0, Moment::Before).await;
    assert_eq!(calm.incidents, 1);
    assert_eq!(calm.runs, ["Success"]);
    assert_eq!((calm.snapshots, calm.launches), (1, 1));
    assert!(commits >= at_least, "the story has {commits} commits");
    for number in 1..=commits {
        for moment in [Moment::Before, Moment::After] {
            let (ending, _) = story(steps, number, moment).await;
            assert_eq!(
                ending, calm,
                "crash {moment:?} commit {number} of {commits}"
            );
        }
    }
}
