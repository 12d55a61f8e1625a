//! The machine of an operator's call.

use flow::call::{self, Call, Command, Context, Input, MAX_ANSWER, Request, Resolution, Status};
use model::effect::{AwsCall, Failure};
use model::{Decision, EffectCommand, Outcome, Rejection};
use serde_json::{Value, json};
use uuid::Uuid;

fn cx() -> Context {
    Context {
        id: Uuid::from_u128(7),
        at: "2026-11-21T03:00:00Z".parse().expect("an instant"),
    }
}

fn start(account: Option<&str>, role: Option<&str>) -> Input {
    Input::Start {
        request: Request {
            service: "ec2".to_owned(),
            operation: "RebootInstances".to_owned(),
            region: "eu-west-1".to_owned(),
            account: account.map(str::to_owned),
            role_arn: role.map(str::to_owned),
            class: "changes, not repeatable".to_owned(),
            timeout_secs: 60,
            by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        },
        params: json!({"InstanceIds": ["i-1"]}),
    }
}

fn begun(input: Input) -> Decision<Call, Command> {
    call::step(None, input, &cx()).expect("starts")
}

fn settle(call: &Call, outcome: Outcome) -> Decision<Call, Command> {
    let effect = call.root.in_flight.expect("something is in flight");
    call::step(
        Some(call.clone()),
        Input::Settled { effect, outcome },
        &cx(),
    )
    .expect("settles")
}

fn resolve(call: &Call, resolution: Resolution) -> Result<Decision<Call, Command>, Rejection> {
    let by = "arn:aws:iam::123456789012:user/bo".to_owned();
    call::step(Some(call.clone()), Input::Resolve { resolution, by }, &cx())
}

fn sent(decision: &Decision<Call, Command>) -> &AwsCall {
    let [Command::Perform { command, .. }] = decision.commands.as_slice() else {
        panic!("one command, not {:?}", decision.commands)
    };
    let EffectCommand::CallAws(call) = command else {
        panic!("a call")
    };
    call
}

fn unknown() -> Call {
    let begun = begun(start(None, None)).state;
    let reason = "the connection broke".to_owned();
    settle(&begun, Outcome::Unknown { reason }).state
}

fn done(result: Value) -> Outcome {
    Outcome::Done { result }
}

#[test]
fn a_call_is_committed_sent_and_its_answer_kept() {
    let first = begun(start(None, None));
    assert_eq!(sent(&first).operation, "RebootInstances");
    assert_eq!(sent(&first).assume_role, None);
    assert_eq!(first.facts[0].name, "call.started");
    assert_eq!(
        first.facts[0].body["by"],
        "arn:aws:iam::123456789012:user/ana"
    );
    let last = settle(&first.state, done(json!({"Return": true})));
    assert_eq!(last.state.root.status, Status::Succeeded);
    assert_eq!(last.state.answer, Some(json!({"Return": true})));
    // What is stored is what was decided.
    let mut frames: Vec<(String, Value)> = Vec::new();
    for frame in first.frames.iter().chain(&last.frames) {
        frames.retain(|(key, _)| *key != frame.key);
        frames.push((
            frame.key.clone(),
            frame.body.as_ref().expect("a body").to_value(),
        ));
    }
    assert_eq!(Call::restore(frames).expect("restores"), last.state);
}

#[test]
fn a_role_names_its_account_and_carries_the_calls_id() {
    let role = "arn:aws:iam::111122223333:role/Responder";
    let first = begun(start(Some("111122223333"), Some(role)));
    let assumed = sent(&first).assume_role.clone().expect("a role");
    assert_eq!(
        (assumed.role_arn.as_str(), assumed.session_name),
        (role, cx().id.to_string())
    );
}

#[test]
fn an_account_without_a_role_is_looked_at_before_anything_is_sent() {
    let first = begun(start(Some("111122223333"), None));
    assert_eq!(sent(&first).operation, "GetCallerIdentity");
    let right = settle(&first.state, done(json!({"Account": "111122223333"})));
    assert_eq!(sent(&right).operation, "RebootInstances");
    let transient = Failure {
        code: "Network".to_owned(),
        message: "no route".to_owned(),
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: true,
    };
    let reason = "no answer".to_owned();
    for outcome in [
        done(json!({"Account": "123456789012"})),
        done(json!({})),
        Outcome::Failed(transient),
        Outcome::Unknown { reason },
    ] {
        let ended = settle(&first.state, outcome);
        assert!(ended.commands.is_empty());
        assert_eq!(ended.state.root.status, Status::Failed);
        let failure = ended.state.root.failure.expect("a failure");
        assert!(
            failure.message.contains("nothing was sent"),
            "{}",
            failure.message
        );
    }
}

#[test]
fn a_person_settles_an_unknown_outcome() {
    let call = unknown();
    assert_eq!(call.root.status, Status::Unknown);
    let answer = Some(json!({"Return": true}));
    let said = resolve(
        &call,
        Resolution::Succeeded {
            answer: answer.clone(),
        },
    )
    .expect("settles");
    assert_eq!(
        (said.state.root.status, said.state.answer),
        (Status::Succeeded, answer)
    );
    let message = "checked in the console".to_owned();
    let said = resolve(&call, Resolution::Failed { message })
        .expect("settles")
        .state;
    assert_eq!(said.root.status, Status::Failed);
    assert_eq!(
        said.root.resolved_by.as_deref(),
        Some("arn:aws:iam::123456789012:user/bo")
    );
    let again = resolve(&call, Resolution::Retry).expect("repeats");
    assert_eq!(sent(&again).operation, "RebootInstances");
    assert_ne!(again.state.root.in_flight, call.root.in_flight);
    // The first effect's late word changes nothing.
    let late = Input::Settled {
        effect: call.root.in_flight.expect("the first effect"),
        outcome: done(json!({})),
    };
    let passed = call::step(Some(again.state.clone()), late, &cx()).expect("passes");
    assert_eq!(passed.state, again.state);
    let ended = settle(&again.state, done(json!({}))).state;
    assert!(matches!(
        resolve(&ended, Resolution::Retry),
        Err(Rejection::Conflict { .. })
    ));
}

#[test]
fn an_answer_that_is_too_large_is_not_cut() {
    let first = begun(start(None, None)).state;
    let last = settle(&first, done(json!({"Text": "x".repeat(MAX_ANSWER)})));
    assert_eq!(
        (last.state.root.status, &last.state.answer),
        (Status::Succeeded, &None)
    );
    assert!(last.state.root.too_large.is_some_and(|size| size > 1 << 20));
}

#[test]
fn nothing_but_a_start_makes_a_call() {
    let input = Input::Resolve {
        resolution: Resolution::Retry,
        by: String::new(),
    };
    assert!(matches!(
        call::step(None, input, &cx()),
        Err(Rejection::NotFound { .. })
    ));
    assert!(Call::restore(Vec::new()).is_err());
    assert!(Call::restore(vec![(String::new(), json!({"v": 2}))]).is_err());
}
