//! Taking executions back: what is read around a changing call, and the run that brings the state back.

use std::collections::BTreeSet;

use flow::asl::undo::{Kept, plan};
use flow::asl::{Input, Settlement, Start, Status};
use flow::automation;
use flow::automation::undo::UndoPlan;
use model::effect::{Failure, Outcome};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{World, start};
use crate::undo::World as Account;

fn task(resource: &str, arguments: Value, next: Option<&str>) -> Value {
    let mut state = json!({
        "Type": "Task", "Resource": format!("arn:aws:states:::{resource}"), "Parameters": arguments,
        "ResultPath": null,
    });
    match next {
        Some(next) => state["Next"] = json!(next),
        None => state["End"] = json!(true),
    }
    state
}

fn put(text: &str, next: Option<&str>) -> Value {
    let arguments = json!({"Bucket": "b", "Policy": text});
    task("aws-sdk:s3:putBucketPolicy", arguments, next)
}

fn protect(on: bool, next: Option<&str>) -> Value {
    let arguments = json!({"InstanceId": "i-1", "DisableApiTermination": {"Value": on}});
    task("aws-sdk:ec2:modifyInstanceAttribute", arguments, next)
}

fn one(state: Value) -> Value {
    json!({"StartAt": "A", "States": {"A": state}})
}

fn kept(definition: &Value) -> Start {
    Start {
        capture: true,
        ..start(definition, &json!({}))
    }
}

/// Answers what is asked until the execution asks no more.
fn play(world: &mut World, account: &mut Account) {
    while let Some((effect, call)) = world.calls.pop() {
        let outcome = account.call(&call);
        let more = world.step(Input::Effect { effect, outcome });
        world.go_on(more);
    }
}

fn run(definition: &Value, account: &mut Account) -> World {
    let mut world = World::run(kept(definition), 1_000).expect("it starts");
    play(&mut world, account);
    world
}

fn planned(world: &World, accept: &[&str]) -> UndoPlan {
    let accept: BTreeSet<String> = accept.iter().map(|&name| name.to_owned()).collect();
    let kept = Kept::restore(world.kept()).expect("frames");
    plan(&world.execution, (&kept, &world.history), &accept, "me").expect("a plan")
}

fn told(plan: &UndoPlan) -> Vec<(&str, &str, &str)> {
    let steps = plan.steps.iter();
    steps
        .map(|step| (step.step.as_str(), step.call.as_str(), step.how.as_str()))
        .collect()
}

fn take_back(world: &World, accept: &[&str], account: &mut Account) -> automation::Run {
    account.run(planned(world, accept).start.expect("something"), 2)
}

#[test]
fn the_state_is_read_before_and_after_and_the_history_says_nothing_of_it() {
    let mut account = Account::default();
    let world = run(&one(put("x", None)), &mut account);
    assert_eq!(world.execution.status(), Status::Succeeded);
    assert_eq!(
        account.asked,
        ["GetBucketPolicy", "PutBucketPolicy", "GetBucketPolicy"]
    );
    let mut account = Account::default();
    let mut plain = World::run(start(&one(put("x", None)), &json!({})), 1_000).expect("starts");
    play(&mut plain, &mut account);
    assert_eq!(account.asked, ["PutBucketPolicy"]);
    assert_eq!(plain.history, world.history);
    assert!(plain.kept().is_empty());
}

#[test]
fn branches_and_steps_are_taken_back_newest_first() {
    let before = Account {
        policy: Some("as it was {{ x }}".to_owned()),
        ..Account::default()
    };
    let mut account = before.clone();
    let definition = json!({"StartAt": "P", "States": {
        "P": {"Type": "Parallel", "Next": "Again", "Branches": [
            {"StartAt": "Put", "States": {"Put": put("x", None)}},
            {"StartAt": "Protect", "States": {"Protect": protect(true, None)}},
        ]},
        "Again": put("y", None),
    }});
    let world = run(&definition, &mut account);
    assert_eq!(
        (account.policy.as_deref(), account.protected),
        (Some("y"), true)
    );
    let plan = planned(&world, &[]);
    let names: Vec<&str> = told(&plan).iter().map(|(state, ..)| *state).collect();
    assert_eq!(names.first(), Some(&"Again"));
    assert_eq!(names.len(), 3);
    assert!(plan.steps.iter().all(|step| step.undoable));
    let undone = take_back(&world, &[], &mut account);
    assert_eq!(
        undone.status(),
        automation::Status::Success,
        "{:?}",
        undone.failure_message()
    );
    assert_eq!(
        (&account.policy, account.protected),
        (&before.policy, false)
    );
}

#[test]
fn drift_stops_before_anything_is_changed() {
    let mut account = Account::default();
    let world = run(&one(put("x", None)), &mut account);
    account.policy = Some("somebody else's".to_owned());
    let undone = take_back(&world, &[], &mut account);
    assert_eq!(undone.status(), automation::Status::Failed);
    let said = undone.failure_message().unwrap_or_default();
    assert!(said.contains("Drift"), "{said}");
    assert_eq!(account.policy.as_deref(), Some("somebody else's"));
    let undone = take_back(&world, &["A"], &mut account);
    assert_eq!(undone.status(), automation::Status::Success);
    assert_eq!(account.policy, None);
    let nobody = BTreeSet::from(["Nobody".to_owned()]);
    let refused = plan(&world.execution, (&Kept::default(), &[]), &nobody, "me");
    assert!(refused.is_err());
}

#[test]
fn a_reading_that_is_denied_does_not_keep_the_call_back() {
    let mut account = Account {
        denied: true,
        ..Account::default()
    };
    let world = run(&one(put("x", None)), &mut account);
    assert_eq!(account.policy.as_deref(), Some("x"));
    let plan = planned(&world, &[]);
    assert!(plan.start.is_none());
    let how = told(&plan).first().map(|(.., how)| (*how).to_owned());
    let how = how.unwrap_or_default();
    assert!(
        how.contains("the prior state could not be read: no (AccessDenied)"),
        "{how}"
    );
}

#[test]
fn what_has_no_inverse_is_told_from_the_history() {
    let definition = json!({"StartAt": "Look", "States": {
        "Look": task("aws-sdk:s3:getBucketPolicy", json!({"Bucket": "b"}), Some("Send")),
        "Send": task("sqs:sendMessage", json!({"QueueUrl": "q", "MessageBody": "m"}), Some("Start")),
        "Start": task("states:startExecution", json!({"StateMachineArn": "arn:m"}), Some("Refused")),
        "Refused": task("aws-sdk:ec2:terminateInstances", json!({"InstanceIds": ["i"]}), None),
    }});
    let mut world = World::run(kept(&definition), 1_000).expect("it starts");
    while let Some((effect, call)) = world.calls.pop() {
        let outcome = if call.operation == "TerminateInstances" {
            Outcome::Failed(denied())
        } else {
            Outcome::Done { result: json!({}) }
        };
        world.step(Input::Effect { effect, outcome });
    }
    assert_eq!(world.execution.status(), Status::Failed);
    assert_eq!(
        told(&planned(&world, &[])),
        [
            (
                "Start",
                "stepfunctions:StartExecution",
                "executions of its own: undo them by their ids"
            ),
            (
                "Send",
                "sqs:SendMessage",
                "cannot be undone: no inverse is known"
            ),
        ]
    );
}

#[test]
fn more_than_one_run_takes_back_is_planned_and_not_done() {
    let world = run(&one(put("x", None)), &mut Account::default());
    let one = world.kept();
    let frames = (0..600_u32).flat_map(|n| {
        let (from, to) = ("undo/000000".to_owned(), format!("undo/{n:06}"));
        let bucket = format!("b{n}");
        one.iter().map(move |(key, body)| {
            let mut body = body.clone();
            if body.get("n").is_some() {
                body["n"] = json!(n);
                body["params"]["Bucket"] = json!(bucket);
            }
            (key.replace(&from, &to), body)
        })
    });
    let kept = Kept::restore(frames.collect()).expect("frames");
    let did = (&kept, world.history.as_slice());
    let plan = plan(&world.execution, did, &BTreeSet::new(), "me").expect("a plan");
    assert_eq!((plan.steps.len(), plan.start.is_none()), (600, true));
    let why = plan.refused.expect("refused").to_string();
    assert!(
        why.contains("would need 1201 steps, and a run may have 1000"),
        "{why}"
    );
}

#[test]
fn a_function_that_failed_may_have_changed_something() {
    let function = json!({"Type": "Task", "End": true,
        "Resource": "arn:aws:lambda:us-east-1:111111111111:function:f"});
    let mut world = World::run(kept(&one(function)), 1_000).expect("it starts");
    let (effect, _) = world.calls.pop().expect("the call");
    let result = json!({"FunctionError": "Unhandled", "Payload": "{}"});
    let outcome = Outcome::Done { result };
    world.step(Input::Effect { effect, outcome });
    assert_eq!(world.execution.status(), Status::Failed);
    let plan = planned(&world, &[]);
    let how: Vec<&str> = told(&plan).iter().map(|(.., how)| *how).collect();
    let want = "cannot be undone: what a function changed is not known; it failed";
    assert_eq!(how, [want]);
}

fn denied() -> Failure {
    Failure {
        code: "AccessDenied".to_owned(),
        message: "no".to_owned(),
        status: Some(403),
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    }
}

/// An execution that waits for its changing call.
fn changing(account: &mut Account) -> World {
    let mut world = World::run(kept(&one(put("x", None))), 1_000).expect("it starts");
    let (effect, call) = world.calls.pop().expect("the reading");
    let outcome = account.call(&call);
    world.step(Input::Effect { effect, outcome });
    assert_eq!(world.calls.len(), 1, "the call");
    world
}

#[test]
fn what_becomes_of_a_call_after_a_stop_is_still_taken_down() {
    let stop = Input::Stop {
        error: None,
        cause: None,
    };
    let done = Outcome::Done { result: json!({}) };
    let known = "can be undone, but the state it left is not known: accept the drift of its step";
    let unknown = Outcome::Unknown {
        reason: "the line broke".to_owned(),
    };
    for (outcome, wanted) in [
        (done, vec![known]),
        (unknown, vec![known]),
        (Outcome::Failed(denied()), vec![]),
    ] {
        let mut world = changing(&mut Account::default());
        world.step(stop.clone());
        assert_eq!(world.execution.status(), Status::Aborted);
        let (effect, _) = world.calls.pop().expect("the call");
        world.step(Input::Effect { effect, outcome });
        let plan = planned(&world, &[]);
        let how: Vec<&str> = told(&plan).iter().map(|(.., how)| *how).collect();
        assert_eq!(how, wanted);
    }
}

#[test]
fn a_persons_word_on_an_unknown_call_counts() {
    let failed = Settlement::Failed {
        error: None,
        cause: None,
    };
    let done = Settlement::Succeeded { output: json!({}) };
    for (word, steps) in [(failed, 0), (done, 1)] {
        let mut world = changing(&mut Account::default());
        let (effect, _) = world.calls.pop().expect("the call");
        let outcome = Outcome::Unknown {
            reason: "the line broke".to_owned(),
        };
        world.step(Input::Effect { effect, outcome });
        assert_eq!(world.execution.unknown().count(), 1);
        let state = "A".to_owned();
        let call = None;
        world.step(Input::Resolve { state, call, word });
        assert_ne!(world.execution.status(), Status::Running);
        assert_eq!(planned(&world, &[]).steps.len(), steps);
    }
}

#[test]
fn a_time_limit_ends_with_the_call_not_with_the_reading_behind_it() {
    let mut state = put("x", None);
    state["TimeoutSeconds"] = json!(5);
    let mut account = Account::default();
    let mut world = World::run(kept(&one(state)), 1_000).expect("it starts");
    for _ in 0..2 {
        let (effect, call) = world.calls.pop().expect("a call");
        let outcome = account.call(&call);
        world.step(Input::Effect { effect, outcome });
    }
    let reading = world.calls.pop().expect("the reading behind it");
    assert_eq!(reading.1.operation, "GetBucketPolicy");
    world.go_on(false);
    assert_eq!(
        world.execution.status(),
        Status::Running,
        "no timer is left"
    );
    let outcome = account.call(&reading.1);
    world.step(Input::Effect {
        effect: reading.0,
        outcome,
    });
    assert_eq!(world.execution.status(), Status::Succeeded);
}

#[test]
fn a_state_with_a_role_of_its_own_is_taken_back_as_that() {
    let role = "arn:aws:iam::222222222222:role/other";
    let mut other = put("x", Some("Own"));
    other["Credentials"] = json!({"RoleArn": role});
    let definition =
        json!({"StartAt": "Other", "States": {"Other": other, "Own": protect(true, None)}});
    let mut account = Account::default();
    let world = run(&definition, &mut account);
    let start = planned(&world, &[]).start.expect("something");
    let roles = &start.request.undo.roles;
    let named: Vec<(&str, &str)> = roles
        .iter()
        .map(|(step, role)| (step.as_str(), role.as_str()))
        .collect();
    let automation::DocumentSource::Found { content, .. } = &start.document else {
        panic!("a document");
    };
    let document: Value = serde_json::from_str(content).expect("JSON");
    let own = "arn:aws:iam::111111111111:role/r";
    let (first, rest): (&str, &str) = if document["assumeRole"] == own {
        (own, role)
    } else {
        (role, own)
    };
    assert_eq!(document["assumeRole"], first);
    assert!(named.iter().all(|(_, role)| *role == rest), "{named:?}");
    let steps = named
        .iter()
        .map(|(step, _)| step.trim_start_matches(char::is_alphabetic))
        .collect::<BTreeSet<_>>();
    assert_eq!(
        steps.len(),
        1,
        "the comparison and the call of one state: {named:?}"
    );
    let undone = account.run(start, 2);
    assert_eq!(undone.status(), automation::Status::Success);
    assert_eq!((account.policy, account.protected), (None, false));
}

#[test]
fn what_runs_and_express_executions_are_not_taken_back() {
    let waits = World::run(kept(&one(put("x", None))), 1_000).expect("it starts");
    let nothing = BTreeSet::new();
    let refused = plan(&waits.execution, (&Kept::default(), &[]), &nothing, "me");
    let said = refused.expect_err("it runs").to_string();
    assert!(said.contains("has not ended: stop it"), "{said}");
    let express = Start {
        express: true,
        capture: false,
        ..kept(&one(json!({"Type": "Pass", "End": true})))
    };
    let ended = World::run(express, 1_000).expect("it starts");
    let refused = plan(&ended.execution, (&Kept::default(), &[]), &nothing, "me");
    let said = refused.expect_err("it is Express").to_string();
    assert!(said.contains("Express"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn undoing_any_execution_brings_the_world_back(
        before in proptest::option::of("[a-z{}: ]{0,12}"),
        protected in any::<bool>(),
        changes in proptest::collection::vec((0_u8..4, "[a-z{}: ]{1,12}"), 1..8),
    ) {
        let mut account = Account { policy: before, protected, ..Account::default() };
        let first = account.clone();
        let mut states = serde_json::Map::new();
        for (n, (kind, text)) in changes.iter().enumerate() {
            let next = (n + 1 < changes.len()).then(|| format!("S{}", n + 1));
            let next = next.as_deref();
            let state = match kind {
                0 => put(text, next),
                1 => task("aws-sdk:s3:deleteBucketPolicy", json!({"Bucket": "b"}), next),
                on => protect(*on == 2, next),
            };
            states.insert(format!("S{n}"), state);
        }
        let world = run(&json!({"StartAt": "S0", "States": states}), &mut account);
        prop_assert_eq!(world.execution.status(), Status::Succeeded);
        if let Some(back) = planned(&world, &[]).start {
            let undone = account.run(back, 2);
            prop_assert_eq!(undone.status(), automation::Status::Success, "{:?}", undone.failure_message());
        }
        prop_assert_eq!((&account.policy, account.protected), (&first.policy, first.protected));
    }
}
