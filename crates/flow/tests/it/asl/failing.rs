//! How tasks fail: the names of errors, time limits, and the events of what a failure cuts off.

use flow::asl::{Input, Settlement, Status};
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use super::cases::records;
use super::compare::{Rules, differences, opened};
use super::world::{World, start};

pub(super) fn world(definition: &Value, input: &Value) -> World {
    let start = start(definition, input);
    World::run(start, 10).expect("a machine")
}

pub(super) fn one(state: Value) -> Value {
    json!({"StartAt": "S", "States": {"S": state}})
}

pub(super) fn task(resource: &str) -> Value {
    json!({"Type": "Task", "Resource": resource, "Parameters": {}, "End": true})
}

fn with(mut state: Value, members: &Value) -> Value {
    for (member, value) in members.as_object().expect("members") {
        state[member] = value.clone();
    }
    state
}

/// Ends the call that was asked for last with an error of its service.
pub(super) fn refuse(world: &mut World, code: &str, shape: Option<&str>) {
    let (effect, _) = world.calls.pop().expect("a call");
    let failure = Failure {
        code: code.to_owned(),
        message: "no".to_owned(),
        status: Some(400),
        request_id: Some("r".to_owned()),
        extended_request_id: None,
        shape: shape.map(str::to_owned),
        transient: false,
    };
    let outcome = Outcome::Failed(failure);
    world.tell(Input::Effect { effect, outcome });
}

/// Types and what each follows, from an event on.
fn since<'a>(world: &'a World, kind: &str) -> Vec<(&'a str, u64)> {
    let events = world.history.iter();
    let events = events.skip_while(|event| event["type"] != kind);
    events
        .map(|event| {
            let kind = event["type"].as_str().unwrap_or_default();
            (kind, event["previousEventId"].as_u64().unwrap_or_default())
        })
        .collect()
}

#[test]
fn a_missed_heartbeat_has_a_name_of_its_own_and_is_a_time_out_as_well() {
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    for (limits, errors, caught) in [
        (
            json!({"HeartbeatSeconds": 5}),
            "States.HeartbeatTimeout",
            true,
        ),
        (json!({"HeartbeatSeconds": 5}), "States.Timeout", true),
        (json!({"HeartbeatSeconds": 5}), "States.TaskFailed", false),
        (
            json!({"TimeoutSeconds": 5}),
            "States.HeartbeatTimeout",
            false,
        ),
        (json!({"TimeoutSeconds": 5}), "States.Timeout", true),
    ] {
        let catch = json!({"Catch": [{"ErrorEquals": [errors], "Next": "Caught"}]});
        let states = json!({
            "S": with(with(task(resource), &limits), &catch),
            "Caught": {"Type": "Pass", "End": true},
        });
        let mut world = world(&json!({"StartAt": "S", "States": states}), &json!({}));
        let (effect, _) = world.calls.pop().expect("a call");
        let outcome = Outcome::Done { result: json!({}) };
        world.tell(Input::Effect { effect, outcome });
        let status = if caught {
            Status::Succeeded
        } else {
            Status::Failed
        };
        assert_eq!(world.execution.status(), status, "{limits} {errors}");
        let kinds = since(&world, "TaskTimedOut");
        assert_eq!(kinds.len(), if caught { 5 } else { 2 });
        let shown = world
            .history
            .iter()
            .find_map(|event| event["taskTimedOutEventDetails"]["error"].as_str());
        // As recorded: the event says the same of both.
        assert_eq!(shown, Some("States.Timeout"));
    }
}

#[test]
fn calls_last_as_long_as_the_state_and_the_service_allow() {
    for (resource, limit, wanted) in [
        ("lambda:invoke", None, 915),
        ("lambda:invoke", Some(900), 905),
        ("lambda:invoke", Some(99_999), 915),
        ("lambda:invoke", Some(3), 8),
        ("aws-sdk:lambda:invoke", None, 915),
        ("aws-sdk:sfn:startSyncExecution", None, 315),
        ("aws-sdk:s3:getObject", None, 60),
        ("aws-sdk:s3:getObject", Some(20), 25),
        ("aws-sdk:s3:getObject", Some(900), 300),
    ] {
        let limit = limit.map_or(json!({}), |limit| json!({"TimeoutSeconds": limit}));
        let state = with(task(&format!("arn:aws:states:::{resource}")), &limit);
        let world = world(&one(state), &json!({}));
        let (_, call) = world.calls.first().expect("a call");
        assert_eq!(call.timeout_secs, wanted, "{resource} {limit}");
    }
}

#[test]
fn a_call_that_begins_nothing_to_wait_for_was_not_submitted() {
    for (resource, kind) in [
        ("states:startExecution.sync", "TaskSubmitFailed"),
        ("sqs:sendMessage.waitForTaskToken", "TaskSubmitFailed"),
        ("sqs:sendMessage", "TaskFailed"),
    ] {
        let definition = one(task(&format!("arn:aws:states:::{resource}")));
        let mut refused = world(&definition, &json!({}));
        refuse(&mut refused, "AccessDenied", None);
        assert_eq!(since(&refused, kind), [(kind, 4), ("ExecutionFailed", 5)]);
        let member = format!("t{}EventDetails", &kind[1..]);
        let details = &refused.history[4][&member];
        assert_eq!(
            details["resource"],
            resource.split(':').next_back().expect("an action")
        );
        assert_eq!(details["error"], json!(refused.execution.failure().0));
        // Time that is up is no refusal.
        let mut late = world(&definition, &json!({}));
        refuse(&mut late, "Timeout", None);
        assert_eq!(since(&late, "TaskTimedOut").len(), 2);
    }
}

const CALL: &str = "arn:aws:states:::aws-sdk:sqs:getQueueUrl";

fn branch(states: Value) -> Value {
    let first = states
        .as_object()
        .and_then(|all| all.keys().next())
        .cloned();
    json!({"StartAt": first, "States": states})
}

#[test]
fn a_failing_branch_cuts_off_the_others_where_they_are() {
    let nested = json!({"Type": "Parallel", "End": true, "Branches": [branch(json!({"Deep": {"Type": "Wait", "Seconds": 900, "End": true}}))]});
    let definition = one(json!({"Type": "Parallel", "End": true, "Branches": [
        branch(json!({"Nap": {"Type": "Wait", "Seconds": 900, "End": true}})),
        branch(json!({"Over": {"Type": "Pass", "End": true}})),
        branch(json!({"Around": nested})),
        branch(json!({"Call": task(CALL)})),
    ]}));
    let mut world = world(&definition, &json!({}));
    refuse(&mut world, "Broken", None);
    let failed = event(&world, "TaskFailed");
    let wanted = [
        "TaskStateAborted",
        "WaitStateAborted",
        "ParallelStateAborted",
        "WaitStateAborted",
        "ParallelStateFailed",
    ];
    let found = since(&world, "TaskStateAborted");
    let (last, cut) = found.split_last().expect("events");
    assert_eq!(cut, wanted.map(|kind| (kind, failed)));
    assert_eq!(
        *last,
        ("ExecutionFailed", event(&world, "ParallelStateFailed"))
    );
    assert!(cut.iter().all(|(kind, _)| !kind.starts_with("Pass")));
}

#[test]
fn a_failing_iteration_cuts_off_the_others_before_it_is_told_of() {
    let processor = json!({"StartAt": "Route", "States": {
        "Route": {"Type": "Choice", "Default": "Call", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "Nap"}]},
        "Nap": {"Type": "Wait", "Seconds": 900, "End": true},
        "Call": task(CALL),
    }});
    let map = json!({"Type": "Map", "ItemProcessor": processor, "End": true});
    let mut failing = world(&one(map.clone()), &json!([1, 2]));
    refuse(&mut failing, "Broken", None);
    let failed = event(&failing, "TaskFailed");
    let found = since(&failing, "TaskStateAborted");
    let wanted = [
        ("TaskStateAborted", failed),
        ("MapIterationAborted", failed),
        ("WaitStateAborted", failed),
        ("MapIterationFailed", failed),
        ("MapStateFailed", failed),
        ("ExecutionFailed", event(&failing, "MapStateFailed")),
    ];
    assert_eq!(found, wanted);
    let index = |kind: &str, member: &str| {
        let events = failing.history.iter();
        let found = events.clone().find(|event| event["type"] == kind);
        found.map(|event| event[member]["index"].clone())
    };
    let aborted = index("MapIterationAborted", "mapIterationAbortedEventDetails");
    let told = index("MapIterationFailed", "mapIterationFailedEventDetails");
    assert_eq!((aborted, told), (Some(json!(0)), Some(json!(1))));
    // A fault of the definition cuts off without a word.
    let mut broken = map;
    broken["ItemProcessor"]["States"]["Call"] =
        json!({"Type": "Pass", "InputPath": "$.nosuch", "End": true});
    let broken = world(&one(broken), &json!([1, {}]));
    assert_eq!(broken.execution.failure().0, Some("States.Runtime"));
    let (last, before) = broken.history.split_last().expect("events");
    assert_eq!(last["type"], "ExecutionFailed");
    assert!(before.iter().all(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        !kind.ends_with("Aborted") && !kind.ends_with("Failed")
    }));
}

#[test]
fn an_iteration_that_cannot_begin_ends_those_that_have() {
    let map = json!({"Type": "Map", "ItemsPath": "$.items", "ItemSelector": {"n.$": "$$.Map.Item.Value.n"},
        "ItemProcessor": branch(json!({"Nap": {"Type": "Wait", "Seconds": 900, "End": true}})),
        "Catch": [{"ErrorEquals": ["States.Runtime"], "Next": "Caught"}], "End": true});
    let caught = json!({"Type": "Wait", "Seconds": 1, "End": true});
    let definition = json!({"StartAt": "Map", "States": {"Map": map, "Caught": caught}});
    let world = world(&definition, &json!({"items": [{"n": 1}, {}]}));
    assert_eq!(world.execution.status(), Status::Succeeded);
    let began: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().expect("an instant");
    // The first iteration's long sleep was not waited for, nor did it wake again.
    assert_eq!(world.at.duration_since(began).as_secs(), 1);
}

fn event(world: &World, kind: &str) -> u64 {
    let found = world.history.iter().find(|event| event["type"] == kind);
    found
        .and_then(|event| event["id"].as_u64())
        .unwrap_or_default()
}

/// The recorded failure of a branch, with the recorded answer of its function.
#[test]
fn recorded_failures_of_branches_are_as_on_the_service() {
    let Some(folder) = crate::cases("asl") else {
        return;
    };
    let mut compared = 0;
    for record in records(&folder) {
        let id = record["id"].as_str().unwrap_or_default();
        if !id.contains("test_parallel_catch_error") {
            continue;
        }
        let expected = record["expect"]["history"].as_array().expect("a history");
        let failed = expected
            .iter()
            .find_map(|event| event["taskFailedEventDetails"].as_object())
            .expect("a failure");
        let mut world = world(&record["definition"], &record["input"]);
        let (effect, _) = world.calls.pop().expect("a call");
        // The function failed: its answer holds the error.
        let payload = failed["cause"].to_string();
        let result = json!({"FunctionError": "Unhandled", "StatusCode": 200, "Payload": payload});
        world.tell(Input::Effect {
            effect,
            outcome: Outcome::Done { result },
        });
        let mut observed = world.history.clone();
        // The record leaves out the event of the Parallel's failure, and how those within it hang together.
        let last = observed
            .iter()
            .position(|it| it["type"] == "ParallelStateFailed");
        let last = last.expect("a failure");
        observed.remove(last);
        let kinds = |events: &[Value]| -> Vec<String> {
            let kinds = events.iter().map(|event| event["type"].to_string());
            let mut kinds: Vec<String> = kinds.collect();
            kinds.sort_unstable();
            kinds
        };
        assert_eq!(kinds(&observed), kinds(expected), "{id}");
        let rules = Rules::of(&record);
        let tail = opened(&json!({"events": observed[last..]}));
        let wanted = json!({"events": expected[last..]});
        let lines = differences(&wanted, &tail, &rules);
        assert!(lines.is_empty(), "{id}: {lines:#?}");
        compared += 1;
    }
    assert_eq!(compared, 2);
}

#[test]
fn what_branches_and_iterations_begin_with_is_as_large_as_any_input_at_most() {
    let copies = json!({"a.$": "$", "b.$": "$", "c.$": "$"});
    let parallel = json!({"Type": "Parallel", "Parameters": copies, "Branches": [branch(json!({"P": {"Type": "Pass", "End": true}}))]});
    let map = json!({"Type": "Map", "ItemsPath": "$.items", "ItemSelector": copies, "ItemProcessor": branch(json!({"P": {"Type": "Pass", "End": true}}))});
    let caught = json!({"Type": "Pass", "InputPath": null, "End": true});
    for state in [parallel, map] {
        for (length, error, next) in [
            (200_000, Some("States.DataLimitExceeded"), None),
            // Characters of two bytes.
            (60_000, Some("States.DataLimitExceeded"), None),
            (200_000, None, Some("States.DataLimitExceeded")),
            (30_000, None, None),
        ] {
            let mut state = with(
                state.clone(),
                &json!({"Next": "Caught", "ResultPath": null}),
            );
            if let Some(named) = next {
                state["Catch"] =
                    json!([{"ErrorEquals": [named], "Next": "Caught", "ResultPath": null}]);
            }
            let states = json!({"S": state, "Caught": caught});
            let letter = if length == 60_000 { "é" } else { "e" };
            let input = json!({"text": letter.repeat(length), "items": [1]});
            let world = world(&json!({"StartAt": "S", "States": states}), &input);
            assert_eq!(world.execution.failure().0, error, "{length}");
        }
    }
}

#[test]
fn a_word_of_a_worker_may_bear_the_name_of_a_missed_heartbeat() {
    let resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";
    let asks = json!({"Parameters": {"Token.$": "$$.Task.Token"}, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]});
    let states = json!({"S": with(task(resource), &asks), "Caught": {"Type": "Pass", "End": true}});
    let mut world = world(&json!({"StartAt": "S", "States": states}), &json!({}));
    let (effect, call) = world.calls.pop().expect("a call");
    let token = call.params["Token"].as_str().expect("a token").to_owned();
    let outcome = Outcome::Done { result: json!({}) };
    world.tell(Input::Effect { effect, outcome });
    let error = Some("States.HeartbeatTimeout".to_owned());
    let word = Settlement::Failed { error, cause: None };
    world.tell(Input::Token { token, word });
    assert_eq!(world.execution.status(), Status::Succeeded);
}

/// As recorded from the service: only the event has no cause.
#[test]
fn a_caught_time_out_has_an_empty_cause() {
    let catch = json!({"TimeoutSeconds": 5, "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Caught"}]});
    let states = json!({"S": with(task("arn:aws:states:::aws-sdk:sqs:listQueues"), &catch), "Caught": {"Type": "Pass", "End": true}});
    let mut world = world(&json!({"StartAt": "S", "States": states}), &json!({}));
    refuse(&mut world, "Timeout", None);
    let shown = json!({"Error": "States.Timeout", "Cause": ""});
    let output = world.execution.output().expect("an output");
    assert_eq!(serde_json::from_str::<Value>(output).ok(), Some(shown));
}
