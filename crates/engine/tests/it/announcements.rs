//! Events of executions: told once for each change of status, whatever dies in between.

use std::sync::Arc;
use std::time::Duration;

use engine::Input;
use flow::asl::{self, Start};
use model::AggregateId;
use model::bus::{BUS, RULE, Rule};
use model::plan::{RESPONSE_PLAN, ResponsePlan};
use ports::memory::{Faulty, Moment};
use ports::{ManualClock, MemoryStore};
use response::incident::Incident;
use serde_json::json;

use crate::world::{Outside, World, put, scope, start_time};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:m";

/// A rule that opens an incident for each change of status, and one that leads to a second bus.
async fn install(world: &World) {
    let plan: ResponsePlan = serde_json::from_value(json!({
        "name": "told", "incidentTemplate": {"title": "An execution", "impact": 1, "dedupeString": "{{ event.id }}"},
        "engagements": [], "actions": [],
    }))
    .expect("a plan");
    let rule: Rule = serde_json::from_value(json!({
        "name": "told", "bus": "default", "state": "ENABLED",
        "event_pattern": "{\"source\":[\"aws.states\"]}",
        "targets": {"plan": {"Id": "plan", "Arn": "arn:aws:ssm-incidents::123456789012:response-plan/told"}},
    }))
    .expect("a rule");
    let further: Rule = serde_json::from_value(json!({
        "name": "further", "bus": "default", "state": "ENABLED",
        "event_pattern": "{\"source\":[\"aws.states\"]}",
        "targets": {"bus": {"Id": "bus", "Arn": "arn:aws:events:us-east-1:123456789012:event-bus/second"}},
    }))
    .expect("a rule");
    let changes = vec![
        put(scope(), BUS, "second", json!({"name": "second"})),
        put(scope(), RULE, "default/further", json!(further)),
        put(scope().global(), RESPONSE_PLAN, "told", json!(plan)),
        put(scope(), RULE, "default/told", json!(rule)),
    ];
    world.put(changes).await;
}

fn begin() -> (AggregateId, Input) {
    let definition = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
    let execution = MACHINE.replace("stateMachine", "execution");
    let start: Start = serde_json::from_value(json!({
        "name": "e", "arn": format!("{execution}:e"), "machine_arn": MACHINE, "machine_name": "m",
        "definition": definition.to_string(), "express": false, "role_arn": "arn:aws:iam::123456789012:role/r",
        "input": "{}",
    }))
    .expect("a start");
    let input = asl::Input::Start(Box::new(start));
    let to = AggregateId::execution_of(&scope(), "m", "e");
    (to, Input::Execution(Box::new(input)))
}

async fn ask(world: &World) -> bool {
    let (to, input) = begin();
    world.handle.ask(to, &scope(), input).await.is_ok()
}

/// How many events were told, and how many commits it took.
async fn story(number: u64, moment: Moment) -> (u32, u64) {
    let (store, outside) = (Arc::new(MemoryStore::new()), Arc::<Outside>::default());
    let clock = ManualClock::new(start_time());
    let first = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    install(&first).await;
    first.engine.stop().await;
    let faulty = Arc::new(if number == 0 {
        Faulty::counting(Arc::clone(&store))
    } else {
        Faulty::crashing(Arc::clone(&store), number, moment)
    });
    let second = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    let _ = ask(&second).await;
    second.settle().await;
    let last = if faulty.crashed() {
        second.kill();
        clock.advance(Duration::from_secs(1));
        let third = World::on(Arc::clone(&store), outside, clock).await;
        // Whoever was told nothing asks again; what has ended is not begun anew.
        let _ = ask(&third).await;
        third.settle().await;
        third
    } else {
        second
    };
    let incidents = last.incidents().await;
    let told = incidents
        .into_iter()
        .map(|stored| Incident::restore(stored.frames));
    let triggers = told.map(|incident| incident.expect("an incident").triggers);
    (triggers.sum(), faulty.commits())
}

#[tokio::test]
async fn a_crash_at_any_commit_loses_and_doubles_no_event() {
    let (told, commits) = story(0, Moment::Before).await;
    assert_eq!(told, 2, "the beginning and the end");
    for number in 1..=commits {
        for moment in [Moment::Before, Moment::After] {
            let (told, _) = story(number, moment).await;
            assert_eq!(told, 2, "crash {moment:?} commit {number} of {commits}");
        }
    }
}

/// Whoever begins what there is already is answered by a decision that comes to nothing.
#[tokio::test]
async fn what_is_not_committed_is_neither_counted_nor_shown() {
    let (first, store) = World::new().await;
    install(&first).await;
    assert!(ask(&first).await);
    first.settle().await;
    assert_eq!(first.handle.event_counts().seen, 2);
    let pattern = rules::Pattern::parse(r#"{"source":["aws.states"]}"#).expect("a pattern");
    let looked_at = async |world: &World, bus: &str| {
        let scope = scope();
        let misses = world.handle.near_misses(&scope, bus, &pattern, 10);
        misses.await.looked_at
    };
    for bus in ["default", "second"] {
        assert_eq!(looked_at(&first, bus).await, 2, "{bus}");
    }
    first.engine.stop().await;
    // A new process knows of no execution until it looks.
    let clock = ManualClock::new(start_time());
    let second = World::on(store, Arc::default(), clock).await;
    assert!(!ask(&second).await, "it has ended");
    second.settle().await;
    assert_eq!(second.handle.event_counts().seen, 0);
    for bus in ["default", "second"] {
        assert_eq!(looked_at(&second, bus).await, 0, "{bus}");
    }
}
