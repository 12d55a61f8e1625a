//! What a start must bring: parameters, defaults, a role.

use flow::automation::{DocumentSource, Input, Start, Status, view};
use model::Rejection;
use serde_json::json;

use super::{conflict_code, statuses};
use crate::world::{World, api, document, done, failed, nothing, request, start};

#[test]
fn parameters_are_bound_or_refused() {
    let text = document(&api("a", ""))
        + "parameters:\n  Id: {type: 'AWS::EC2::Instance::Id'}\n  Mode: {type: String, default: x, allowedValues: [x, y]}\n";
    let refused = |parameters: &[(&str, &str)]| {
        let mut world = World::new();
        let mut wish = request(parameters);
        wish.incident = None;
        match world.feed(start(&text, wish)) {
            Err(Rejection::Invalid { field, message }) => (field, message),
            other => panic!("not refused: {other:?}"),
        }
    };
    assert_eq!(refused(&[]).0, "Parameters.Id");
    let (field, message) = refused(&[("Id", "hunter2")]);
    assert_eq!(field, "Parameters.Id");
    assert!(!message.contains("hunter2"), "{message}");
    assert_eq!(
        refused(&[("Id", "i-12345678"), ("Mode", "z")]).0,
        "Parameters.Mode"
    );
    assert_eq!(
        refused(&[("Id", "i-12345678"), ("id", "z")]).0,
        "Parameters.id"
    );
    let world = World::of(&text, &[("Id", "i-12345678")]);
    assert_eq!(
        view::execution(world.run())["Parameters"],
        json!({"Id": ["i-12345678"], "Mode": ["x"]})
    );
}

#[test]
fn an_incident_is_told_when_its_run_cannot_start() {
    let mut world = World::new();
    world
        .feed(start(&document(&api("a", "")), request(&[("Nope", "x")])))
        .expect("recorded");
    assert_eq!(
        (world.status(), statuses(&world)),
        (Status::Failed, vec!["start failed".to_owned()])
    );
    assert!(
        world
            .run()
            .failure_message()
            .expect("a reason")
            .contains("\"Nope\" is not declared")
    );
    let missing = |incident: bool| {
        let mut wish = request(&[]);
        wish.incident = wish.incident.filter(|_| incident);
        let document = DocumentSource::Missing {
            reason: "document Doc does not exist".to_owned(),
        };
        World::new().feed(Input::Start(Box::new(Start {
            parsed: Default::default(),
            request: wish,
            document,
            target_type: None,
            queued: false,
        })))
    };
    assert!(missing(true).is_ok());
    assert_eq!(
        conflict_code(missing(false)),
        "AutomationDefinitionNotFoundException"
    );
}

#[test]
fn a_bad_role_is_refused_at_start() {
    let text = format!(
        "{}assumeRole: '{{{{ Role }}}}'\nparameters:\n  Role: {{type: String, default: ''}}\n",
        document(&api("a", ""))
    );
    assert_eq!(World::of(&text, &[]).last_call().assume_role, None);
    let mut world = World::new();
    let mut wish = request(&[("Role", "admin")]);
    wish.incident = None;
    let refused = world.feed(start(&text, wish)).expect_err("refused");
    assert_eq!(
        refused.to_string(),
        "The format of the supplied assume role ARN isn't valid."
    );
}

#[test]
fn defaults_come_from_the_parameter_store() {
    let text = document(
        "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: a, One: '{{ One }}', Two: '{{ Two }}', Three: '{{ Three }}'}\n",
    ) + "parameters:\n  One: {type: String, default: '{{ssm:/app/one}}'}\n  Two: {type: StringList, default: '{{ ssm:/app/two }}'}\n  Three: {type: String, default: 'run-{{automation:EXECUTION_ID}}'}\n";
    let mut world = World::of(&text, &[]);
    assert_eq!(
        (
            world.last_call().operation.as_str(),
            &world.last_call().params
        ),
        ("GetParameter", &json!({"Name": "/app/one"}))
    );
    world.answer(done(json!({"Parameter": {"Type": "String", "Value": "1"}})));
    world.answer(done(
        json!({"Parameter": {"Type": "StringList", "Value": "a,b"}}),
    ));
    assert_eq!(
        world.last_call().params,
        json!({"One": "1", "Two": ["a", "b"], "Three": "run-00000000-0000-0000-0000-00000000002a"})
    );
    for answer in [
        failed("ParameterNotFound"),
        done(json!({"Parameter": {"Type": "SecureString", "Value": "x"}})),
        nothing(),
    ] {
        let mut world = World::of(&text, &[]);
        world.answer(answer);
        assert_eq!(world.status(), Status::Failed);
        assert!(
            world
                .run()
                .failure_message()
                .expect("says why")
                .contains("The default of parameter \"One\"")
        );
    }
    let given = World::of(&text, &[("One", "x"), ("Two", "y")]);
    assert_eq!(given.last_call().params["One"], "x");
}
