//! Actions that call: APIs, instances, scripts.

use flow::automation::{DocumentSource, Input, Resolution, Status, view};
use model::EffectCommand;
use model::effect::Outcome;
use serde_json::json;

use super::statuses;
use crate::world::{ANA, World, document, done, failed, nothing, request, start, unknown};

#[test]
fn an_api_call_selects_typed_outputs() {
    let text = document(
        "- name: look\n  action: aws:executeAwsApi\n  inputs:\n    Service: ec2\n    Api: DescribeInstances\n    InstanceIds: ['{{ Id }}']\n  outputs:\n\
         \x20 - {Name: State, Selector: '$.Reservations[0].State', Type: String}\n  - {Name: Count, Selector: $.Count, Type: Integer}\n\
         \x20 - {Name: Gone, Selector: $.Null, Type: String}\n  - {Name: Ids, Selector: $..Id}\n\
         - name: use\n  action: aws:executeAwsApi\n  isEnd: true\n  inputs:\n    Service: ssm\n    Api: put_parameter\n    Value: 'is {{look.State}} in {{ global:REGION }} {{automation:EXECUTION_ID}} {{ global:ACCOUNT_ID }} {{ global:AWS_PARTITION }} {{global:DATE}} {{global:DATE_TIME}}'\n    Tier: '{{ look.Count }}'\n",
    ) + "parameters:\n  Id: {type: 'AWS::EC2::Instance::Id'}\noutputs: [look.State, look.Count, look.Gone]\nassumeRole: arn:aws:iam::123456789012:role/R\n";
    let mut world = World::of(&text, &[("Id", "i-12345678")]);
    assert_eq!(
        world.last_call().params,
        json!({"InstanceIds": ["i-12345678"]})
    );
    let role = world.last_call().assume_role.clone().expect("a role");
    assert_eq!(role.role_arn, "arn:aws:iam::123456789012:role/R");
    assert_eq!(role.session_name, format!("quell-{}", world.cx.id));
    assert_eq!(
        (
            world.last_call().timeout_secs,
            world.last_call().region.as_str()
        ),
        (25, "eu-west-1")
    );
    world.answer(done(
        json!({"Reservations": [{"State": "running", "Id": 1}], "Count": "3", "Null": null}),
    ));
    assert_eq!(world.output("look", "Count"), Some(json!(3)));
    assert_eq!(world.output("look", "Ids"), Some(json!("[1]")));
    assert_eq!(world.output("look", "Gone"), None);
    assert_eq!(
        world.last_call().params,
        json!({"Value": "is running in eu-west-1 00000000-0000-0000-0000-00000000002a 123456789012 aws 2026-03-01 2026-03-01_10.00.00", "Tier": 3})
    );
    world.answer(nothing());
    assert_eq!(world.status(), Status::Success);
    assert_eq!(
        json!(world.run().outputs()),
        json!({"look.Count": ["3"], "look.State": ["running"]})
    );
    assert_eq!(
        statuses(&world),
        ["started", "look Success", "use Success", "ended Success"]
    );
    assert_eq!(
        world.facts,
        [
            "run.started",
            "run.step.started",
            "run.step.ended",
            "run.step.started",
            "run.step.ended",
            "run.ended"
        ]
    );
}

#[test]
fn assert_and_wait_compare_a_property() {
    let step = |action: &str, more: &str| {
        document(&format!(
            "- name: a\n  action: aws:{action}\n{more}  inputs: {{Service: ec2, Api: DescribeX, Id: x, PropertySelector: $.On, DesiredValues: ['True', maybe]}}\n"
        ))
    };
    let mut world = World::of(&step("assertAwsResourceProperty", ""), &[]);
    assert_eq!(world.last_call().params, json!({"Id": "x"}));
    world.answer(done(json!({"On": true})));
    assert_eq!(world.status(), Status::Success);
    let mut world = World::of(&step("assertAwsResourceProperty", ""), &[]);
    world.answer(done(json!({"On": "no"})));
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world
            .failure("a")
            .contains("it is \"no\"; desired: True, maybe")
    );

    let mut world = World::of(&step("waitForAwsResourceProperty", ""), &[]);
    let begun = world.cx.at;
    let mut waits = Vec::new();
    for answer in [
        done(json!({})),
        failed("Throttling"),
        unknown(),
        done(json!({"On": false})),
        failed("X"),
        failed("Y"),
    ] {
        world.answer(answer);
        let before = world.cx.at;
        assert!(world.tick().ends_with("poll"));
        waits.push(world.cx.at.duration_since(before).as_secs());
    }
    assert_eq!(waits, [2, 4, 8, 16, 20, 20]);
    world.answer(done(json!({"On": "maybe"})));
    assert_eq!(
        (world.status(), world.cx.at.duration_since(begun).as_secs()),
        (Status::Success, 70)
    );

    let mut world = World::of(
        &step(
            "waitForAwsResourceProperty",
            "  timeoutSeconds: 60\n  maxAttempts: 2\n",
        ),
        &[],
    );
    let begun = world.cx.at;
    world.play(|_, _| nothing());
    assert_eq!(
        (world.status(), world.cx.at.duration_since(begun).as_secs()),
        (Status::TimedOut, 120)
    );
    let mut world = World::of(&step("waitForAwsResourceProperty", ""), &[]);
    world.answer(failed("ParamValidation"));
    assert_eq!(world.status(), Status::Failed);
}

#[test]
fn tags_go_to_the_service_of_the_resource() {
    let text = |inputs: &str| {
        document(&format!(
            "- name: a\n  action: aws:createTags\n  inputs: {{Tags: [{{Key: k, Value: v}}], {inputs}}}\n"
        ))
    };
    let tags = json!([{"Key": "k", "Value": "v"}]);
    let world = World::of(&text("ResourceIds: i-1"), &[]);
    assert_eq!(
        (
            world.last_call().service.as_str(),
            world.last_call().operation.as_str()
        ),
        ("ec2", "CreateTags")
    );
    assert_eq!(
        world.last_call().params,
        json!({"Resources": ["i-1"], "Tags": tags})
    );
    let mut world = World::of(&text("ResourceIds: [p], ResourceType: Parameter"), &[]);
    assert_eq!(
        world.last_call().params,
        json!({"ResourceType": "Parameter", "ResourceId": "p", "Tags": tags})
    );
    world.answer(nothing());
    assert_eq!(world.status(), Status::Success);
    let world = World::of(&text("ResourceIds: [p, q], ResourceType: Parameter"), &[]);
    assert!(world.failure("a").contains("exactly one item"));
}

fn instances(state: &str) -> Outcome {
    done(
        json!({"Reservations": [{"Instances": [{"InstanceId": "i-1", "State": {"Name": state}}]}]}),
    )
}

#[test]
fn instances_change_and_are_watched() {
    let text = |inputs: &str| {
        document(&format!(
            "- name: a\n  action: aws:changeInstanceState\n  inputs: {{InstanceIds: [i-1], {inputs}}}\n"
        ))
    };
    let operations = |world: &World| {
        world
            .calls()
            .map(|call| call.operation.clone())
            .collect::<Vec<_>>()
    };
    let mut world = World::of(&text("DesiredState: stopped, Force: true"), &[]);
    assert_eq!(
        world.last_call().params,
        json!({"InstanceIds": ["i-1"], "Force": true})
    );
    world.answer(nothing());
    world.answer(instances("stopping"));
    world.tick();
    world.answer(instances("stopped"));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(
        operations(&world),
        ["StopInstances", "DescribeInstances", "DescribeInstances"]
    );

    let checks = |status: &str| {
        done(
            json!({"InstanceStatuses": [{"InstanceId": "i-1", "InstanceStatus": {"Status": "ok"}, "SystemStatus": {"Status": status}}]}),
        )
    };
    let mut world = World::of(&text("DesiredState: running"), &[]);
    world.answer(nothing());
    world.answer(instances("running"));
    world.answer(checks("initializing"));
    world.tick();
    world.answer(checks("ok"));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(
        operations(&world).first().map(String::as_str),
        Some("StartInstances")
    );

    let mut world = World::of(&text("DesiredState: running, CheckStateOnly: true"), &[]);
    world.answer(instances("terminated"));
    assert_eq!(
        (world.status(), operations(&world).len()),
        (Status::Failed, 1)
    );
    assert!(world.failure("a").contains("unexpected state: terminated"));

    let mut world = World::of(&text("DesiredState: terminated"), &[]);
    world.answer(nothing());
    world.answer(failed("InvalidInstanceID.NotFound"));
    assert_eq!(
        world.status(),
        Status::Success,
        "EC2 forgets terminated instances"
    );

    let mut world = World::of(&text("DesiredState: stopped"), &[]);
    world.answer(unknown());
    assert_eq!(world.status(), Status::Waiting);
    let resolution = Resolution::Succeeded {
        outputs: serde_json::Map::new(),
        result: None,
    };
    world
        .feed(Input::Resolve {
            step: "a".to_owned(),
            resolution,
            by: ANA.to_owned(),
        })
        .expect("taken");
    assert_eq!(
        world.last_call().operation,
        "DescribeInstances",
        "what is known is looked at"
    );
    assert!(world.timers.keys().any(|key| key.ends_with("timeout")));
    world.answer(instances("stopped"));
    assert_eq!(world.status(), Status::Success);
}

#[test]
fn time_runs_out_during_a_change() {
    let text = document(
        "- name: a\n  action: aws:changeInstanceState\n  timeoutSeconds: 5\n  inputs: {InstanceIds: [i-1], DesiredState: stopped}\n",
    );
    let mut world = World::of(&text, &[]);
    world.tick();
    assert_eq!(
        world.status(),
        Status::InProgress,
        "the call's outcome belongs into the record"
    );
    world.answer(nothing());
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::TimedOut, 1)
    );
}

#[test]
fn scripts_get_data_and_keep_their_braces() {
    let text = document(
        "- name: calc\n  action: aws:executeScript\n  timeoutSeconds: 900\n  inputs:\n    Runtime: python3.8\n    Handler: f\n    InputPayload: {ids: '{{ Ids }}', text: 'x {{ Ids }}'}\n    Script: |-\n      import json\n      def f(e, c):\n        return f\"{{ Ids }}\"\n  outputs:\n  - {Name: N, Selector: $.Payload.n, Type: String}\n\
         - name: act\n  action: aws:executeScript\n  inputs:\n    Runtime: python3.11\n    Handler: f\n    Script: import boto3\n\
         - name: shell\n  action: aws:executeScript\n  inputs: {Runtime: PowerShell 7.0, Script: ls}\n",
    ) + "parameters:\n  Ids: {type: StringList, default: [a, b]}\nassumeRole: arn:aws:iam::123456789012:role/R\n";
    let mut world = World::of(&text, &[]);
    let EffectCommand::RunScript(script) = world.performed[0].clone() else {
        panic!("no script")
    };
    assert_eq!(
        script.payload,
        json!({"ids": ["a", "b"], "text": "x [\"a\",\"b\"]"})
    );
    assert!(script.script.contains("f\"{{ Ids }}\""));
    assert!(script.isolated && script.assume_role.is_none());
    assert_eq!((script.timeout_secs, script.handler.as_str()), (600, "f"));
    world.answer(done(json!({"Payload": {"n": 5}})));
    assert_eq!(world.output("calc", "N"), Some(json!("5")));
    assert_eq!(world.output("calc", "Payload"), Some(json!({"n": 5})));
    let EffectCommand::RunScript(script) = world.performed[1].clone() else {
        panic!("no script")
    };
    assert!(!script.isolated && script.assume_role.is_some());
    assert_eq!(script.payload, json!({}));
    world.answer(done(json!({"Payload": null})));
    let EffectCommand::RunScript(script) = world.performed[2].clone() else {
        panic!("no script")
    };
    assert_eq!(
        (script.runtime.as_str(), script.handler.as_str()),
        ("PowerShell 7.0", "")
    );
    assert!(!script.isolated && script.script == "ls");
    world.answer(done(json!({"Payload": ["a"]})));
    assert_eq!(world.output("shell", "Payload"), Some(json!(["a"])));
    let shown = view::steps(world.run());
    assert_eq!(shown[1]["Inputs"]["Script"], "\"import boto3\"");
}

#[test]
fn a_script_comes_from_an_attachment_of_the_version() {
    let text = document(
        "- name: Run\n  action: aws:executeScript\n  inputs: {Runtime: python3.8, Handler: tool.main, Attachment: tools.zip, InputPayload: {a: 1}}\n",
    );
    let mut world = World::new();
    let mut input = start(&text, request(&[]));
    let Input::Start(begun) = &mut input else {
        panic!("it starts");
    };
    let DocumentSource::Found { attachments, .. } = &mut begun.document else {
        panic!("it is found");
    };
    attachments.push(model::document::Attachment {
        name: "tools.zip".to_owned(),
        sha256: "ab".repeat(32),
        bytes: 10,
    });
    world.feed(input).expect("starts");
    let Some(EffectCommand::RunScript(call)) = world.performed.last() else {
        panic!("a script runs");
    };
    let script = call.attachment.as_deref().expect("an attachment");
    assert_eq!((call.script.as_str(), call.isolated), ("", false));
    assert_eq!(
        (
            script.document.as_str(),
            script.version.as_str(),
            script.name.as_str()
        ),
        ("Doc", "1", "tools.zip")
    );
    assert_eq!(script.sha256, "ab".repeat(32));
    assert_eq!(script.scope.region, "eu-west-1");
    world.answer(done(json!({"Payload": {"b": 2}})));
    assert_eq!(world.output("Run", "Payload"), Some(json!({"b": 2})));

    let world = World::of(&text, &[]);
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world
            .failure("Run")
            .contains("has no attachment \"tools.zip\"")
    );
}
