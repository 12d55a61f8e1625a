//! Executions of which one call is made twice: who makes it again, and whether they end the same.

use flow::asl::rehearsal::mocks::Mocks;
use flow::asl::rehearsal::repeat::{By, Class, Repetition, Script};
use flow::asl::rehearsal::{Made, Reply, rehearse};
use serde_json::{Value, json};

fn class(made: &Made) -> Class {
    match made.call.as_str() {
        "activity" => Class::Worker,
        "sns:Publish" => Class::Asks,
        "ec2:CreateTags" => Class::Idempotent,
        "ec2:CreateSecurityGroup" => Class::Lookup,
        "ec2:RunInstances" => Class::Token("clientToken".to_owned()),
        _ => Class::Reads,
    }
}

/// The repetitions of a machine whose calls are answered by `answers`; `repeats` is a mock by the name of its state.
fn repeated(
    (first, states): (&str, &Value),
    repeats: &Value,
    answers: &dyn Fn(&str, u64) -> Value,
) -> Vec<Repetition> {
    let definition = json!({"StartAt": first, "States": states}).to_string();
    let named = repeats.as_object().into_iter().flatten();
    let named = named.map(|(state, _)| (state.clone(), json!(state)));
    let file = json!({
        "StateMachines": {"m": {}}, "MockedResponses": repeats,
        "Repeats": {"m": Value::Object(named.collect())},
    });
    let mocks = Mocks::parse(&file.to_string()).expect("a mock configuration");
    let mut answers = |state: &str, call: u64| Ok(Reply::Return(answers(state, call)));
    let machine = ("m", definition.as_str(), false);
    let base = rehearse(machine, "{}", &mut answers).expect("an end");
    let script = Script {
        machine,
        input: "{}",
        class: &class,
        repeats: &|state| mocks.repeat("m", state),
    };
    script.each(&base, &mut answers)
}

fn task(action: &str, more: &Value) -> Value {
    let mut task = json!({"Type": "Task", "Resource": format!("arn:aws:states:::aws-sdk:{action}"), "End": true, "Parameters": {}});
    for (field, value) in more.as_object().into_iter().flatten() {
        task[field] = value.clone();
    }
    task
}

fn retry() -> Value {
    json!([{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 2}])
}

/// A machine of one state: who repeats its call, and what is said against that.
fn judged(state: &Value) -> (By, String) {
    let found = repeated(("Only", &json!({"Only": state})), &json!({}), &|_, _| {
        json!({})
    });
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    (one.by, one.unmet.join("; "))
}

#[test]
fn who_repeats_a_call_depends_on_its_retry_and_its_class() {
    let lab = json!({"Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:lab", "End": true});
    assert_eq!(judged(&lab).0, By::Worker);
    for (action, by, says) in [
        ("ec2:createTags", By::Server, None),
        (
            "ec2:createSecurityGroup",
            By::Server,
            Some("which is not looked up"),
        ),
        (
            "ec2:runInstances",
            By::Server,
            Some("`clientToken` is not given"),
        ),
        ("sns:publish", By::Person, Some("it takes no token")),
    ] {
        let found = judged(&task(action, &json!({})));
        assert_eq!(found, (by, String::new()), "{action}");
        let (by_now, against) = judged(&task(action, &json!({"Retry": retry()})));
        assert_eq!(by_now, By::Retry, "{action}");
        assert_eq!(against.is_empty(), says.is_none(), "{action}: {against}");
        assert!(against.contains(says.unwrap_or_default()), "{against}");
    }
    // What is retried only when it is refused, or not at all, is not done twice.
    for retrier in [
        json!({"ErrorEquals": ["States.TaskFailed"]}),
        json!({"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}),
    ] {
        let state = task("sns:publish", &json!({"Retry": [retrier]}));
        assert_eq!(judged(&state), (By::Person, String::new()));
    }
}

#[test]
fn a_token_must_be_the_same_in_the_call_of_a_retry() {
    let of = |token: &str| {
        let more = json!({"Retry": retry(), "Parameters": {"ClientToken.$": token}});
        judged(&task("ec2:runInstances", &more)).1
    };
    assert_eq!(of("$$.Execution.Id"), "");
    let against = of("States.UUID()");
    assert!(
        against.contains("`clientToken` is another one in each call"),
        "{against}"
    );
}

#[test]
fn what_the_repeat_is_answered_may_lead_elsewhere() {
    let exists =
        json!({"Make": {"0-9": {"Throw": {"Error": "Ec2.Duplicate", "Cause": "it exists"}}}});
    let make = |to: &str| {
        let catch = json!([{"ErrorEquals": ["Ec2.Duplicate"], "ResultPath": null, "Next": to}]);
        let make = json!({"Retry": retry(), "Catch": catch, "ResultPath": null, "Next": "Done", "End": null});
        let mut make = task("ec2:createSecurityGroup", &make);
        make.as_object_mut().map(|make| make.remove("End"));
        let mut states = json!({"Make": make, "Done": {"Type": "Succeed"}});
        match to {
            "Lost" => states[to] = json!({"Type": "Fail", "Error": "Lost"}),
            "Other" => states[to] = task("ec2:createTags", &json!({"ResultPath": null})),
            _ => {}
        }
        states
    };
    for (to, says) in [
        ("Done", ""),
        ("Lost", "status was SUCCEEDED, is FAILED"),
        (
            "Other",
            "what else it changes was , is ec2:CreateTags (Other)",
        ),
    ] {
        let found = repeated(("Make", &make(to)), &exists, &|_, _| json!({}));
        assert_eq!(
            found[0].unmet.first().map_or("", String::as_str),
            says,
            "{to}"
        );
    }
}

#[test]
fn times_and_random_values_are_no_difference() {
    let ids = json!({"Retry": retry(), "ResultSelector": {"answer.$": "$.n", "id.$": "States.UUID()", "at.$": "$$.State.EnteredTime"}});
    let found = repeated(
        (
            "Read",
            &json!({"Read": task("ec2:describeInstances", &ids)}),
        ),
        &json!({}),
        &|_, call| json!({"n": call}),
    );
    assert_eq!((found[0].by, &found[0].unmet), (By::Retry, &Vec::new()));
    let other = json!({"Read": {"0": {"Return": {"n": 7}}}});
    let found = repeated(
        (
            "Read",
            &json!({"Read": task("ec2:describeInstances", &ids)}),
        ),
        &other,
        &|_, call| json!({"n": call}),
    );
    assert!(found[0].unmet[0].starts_with("output was"), "{found:?}");
}

#[test]
fn items_of_a_map_keep_their_answers() {
    let each = json!({"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {
        "StartAt": "Tag", "States": {"Tag": task("ec2:createTags", &json!({"Retry": retry()}))}}});
    let items = json!({"Type": "Pass", "Result": {"items": [1, 2, 3]}, "Next": "Each"});
    let states = json!({"Begin": items, "Each": each});
    let found = repeated(
        ("Begin", &states),
        &json!({}),
        &|_, call| json!({"n": call}),
    );
    assert_eq!((found[0].by, &found[0].unmet), (By::Retry, &Vec::new()));
}

#[test]
fn a_retry_around_a_call_does_all_of_it_again() {
    let branch = |name: &str, state: Value| json!({"StartAt": name, "States": {name: state}});
    let both = |retry: Value| {
        json!({"Both": {"Type": "Parallel", "End": true, "Retry": retry, "Branches": [
            branch("Tell", task("sns:publish", &json!({}))), branch("Read", task("ec2:describeInstances", &json!({})))]}})
    };
    let of = |states: &Value| -> Vec<(String, By, bool)> {
        let found = repeated(("Both", states), &json!({}), &|_, _| json!({}));
        let told = found.into_iter();
        told.map(|one| (one.state, one.by, one.unmet.is_empty()))
            .collect()
    };
    let (tell, read) = ("Tell".to_owned(), "Read".to_owned());
    assert_eq!(
        of(&both(retry())),
        [
            (tell.clone(), By::Retry, false),
            (read.clone(), By::Retry, false)
        ],
        "reading again tells again"
    );
    assert_eq!(
        of(&both(json!([]))),
        [(tell, By::Person, true), (read, By::Server, true)]
    );
}
