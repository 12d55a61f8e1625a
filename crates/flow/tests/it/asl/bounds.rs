//! Definitions that would run for ever or fill the memory: each ends with an error that says so.

use flow::asl::{Input, Status};
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use super::world::{World, start};

fn run(definition: &Value, input: &Value) -> World {
    World::run(start(definition, input), 100_000).expect("it starts")
}

fn map(items: &str, more: Value, states: Value) -> Value {
    let first = states.as_object().and_then(|all| all.keys().next());
    let mut state = json!({
        "Type": "Map", "ItemsPath": items, "End": true,
        "ItemProcessor": {"StartAt": first, "States": states},
    });
    for (name, value) in more.as_object().expect("members") {
        state[name] = value.clone();
    }
    state
}

fn pass() -> Value {
    json!({"P": {"Type": "Pass", "End": true}})
}

fn machine(state: Value) -> Value {
    json!({"StartAt": "M", "States": {"M": state}})
}

#[track_caller]
fn failed(world: &World, error: &str, cause: &str) {
    assert_eq!(world.execution.status(), Status::Failed);
    let last = world.history.last().expect("an event");
    let told = &last["executionFailedEventDetails"];
    assert_eq!(told["error"], error, "{last}");
    let text = told["cause"].as_str().unwrap_or_default();
    assert!(text.contains(cause), "{text}");
}

#[test]
fn a_task_that_is_tried_for_ever_ends_with_its_history() {
    let retry = json!([{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 99_999_999}]);
    let state = json!({
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:describeInstances",
        "Parameters": {}, "Retry": retry, "End": true,
    });
    // Most of the history is filled at once.
    let mut fill = map("$", json!({"ResultPath": null, "Next": "M"}), pass());
    fill.as_object_mut().expect("a state").remove("End");
    let definition = json!({"StartAt": "Fill", "States": {"Fill": fill, "M": state}});
    let items: Vec<u32> = (0..6_230).collect();
    let mut world = run(&definition, &json!(items));
    while let Some((effect, _)) = world.calls.pop() {
        let outcome = Outcome::Failed(Failure {
            code: "UnauthorizedOperation".to_owned(),
            message: "no".to_owned(),
            status: Some(403),
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient: false,
        });
        world.tell(Input::Effect { effect, outcome });
    }
    failed(&world, "States.Runtime", "maximum number of history events");
    assert!(world.history.len() <= 25_000, "{}", world.history.len());
}

#[test]
fn an_inline_map_begins_forty_iterations_at_once_however_many_are_asked_for() {
    let wait = json!({"P": {"Type": "Wait", "Seconds": 10, "End": true}});
    let more = json!({"MaxConcurrency": 10_000});
    let items: Vec<u32> = (0..100).collect();
    let world = run(&machine(map("$", more, wait)), &json!(items));
    assert_eq!(world.execution.status(), Status::Succeeded);
    let (mut runs, mut most) = (0_i32, 0);
    for event in &world.history {
        match event["type"].as_str() {
            Some("MapIterationStarted") => runs += 1,
            Some("MapIterationSucceeded") => runs -= 1,
            _ => {}
        }
        most = most.max(runs);
    }
    assert_eq!(most, 40);
}

#[test]
fn maps_within_maps_run_no_more_than_an_execution_is_given_room_for() {
    let wait = json!({"P": {"Type": "Wait", "Seconds": 10, "End": true}});
    let mut state = map("$$.Execution.Input", json!({}), wait);
    for name in ["A", "B", "C"] {
        state = map("$$.Execution.Input", json!({}), json!({name: state}));
    }
    let items: Vec<u32> = (0..40).collect();
    let world = run(&machine(state), &json!(items));
    failed(&world, "States.DataLimitExceeded", "run already");
}

#[test]
fn results_that_no_memory_is_given_for_fail_their_map() {
    let large = "x".repeat(250_000);
    let states = json!({"P": {"Type": "Pass", "Result": large, "End": true}});
    let items: Vec<u32> = (0..200).collect();
    let more = json!({"ResultPath": null});
    let world = run(&machine(map("$", more, states)), &json!(items));
    failed(&world, "States.DataLimitExceeded", "bytes together");
}

#[test]
fn a_map_of_more_items_than_a_history_holds_ends() {
    let items: Vec<u32> = (0..60_000).collect();
    let more = json!({"MaxConcurrency": 100_000});
    let input = json!({"n": 0});
    let definition = json!({"StartAt": "Make", "States": {
        "Make": {"Type": "Pass", "Result": [], "Next": "M"},
        "M": map("$", more, pass()),
    }});
    let mut definition = definition;
    definition["States"]["Make"]["Result"] = json!(items.iter().map(|_| 0).collect::<Vec<_>>());
    let world = run(&definition, &input);
    failed(&world, "States.Runtime", "maximum number of history events");
    assert!(world.history.len() <= 25_000, "{}", world.history.len());
}
