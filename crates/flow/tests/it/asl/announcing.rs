//! What the account's bus is told of executions.

use flow::asl::{Announcement, Input};
use serde_json::{Value, json};

use super::telling::broken;
use super::world::{World, start};

const EXECUTION: &str = "arn:aws:states:us-east-1:111111111111:execution:m:e";

fn pass(members: &Value) -> Value {
    let mut state = json!({"Type": "Pass", "End": true});
    for (member, value) in members.as_object().expect("members") {
        state[member] = value.clone();
    }
    json!({"StartAt": "P", "States": {"P": state}})
}

fn waiting() -> Value {
    json!({"StartAt": "T", "States": {"T": {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        "Parameters": {"QueueName": "q"}, "End": true}}})
}

fn details(world: &World) -> Vec<Value> {
    let read = |told: &Announcement| serde_json::from_str(&told.detail).expect("a detail");
    world.announced.iter().map(read).collect()
}

fn statuses(world: &World) -> Vec<String> {
    let all = details(world);
    let all = all.iter().map(|detail| detail["status"].as_str());
    all.map(|it| it.expect("a status").to_owned()).collect()
}

fn run(definition: &Value, input: &Value) -> World {
    World::run(start(definition, input), 100).expect("a machine")
}

#[test]
fn each_change_of_status_is_told_once() {
    let world = run(&pass(&json!({"Result": {"done": true}})), &json!({"n": 1}));
    let told = details(&world);
    let at = world.execution.times();
    let millis = |at: Option<jiff::Timestamp>| at.map(jiff::Timestamp::as_millisecond);
    let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:m";
    let running = json!({
        "executionArn": EXECUTION, "stateMachineArn": machine, "name": "e", "status": "RUNNING",
        "startDate": at.0.as_millisecond(), "stopDate": null,
        "input": "{\"n\":1}", "inputDetails": {"included": true}, "output": null, "outputDetails": null,
        "stateMachineVersionArn": null, "stateMachineAliasArn": null,
        "redriveCount": 0, "redriveDate": null, "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven", "error": null, "cause": null,
    });
    let mut succeeded = running.clone();
    succeeded["status"] = json!("SUCCEEDED");
    succeeded["stopDate"] = json!(millis(at.1));
    succeeded["output"] = json!("{\"done\":true}");
    succeeded["outputDetails"] = json!({"included": true});
    succeeded["redriveStatusReason"] = json!("Execution is SUCCEEDED and cannot be redriven");
    assert_eq!(told, [running, succeeded]);
    let resources = |told: &Announcement| told.resources == [EXECUTION];
    assert!(world.announced.iter().all(resources));
    assert_ne!(world.announced[0].id, world.announced[1].id);
}

#[test]
fn a_failed_execution_is_told_of_with_its_error_and_again_when_it_is_redriven() {
    let mut world = run(&waiting(), &json!({}));
    let (effect, _) = world.calls.pop().expect("a call");
    let outcome = broken();
    world.tell(Input::Effect { effect, outcome });
    let failed = details(&world).pop().expect("an end");
    assert_eq!(failed["error"], "Sqs.SqsException", "{failed}");
    assert!(
        failed["cause"]
            .as_str()
            .is_some_and(|cause| cause.starts_with("broken"))
    );
    assert_eq!(failed["redriveStatus"], "REDRIVABLE");
    assert_eq!(failed["redriveStatusReason"], Value::Null);
    world.tell(Input::Redrive {
        token: None,
        by_map_run: false,
    });
    world.tell(Input::Stop {
        error: None,
        cause: None,
    });
    assert_eq!(
        statuses(&world),
        ["RUNNING", "FAILED", "RUNNING", "ABORTED"]
    );
    let ids: std::collections::BTreeSet<_> = world.announced.iter().map(|told| told.id).collect();
    assert_eq!(ids.len(), 4, "two events have one id");
    assert_eq!(details(&world)[2]["redriveCount"], 1);
}

#[test]
fn express_executions_are_not_told_of() {
    let mut express = start(&pass(&json!({})), &json!({}));
    express.express = true;
    let world = World::run(express, 100).expect("a machine");
    assert!(world.announced.is_empty());
}

/// More than 248 KB of escaped text do not fit into an event: first the input is left out.
#[test]
fn what_is_too_large_is_left_out() {
    for (input, output, kept) in [
        (100_000, 100_000, (true, true)),
        (130_000, 130_000, (false, true)),
        (100, 254_500, (false, false)),
    ] {
        let long = |length: usize| "x".repeat(length);
        let world = run(&pass(&json!({"Result": long(output)})), &json!(long(input)));
        let told = details(&world).pop().expect("an end");
        assert_eq!(told["inputDetails"]["included"], kept.0, "{input}");
        assert_eq!(told["outputDetails"]["included"], kept.1, "{output}");
        assert_eq!(told["input"].is_string(), kept.0, "{input}");
        assert_eq!(told["output"].is_string(), kept.1, "{output}");
    }
}

/// A cause may be as long as a payload: it is cut, and counts as the other data does.
#[test]
fn a_long_cause_leaves_the_event_small_enough_for_its_targets() {
    let fail = json!({"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "E", "CausePath": "$.why"}}});
    for (why, kept) in [("x".repeat(230_000), false), ("\"".repeat(32_768), true)] {
        let world = run(&fail, &json!({ "why": why }));
        let last = world.announced.last().expect("an end");
        assert!(last.detail.len() < 256 * 1024, "{}", last.detail.len());
        let told = details(&world).pop().expect("an end");
        assert_eq!(told["cause"], why[..32_768]);
        assert_eq!(told["inputDetails"]["included"], kept);
    }
}
