//! HTTP Tasks: what they ask for, what becomes of answers, and that no outcome is guessed.

use flow::asl::{Input, Settlement, Status};
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use super::world::{World, start};

const CONNECTION: &str = "arn:aws:events:us-east-1:111111111111:connection/c/1";

/// An execution of one HTTP Task with these members.
fn run(members: &Value) -> World {
    let mut state =
        json!({"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "End": true});
    for (member, value) in members.as_object().expect("members") {
        state[member] = value.clone();
    }
    let mut states = json!({"Call": state});
    if members.get("Catch").is_some() {
        states["Caught"] = json!({"Type": "Pass", "End": true});
    }
    let definition = json!({"StartAt": "Call", "States": states});
    let start = start(&definition, &json!({"id": "a/b", "tags": ["x", "y"]}));
    World::run(start, 1_000).expect("a machine")
}

fn post(more: &Value) -> Value {
    let mut members = json!({"Parameters": {
        "ApiEndpoint": "https://example.com/notes",
        "Method": "POST",
        "InvocationConfig": {"ConnectionArn": CONNECTION},
        "RequestBody": {"id.$": "$.id"},
    }});
    for (member, value) in more.as_object().expect("members") {
        members[member] = value.clone();
    }
    members
}

/// Answers the call that was asked for last.
fn answer(world: &mut World, outcome: Outcome) {
    let (effect, _) = world.web.pop().expect("a call");
    world.tell(Input::Effect { effect, outcome });
}

fn failed(code: &str, status: Option<u16>) -> Outcome {
    Outcome::Failed(Failure {
        code: code.to_owned(),
        message: "why".to_owned(),
        status,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: true,
    })
}

fn event<'a>(world: &'a World, kind: &str, details: &str) -> &'a Value {
    let found = world.history.iter().find(|event| event["type"] == kind);
    &found.unwrap_or_else(|| panic!("no {kind}"))[details]
}

#[test]
fn arguments_of_both_languages_become_the_same_call() {
    let path = json!({"Parameters": {
        "ApiEndpoint.$": "States.Format('https://example.com/{}', $.id)",
        "Method": "GET",
        "Authentication": {"ConnectionArn": CONNECTION},
        "Headers": {"x-id.$": "$.id"},
        "QueryParameters": {"tag.$": "$.tags"},
    }});
    let data = json!({"QueryLanguage": "JSONata", "Arguments": {
        "ApiEndpoint": "{% 'https://example.com/' & $states.input.id %}",
        "Method": "GET",
        "InvocationConfig": {"ConnectionArn": CONNECTION},
        "Headers": {"x-id": "{% $states.input.id %}"},
        "QueryParameters": {"tag": "{% $states.input.tags %}"},
    }});
    for members in [path, data] {
        let mut world = run(&members);
        let call = world.web[0].1.clone();
        assert_eq!(call.endpoint, "https://example.com/a/b");
        assert_eq!(call.headers, [("x-id".to_owned(), "a/b".to_owned())]);
        let tags = ["x", "y"].map(|tag| ("tag".to_owned(), tag.to_owned()));
        assert_eq!(call.query, tags);
        assert_eq!(
            (call.connection_arn.as_str(), call.timeout_secs),
            (CONNECTION, 60)
        );
        assert!(call.reads() && call.body.is_none());
        let asked = event(&world, "TaskScheduled", "taskScheduledEventDetails");
        assert_eq!(
            (&asked["resourceType"], &asked["resource"]),
            (&json!("http"), &json!("invoke"))
        );
        let result =
            json!({"Headers": {}, "ResponseBody": [1], "StatusCode": 200, "StatusText": "OK"});
        answer(
            &mut world,
            Outcome::Done {
                result: result.clone(),
            },
        );
        let output = world.execution.output().expect("an output");
        assert_eq!(serde_json::from_str::<Value>(output).expect("JSON"), result);
    }
}

#[test]
fn a_status_is_retried_and_caught_by_its_name() {
    let mut world = run(&post(&json!({
        "Retry": [{"ErrorEquals": ["States.Http.StatusCode.503"], "MaxAttempts": 1}],
        "Catch": [{"ErrorEquals": ["States.Http.StatusCode.503"], "Next": "Caught"}],
    })));
    assert_eq!(world.web[0].1.body, Some(json!({"id": "a/b"})));
    answer(&mut world, failed("Http", Some(503)));
    assert_eq!(world.web.len(), 1, "asked again");
    answer(&mut world, failed("Http", Some(503)));
    let caught = json!({"Error": "States.Http.StatusCode.503", "Cause": "why"});
    assert_eq!(world.execution.output(), Some(caught.to_string().as_str()));
    for (outcome, error) in [
        (failed("Http", Some(404)), "States.Http.StatusCode.404"),
        (failed("Socket", None), "States.Http.Socket"),
        (failed("UnsupportedResponse", Some(200)), "States.Runtime"),
        (
            failed("Events.ConnectionResource.ResourceNotFound", None),
            "Events.ConnectionResource.ResourceNotFound",
        ),
    ] {
        let mut world = run(&post(&json!({})));
        answer(&mut world, outcome);
        assert_eq!(world.execution.status(), Status::Failed);
        assert_eq!(world.execution.failure().0, Some(error));
    }
}

#[test]
fn what_cannot_be_called_fails_before_anything_is_sent() {
    let world =
        run(&json!({"Parameters": {"ApiEndpoint": "https://example.com/", "Method": "GET"}}));
    assert!(world.web.is_empty());
    assert_eq!(world.execution.failure().0, Some("States.Runtime"));
    let cause = world.execution.failure().1.expect("a cause");
    assert!(cause.contains("'ConnectionArn' is required"), "{cause}");
}

#[test]
fn an_unknown_outcome_waits_for_a_person() {
    for (word, status) in [
        (
            Settlement::Succeeded {
                output: json!({"StatusCode": 201}),
            },
            Status::Succeeded,
        ),
        (
            Settlement::Failed {
                error: Some("States.Http.Socket".to_owned()),
                cause: None,
            },
            Status::Failed,
        ),
    ] {
        let mut world = run(&post(&json!({"TimeoutSeconds": 5})));
        let reason = "the server died".to_owned();
        answer(&mut world, Outcome::Unknown { reason });
        assert_eq!(
            world.execution.status(),
            Status::Running,
            "not its time limit either"
        );
        assert!(world.web.is_empty(), "not asked again");
        let state = "Call".to_owned();
        let call = None;
        world.tell(Input::Resolve { state, call, word });
        assert_eq!(world.execution.status(), status);
    }
}
