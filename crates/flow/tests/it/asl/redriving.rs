//! Redriving: what had succeeded is not done again, wherever the failure was and however the execution was stored since.

use flow::asl::{Input, Settlement, Status};
use serde_json::{Value, json};

use super::telling::broken;
use super::world::{World, start};

fn world(definition: &Value, input: &Value) -> World {
    let start = start(definition, input);
    World::run(start, 3).expect("a machine")
}

fn call(members: Value) -> Value {
    let resource = "arn:aws:states:::aws-sdk:sqs:getQueueUrl";
    let mut state = json!({"Type": "Task", "Resource": resource});
    for (member, value) in members.as_object().expect("members") {
        state[member] = value.clone();
    }
    state
}

/// Ends the call whose parameter is `name`.
fn end(world: &mut World, name: &str, good: bool) {
    use model::effect::Outcome;
    let at = world
        .calls
        .iter()
        .position(|(_, call)| call.params["QueueName"] == name);
    let (effect, _) = world
        .calls
        .remove(at.unwrap_or_else(|| panic!("no call for {name}")));
    let outcome = if good {
        Outcome::Done {
            result: json!({"QueueUrl": name}),
        }
    } else {
        broken()
    };
    world.tell(Input::Effect { effect, outcome });
}

fn redrive(world: &mut World) {
    let token = Some("t".to_owned());
    world.tell(Input::Redrive {
        token,
        by_map_run: false,
    });
}

fn count(world: &World, kind: &str) -> usize {
    world
        .history
        .iter()
        .filter(|event| event["type"] == kind)
        .count()
}

fn pending(world: &World) -> Vec<&str> {
    let mut names: Vec<&str> = world
        .calls
        .iter()
        .filter_map(|(_, call)| call.params["QueueName"].as_str())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn a_failed_state_works_again_with_its_input_and_variables() {
    let retry = json!([{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]);
    let first =
        json!({"Type": "Pass", "Assign": {"kept": "k"}, "Result": {"n": "one"}, "Next": "Call"});
    let second = call(
        json!({"Parameters": {"QueueName.$": "$.n"}, "Retry": retry, "ResultPath": "$.r", "Next": "End"}),
    );
    let last = json!({"Type": "Pass", "Parameters": {"kept.$": "$kept", "count.$": "$$.Execution.RedriveCount"}, "End": true});
    let machine =
        json!({"StartAt": "First", "States": {"First": first, "Call": second, "End": last}});
    let mut world = world(&machine, &json!({}));
    for _ in 0..2 {
        end(&mut world, "one", false);
    }
    assert_eq!(world.execution.status(), Status::Failed);
    redrive(&mut world);
    assert_eq!(world.execution.status(), Status::Running);
    // Retries count from the beginning.
    end(&mut world, "one", false);
    assert_eq!(world.execution.status(), Status::Running);
    end(&mut world, "one", true);
    assert_eq!(world.execution.output(), Some(r#"{"kept":"k","count":1}"#));
    assert_eq!(count(&world, "PassStateEntered"), 2);
    assert_eq!(count(&world, "TaskStateEntered"), 1);
    let ids: Vec<u64> = world
        .history
        .iter()
        .filter_map(|event| event["id"].as_u64())
        .collect();
    assert_eq!(
        ids,
        (1..=u64::try_from(ids.len()).expect("a number")).collect::<Vec<_>>()
    );
}

#[test]
fn only_what_failed_of_a_map_is_done_again() {
    let each = call(
        json!({"Parameters": {"QueueName.$": "$"}, "ResultSelector": {"u.$": "$.QueueUrl"}, "End": true}),
    );
    let map = json!({"Type": "Map", "MaxConcurrency": 2, "End": true, "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}}});
    let machine = json!({"StartAt": "Map", "States": {"Map": map}});
    let mut world = world(&machine, &json!(["a", "b", "c", "d"]));
    end(&mut world, "a", true);
    assert_eq!(pending(&world), ["b", "c"]);
    end(&mut world, "b", false);
    assert_eq!(world.execution.status(), Status::Failed);
    // What was under way may still be answered: nobody listens.
    end(&mut world, "c", true);
    redrive(&mut world);
    assert_eq!(pending(&world), ["b", "c"]);
    for name in ["c", "b", "d"] {
        end(&mut world, name, true);
    }
    let want = r#"[{"u":"a"},{"u":"b"},{"u":"c"},{"u":"d"}]"#;
    assert_eq!(world.execution.output(), Some(want));
    assert_eq!(count(&world, "MapStateEntered"), 1);
}

#[test]
fn a_branch_that_succeeded_is_not_done_again_and_a_stop_can_be_taken_back() {
    let branch = |name: &str| {
        let state = call(json!({"Parameters": {"QueueName": name}, "End": true}));
        json!({"StartAt": name, "States": {name: state}})
    };
    let both = json!({"Type": "Parallel", "Branches": [branch("x"), branch("y")], "End": true});
    let machine = json!({"StartAt": "Both", "States": {"Both": both}});
    let mut world = world(&machine, &json!({}));
    end(&mut world, "x", true);
    let (error, cause) = (None, None);
    world.tell(Input::Stop { error, cause });
    assert_eq!(world.execution.status(), Status::Aborted);
    world.calls.clear();
    redrive(&mut world);
    assert_eq!(pending(&world), ["y"]);
    end(&mut world, "y", false);
    redrive(&mut world);
    end(&mut world, "y", true);
    assert_eq!(world.execution.status(), Status::Succeeded);
    assert_eq!(world.execution.redrives().0, 2);
    let late = world.execution.not_redrivable(world.at).expect("a reason");
    assert_eq!(late, "Execution is SUCCEEDED and cannot be redriven");
}

#[test]
fn a_wait_and_a_token_are_begun_anew() {
    let ask = json!({
        "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
        "Parameters": {"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}},
    });
    let machine = json!({"StartAt": "Ask", "TimeoutSeconds": 60, "States": {"Ask": ask}});
    let mut world = world(&machine, &json!({}));
    let token = |world: &mut World| {
        let (effect, call) = world.calls.pop().expect("a call");
        let body: Value =
            serde_json::from_str(call.params["MessageBody"].as_str().expect("a text"))
                .expect("JSON");
        (effect, body["t"].as_str().expect("a token").to_owned())
    };
    let (effect, first) = token(&mut world);
    let result = json!({"MessageId": "m"});
    world.tell(Input::Effect {
        effect,
        outcome: model::effect::Outcome::Done { result },
    });
    assert_eq!(world.execution.status(), Status::TimedOut);
    let ended = world.at;
    redrive(&mut world);
    let (_, second) = token(&mut world);
    assert_ne!(first, second);
    world.calls.clear();
    world.tell(Input::Token {
        token: second,
        word: Settlement::Succeeded { output: json!(1) },
    });
    assert_eq!(world.execution.output(), Some("1"));
    assert!(world.at >= ended);
}

#[test]
fn a_state_that_failed_at_its_own_end_keeps_what_its_branches_brought() {
    let branch = |name: &str| {
        let state = call(json!({"Parameters": {"QueueName": name}, "End": true}));
        json!({"StartAt": name, "States": {name: state}})
    };
    let both = json!({"Type": "Parallel", "Branches": [branch("x"), branch("y")], "End": true,
        "ResultSelector": {"gone.$": "$[2]"}});
    let machine = json!({"StartAt": "Both", "States": {"Both": both}});
    let mut failed = world(&machine, &json!({}));
    end(&mut failed, "x", true);
    end(&mut failed, "y", true);
    let cause = failed.execution.failure().1.map(str::to_owned);
    redrive(&mut failed);
    // Nothing is called again, and it fails where it failed: before, it waited for ever.
    assert!(failed.calls.is_empty());
    assert_eq!(failed.execution.status(), Status::Failed);
    assert_eq!(failed.execution.failure().1, cause.as_deref());
}

#[test]
fn an_iteration_that_cannot_be_begun_leaves_the_others_at_work() {
    let each = call(json!({"Parameters": {"QueueName.$": "$.n"}, "End": true}));
    let map = json!({"Type": "Map", "MaxConcurrency": 2, "End": true,
        "ItemSelector": {"n.$": "States.ArrayGetItem($$.Map.Item.Value, 0)"},
        "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}}});
    let machine = json!({"StartAt": "Map", "States": {"Map": map}});
    let mut world = world(&machine, &json!([["a"], ["b"], []]));
    end(&mut world, "a", true);
    assert_eq!(world.execution.status(), Status::Failed);
    world.calls.clear();
    redrive(&mut world);
    // The first iteration is done, the second is done again, the third cannot be begun.
    assert_eq!(pending(&world), ["b"]);
    end(&mut world, "b", true);
    assert_eq!(world.execution.status(), Status::Failed);
    redrive(&mut world);
    assert_eq!(world.execution.status(), Status::Failed, "it says so again");
}
