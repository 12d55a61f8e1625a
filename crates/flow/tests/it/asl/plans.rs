//! Plans of state machines: whatever keeps a call from being shown is said.

mod bounds;
mod loops;

use std::collections::BTreeMap;
use std::sync::Arc;

use flow::asl::Context;
use flow::asl::plan::{Begin, Command, Input, Plan, Preview, step};
use model::effect::{Failure, Outcome, PreviewAsk};
use model::{EffectCommand, Scope};
use serde_json::{Value, json};
use uuid::Uuid;

fn context() -> Context {
    Context {
        id: Uuid::from_u128(7),
        scope: Scope::new("123456789012", "eu-west-1"),
        at: "2026-11-22T02:00:00Z".parse().expect("an instant"),
        entropy: [0; 32],
        budget: 1_000,
        definitions: Arc::default(),
    }
}

/// What the account answers: readings by their operation; anything else is only described.
type Account = BTreeMap<&'static str, Outcome>;

fn answer(account: &Account, ask: &PreviewAsk) -> Outcome {
    let PreviewAsk::Call { call, known, .. } = ask else {
        panic!("no scripts here");
    };
    let reads = ["describe", "Describe", "get", "Get", "list", "List"];
    let reads = reads.iter().any(|word| call.operation.starts_with(word));
    match account.get(call.operation.as_str()) {
        Some(outcome) if *known => outcome.clone(),
        _ => Outcome::Done {
            result: json!({"planned": {
                "service": call.service, "operation": call.operation,
                "impact": if reads { "NonMutating" } else { "Mutating" },
                "permissions": [],
            }}),
        },
    }
}

fn read(value: Value) -> Outcome {
    Outcome::Done {
        result: json!({"read": value}),
    }
}

/// Plays a plan to its end.
fn play(states: Value, input: &Value, account: &Account) -> Preview {
    let start = states
        .as_object()
        .and_then(|map| map.get("First").map(|_| "First"))
        .expect("a state `First`");
    let mut definition = json!({"StartAt": start, "States": states});
    if let Some(language) = definition["States"]
        .as_object_mut()
        .and_then(|map| map.remove("QueryLanguage"))
    {
        definition["QueryLanguage"] = language;
    }
    let begin = Begin {
        name: "m".to_owned(),
        arn: String::new(),
        definition: definition.to_string(),
        express: false,
        role_arn: String::new(),
        input: input.to_string(),
    };
    let cx = context();
    let mut made = step(None, Input::Start(Box::new(begin)), &cx).expect("a plan");
    let mut open = Vec::new();
    let mut turns = 0;
    loop {
        for command in made.commands.drain(..) {
            if let Command::Perform { effect, command } = command {
                open.push((effect, command));
            }
        }
        let Some((effect, command)) = open.pop() else {
            return made.state;
        };
        let EffectCommand::Preview(ask) = command else {
            panic!("a plan asks for nothing but previews");
        };
        let outcome = answer(account, &ask);
        made = step(Some(made.state), Input::Settled { effect, outcome }, &cx).expect("a turn");
        turns += 1;
        assert!(turns < 2_000, "it comes to an end");
    }
}

fn plan(states: Value, input: &Value, account: &Account) -> Plan {
    let preview = play(states, input, account);
    preview.summary().expect("a plan").clone()
}

fn task(resource: &str, parameters: Value, more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": parameters});
    for (name, value) in more.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    state
}

fn stop(more: Value) -> Value {
    task(
        "aws-sdk:ec2:stopInstances",
        json!({"InstanceIds.$": "States.Array($.target)"}),
        more,
    )
}

fn ask(more: Value) -> Value {
    task(
        "sqs:sendMessage.waitForTaskToken",
        json!({"QueueUrl": "q", "MessageBody": {"t.$": "$$.Task.Token"}}),
        more,
    )
}

/// What the calls of an operation would be called with.
fn params(plan: &Plan, operation: &str) -> Vec<Value> {
    let calls = plan.steps.iter().flat_map(|step| &step.calls);
    let of = calls.filter(|call| call.operation == operation);
    of.map(|call| call.params.clone()).collect()
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.step.as_str()).collect()
}

#[test]
fn a_way_of_a_failure_is_followed_behind_states_that_were_shown() {
    let states = json!({
        "First": stop(json!({"ResultPath": null, "Next": "Notify",
            "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Notify"}]})),
        "Notify": task("sns:publish", json!({"TopicArn": "t", "Message": "m"}), json!({"ResultPath": null, "Next": "Which"})),
        "Which": {"Type": "Choice", "Default": "Done",
            "Choices": [{"Variable": "$.error", "IsPresent": true, "Next": "Rollback"}]},
        "Rollback": task("aws-sdk:ec2:startInstances", json!({"InstanceIds.$": "States.Array($.target)"}), json!({"Next": "Done"})),
        "Done": {"Type": "Succeed"},
    });
    let plan = plan(states, &json!({"target": "i-1"}), &Account::new());
    assert_eq!(
        params(&plan, "StartInstances").len(),
        1,
        "{:?}",
        names(&plan)
    );
    let rollback = plan.steps.iter().find(|step| step.step == "Rollback");
    assert!(
        rollback
            .is_some_and(|step| step.when.as_deref() == Some("if First fails") && !step.certain)
    );
    let first = plan.steps.iter().find(|step| step.step == "Notify");
    assert!(
        first.is_some_and(|step| step.certain),
        "failures make nothing less certain"
    );
    assert!(plan.complete, "{:?}", plan.left_out);
}

/// A choice that only the run makes, of as many targets.
fn targets(count: usize) -> Value {
    let mut states = json!({
        "First": ask(json!({"Next": "Which"})),
        "Stop": stop(json!({"End": true})),
    });
    let rules: Vec<Value> = (0..count)
        .map(|n| json!({"Variable": "$.x", "NumericEquals": n, "Next": format!("T{n}")}))
        .collect();
    states["Which"] = json!({"Type": "Choice", "Default": "T0", "Choices": rules});
    for n in 0..count {
        states[format!("T{n}")] =
            json!({"Type": "Pass", "Result": {"target": format!("i-{n}")}, "Next": "Stop"});
    }
    states
}

#[test]
fn ways_that_meet_with_other_values_are_walked_with_each() {
    let two = plan(targets(2), &json!({}), &Account::new());
    let stops = params(&two, "StopInstances");
    assert_eq!(
        stops,
        [
            json!({"InstanceIds": ["i-0"]}),
            json!({"InstanceIds": ["i-1"]})
        ]
    );
    assert!(two.complete, "{:?}", two.left_out);
    let many = plan(targets(20), &json!({}), &Account::new());
    assert!(params(&many, "StopInstances").len() > 8);
    assert!(!many.complete, "not each target is shown");
    assert!(
        many.left_out[0].contains("more values"),
        "{:?}",
        many.left_out
    );
}

#[test]
fn a_reading_behind_a_change_of_the_same_way_is_not_taken_as_it_was() {
    // The second time the instance is another one, whatever the values that lead there.
    let states = json!({
        "QueryLanguage": "JSONata",
        "First": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:describeInstances",
            "Arguments": {"InstanceIds": ["i-12345678"]}, "Next": "Which", "Output": "{% $states.result.State %}"},
        "Which": {"Type": "Choice", "Choices": [{"Condition": "{% $states.input = 'running' %}", "Next": "Stop"}], "Default": "Tag"},
        "Stop": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:stopInstances",
            "Arguments": {"InstanceIds": ["i-12345678"]}, "Output": {}, "Next": "First"},
        "Tag": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:createTags",
            "Arguments": {"Resources": ["i-12345678"], "Tags": []}, "End": true},
    });
    let account = Account::from([("DescribeInstances", read(json!({"State": "running"})))]);
    let plan = plan(states, &json!({}), &account);
    assert_eq!(params(&plan, "CreateTags").len(), 1, "{:?}", names(&plan));
    assert!(plan.complete, "{:?}", plan.left_out);
}

#[test]
fn a_rule_that_fails_hides_no_way_before_it() {
    let states = |default: bool| {
        let mut states = json!({
            "First": ask(json!({"ResultPath": "$.answer", "Next": "Which"})),
            "Which": {"Type": "Choice", "Choices": [
                {"Variable": "$.answer.stop", "BooleanEquals": true, "Next": "Stop"},
                {"Variable": "$.missing", "StringEquals": "x", "Next": "Done"}]},
            "Stop": stop(json!({"Next": "Done"})),
            "Done": {"Type": "Succeed"},
        });
        if default {
            states["Which"]["Choices"]
                .as_array_mut()
                .expect("rules")
                .pop();
        }
        states
    };
    let input = json!({"target": "i-1"});
    let failing = plan(states(false), &input, &Account::new());
    assert_eq!(
        params(&failing, "StopInstances").len(),
        1,
        "{:?}",
        names(&failing)
    );
    assert!(
        failing
            .outcome
            .contains("SUCCEEDED, or FAILED: States.Runtime"),
        "{}",
        failing.outcome
    );
    let stop = failing.steps.iter().find(|step| step.step == "Stop");
    assert!(stop.is_some_and(|step| !step.certain));
    // Without a default a rule that may not apply leaves nowhere to go.
    let bare = plan(states(true), &input, &Account::new());
    assert!(
        bare.outcome.contains("States.NoChoiceMatched"),
        "{}",
        bare.outcome
    );
    let stop = bare.steps.iter().find(|step| step.step == "Stop");
    assert!(stop.is_some_and(|step| !step.certain));
}

#[test]
fn a_reading_of_the_run_may_fail_as_any_call() {
    let states = json!({
        "First": stop(json!({"ResultPath": null, "Next": "Look"})),
        "Look": task("aws-sdk:ec2:describeInstances", json!({"InstanceIds.$": "States.Array($.target)"}),
            json!({"Next": "Done", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]})),
        "Tell": task("sns:publish", json!({"TopicArn": "t", "Message": "m"}), json!({"Next": "Done"})),
        "Done": {"Type": "Succeed"},
    });
    let account = Account::from([("DescribeInstances", read(json!({})))]);
    let plan = plan(states, &json!({"target": "i-12345678"}), &account);
    assert_eq!(params(&plan, "Publish").len(), 1, "{:?}", names(&plan));
}

#[test]
fn each_error_of_a_block_leads_where_it_is_caught() {
    let fail = |error: &str| json!({"StartAt": error, "States": {error: {"Type": "Fail", "Error": error}}});
    let states = |caught: &[&str]| {
        let tell = |name: &str| {
            task(
                "sns:publish",
                json!({"TopicArn": name, "Message": "m"}),
                json!({"End": true}),
            )
        };
        let catch: Vec<Value> = caught
            .iter()
            .map(|error| json!({"ErrorEquals": [error], "Next": format!("Tell{error}")}))
            .collect();
        let mut states = json!({
            "First": {"Type": "Parallel", "Branches": [fail("One"), fail("Two")], "End": true, "Catch": catch},
        });
        for error in caught {
            states[format!("Tell{error}")] = tell(error);
        }
        states
    };
    let both = plan(states(&["One", "Two"]), &json!({}), &Account::new());
    let told: Vec<Value> = params(&both, "Publish")
        .iter()
        .map(|it| it["TopicArn"].clone())
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        both.steps
            .iter()
            .filter(|step| step.step != "First")
            .all(|step| step.step.len() == 3 || !step.certain)
    );
    let one = plan(states(&["Two"]), &json!({}), &Account::new());
    assert_eq!(params(&one, "Publish").len(), 1);
    assert!(one.outcome.contains("FAILED: One"), "{}", one.outcome);
}

#[test]
fn a_reading_that_cannot_be_made_is_asked_for_again_and_told() {
    let failed = |transient| {
        Outcome::Failed(Failure {
            code: "Throttling\u{e0f1}".to_owned(),
            message: "slow\u{e0f1} down".to_owned(),
            status: None,
            request_id: None,
            extended_request_id: None,
            shape: None,
            transient,
        })
    };
    let states = json!({
        "First": task("aws-sdk:ec2:describeInstances", json!({}), json!({"Next": "Done"})),
        "Done": {"Type": "Succeed"},
    });
    let account = Account::from([("DescribeInstances", failed(true))]);
    let busy = plan(states.clone(), &json!({}), &account);
    assert!(
        !busy.complete && names(&busy).contains(&"Done"),
        "{:?}",
        busy.left_out
    );
    let account = Account::from([("DescribeInstances", failed(false))]);
    let refused = plan(states, &json!({}), &account);
    assert!(refused.complete);
    assert!(
        !json!(refused).to_string().contains('\u{e0f1}'),
        "{}",
        refused.outcome
    );
    assert!(
        !refused.outcome.contains("known after the run"),
        "{}",
        refused.outcome
    );
}

#[test]
fn what_one_way_changes_is_nothing_to_another() {
    let look = |more| {
        task(
            "aws-sdk:ec2:describeInstances",
            json!({"InstanceIds.$": "States.Array($.target)"}),
            more,
        )
    };
    let states = json!({
        "First": ask(json!({"ResultPath": "$.answer", "Next": "Which"})),
        "Which": {"Type": "Choice", "Default": "Look", "Choices": [
            {"Variable": "$.answer.stop", "IsPresent": true, "Next": "Stop"}]},
        "Stop": stop(json!({"ResultPath": null, "Next": "Again"})),
        "Again": look(json!({"ResultPath": "$.seen", "Next": "Tell"})),
        "Look": look(json!({"ResultPath": "$.seen", "Next": "Tell"})),
        "Tell": task("sns:publish", json!({"TopicArn": "t", "Message.$": "$.seen.State"}), json!({"End": true})),
    });
    let account = Account::from([("DescribeInstances", read(json!({"State": "running"})))]);
    let plan = plan(states, &json!({"target": "i-1"}), &account);
    let told: Vec<String> = params(&plan, "Publish")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|it| it.contains("running")), "{told:?}");
    assert!(
        told.iter().any(|it| it.contains("known after the run")),
        "{told:?}"
    );
}

#[test]
fn a_machine_whose_arn_only_the_run_knows_leaves_the_plan_incomplete() {
    let parameters = json!({"StateMachineArn.$": "$.answer.machine"});
    let states = json!({
        "First": ask(json!({"ResultPath": "$.answer", "Next": "Start"})),
        "Start": task("states:startExecution", parameters, json!({"End": true})),
    });
    let plan = plan(states, &json!({}), &Account::new());
    assert!(!plan.complete);
    assert!(plan.left_out[0].contains("machine"), "{:?}", plan.left_out);
}

/// A web API is never called, whatever its method, and what it would do is not known.
#[test]
fn a_web_api_is_not_called_by_a_plan() {
    for parameters in [
        json!({"ApiEndpoint": "https://example.com/", "Method": "GET", "InvocationConfig": {"ConnectionArn": "c"}}),
        json!({"Method": "POST", "ApiEndpoint.$": "$.read"}),
    ] {
        let looks = task(
            "aws-sdk:ec2:describeTags",
            json!({}),
            json!({"ResultPath": "$.read", "Next": "Web"}),
        );
        let web = task(
            "http:invoke",
            parameters,
            json!({"ResultPath": "$.web", "Next": "Stop"}),
        );
        let states = json!({"First": looks, "Web": web, "Stop": stop(json!({"End": true}))});
        let found = plan(states, &json!({}), &Account::new());
        let call = found
            .steps
            .iter()
            .flat_map(|step| &step.calls)
            .find(|call| call.service == "http");
        let call = call.expect("the call");
        assert_eq!(json!(call)["impact"], "Undetermined");
        assert_eq!(params(&found, "invoke").len(), 1);
    }
}
