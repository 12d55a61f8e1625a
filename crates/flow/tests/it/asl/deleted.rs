//! Executions whose machine is deleted: what is at work comes to its end, no further state is entered.

use flow::asl::{Input, Status};
use model::effect::Outcome;
use serde_json::{Value, json};

use super::telling::broken;
use super::world::{World, start};

const CAUSE: &str = "State machine m has been deleted.";

fn call(more: Value) -> Value {
    let resource = "arn:aws:states:::aws-sdk:sqs:getQueueUrl";
    let mut state = json!({"Type": "Task", "Resource": resource, "Parameters": {"QueueName": "q"}, "Next": "P"});
    for (member, value) in more.as_object().expect("members") {
        state[member] = value.clone();
    }
    state
}

fn world(states: Value) -> World {
    let definition = json!({"StartAt": "T", "States": states});
    World::run(start(&definition, &json!({})), 100).expect("a machine")
}

fn answer(world: &mut World, outcome: Outcome) {
    let (effect, _) = world.calls.pop().expect("a call");
    world.tell(Input::Effect { effect, outcome });
}

fn done() -> Outcome {
    let result = json!({});
    Outcome::Done { result }
}

fn kinds(world: &World) -> Vec<&str> {
    let kinds = world.history.iter().map(|event| event["type"].as_str());
    kinds.map(Option::unwrap_or_default).collect()
}

fn assert_deleted(world: &World) {
    let last = world.history.last().expect("an event");
    assert_eq!(world.execution.status(), Status::Failed, "{last}");
    let told = &last["executionFailedEventDetails"];
    assert_eq!(*told, json!({"error": "States.Runtime", "cause": CAUSE}));
    let why = world.execution.not_redrivable(world.at);
    assert_eq!(why.as_deref(), Some("State machine is in DELETING status"));
}

#[test]
fn what_is_at_work_ends_and_nothing_is_begun_after_it() {
    let everything = json!(["States.ALL"]);
    let retry = json!([{"ErrorEquals": everything, "IntervalSeconds": 1, "MaxAttempts": 5}]);
    let catch = json!([{"ErrorEquals": everything, "Next": "P"}]);
    let cases = [
        ("it succeeds", json!({}), done(), "TaskStateExited"),
        (
            "its error is caught",
            json!({"Catch": catch}),
            broken(),
            "TaskStateExited",
        ),
        (
            "its error is retried",
            json!({"Retry": retry}),
            broken(),
            "TaskFailed",
        ),
    ];
    for (case, more, outcome, before) in cases {
        let mut world = world(json!({"T": call(more), "P": {"Type": "Succeed"}}));
        world.tell(Input::MachineDeleted);
        assert_eq!(world.execution.status(), Status::Running, "{case}");
        answer(&mut world, outcome);
        assert_deleted(&world);
        let kinds = kinds(&world);
        assert_eq!(kinds[kinds.len() - 2], before, "{case}");
        assert!(world.calls.is_empty(), "{case}");
    }
}

#[test]
fn who_is_in_the_last_state_may_succeed() {
    let mut last = call(json!({"End": true}));
    last.as_object_mut().expect("a state").remove("Next");
    let mut world = world(json!({"T": last}));
    world.tell(Input::MachineDeleted);
    answer(&mut world, done());
    assert_eq!(world.execution.status(), Status::Succeeded);
    // Who has ended is not told any more.
    let events = world.history.len();
    world.tell(Input::MachineDeleted);
    assert_eq!(
        (world.execution.status(), world.history.len()),
        (Status::Succeeded, events)
    );
}

#[test]
fn the_first_branch_that_would_go_on_ends_all() {
    let branch = |call_name: &str, after: &str| {
        let called = call(json!({"Next": after}));
        json!({"StartAt": call_name, "States": {call_name: called, after: {"Type": "Pass", "End": true}}})
    };
    let branches = [branch("A", "B"), branch("C", "D")];
    let mut world = world(json!({"T": {"Type": "Parallel", "Branches": branches, "End": true}}));
    world.tell(Input::MachineDeleted);
    answer(&mut world, done());
    assert_deleted(&world);
    // What the other branch's call brings comes too late.
    answer(&mut world, done());
    assert_deleted(&world);
}
