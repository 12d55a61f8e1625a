//! Each action, step by step, with the answers that the world may give.

#![expect(
    clippy::too_many_lines,
    reason = "a test tells one story from start to end"
)]

use flow::automation::document::Format;
use flow::automation::{
    DocumentSource, Input, Resolution, SignalKind, Start, Status, StopKind, view,
};
use model::effect::Outcome;
use model::report::RunReport;
use model::{EffectCommand, Rejection};
use serde_json::{Value, json};

use crate::world::{ANA, World, api, document, done, failed, nothing, request, start, unknown};

const BO: &str = "arn:aws:iam::123456789012:user/bo";

fn conflict_code(result: Result<Value, Rejection>) -> String {
    match result {
        Err(Rejection::Conflict { code, .. }) => code,
        Err(Rejection::NotFound { kind, .. }) => kind,
        other => panic!("not refused: {other:?}"),
    }
}

fn statuses(world: &World) -> Vec<String> {
    world
        .reports
        .iter()
        .map(|report| match report {
            RunReport::Started { .. } => "started".to_owned(),
            RunReport::StartFailed { .. } => "start failed".to_owned(),
            RunReport::Step { step, status, .. } => format!("{step} {status}"),
            RunReport::Ended { status, .. } => format!("ended {status}"),
        })
        .collect()
}

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
fn failures_follow_their_arrows() {
    // (what the step says, answer, executions, run's status)
    let cases = [
        ("", "Boom", vec!["a"], Status::Failed),
        (
            "  onFailure: Continue\n",
            "Boom",
            vec!["a", "b", "c"],
            Status::Success,
        ),
        (
            "  onFailure: Continue\n  nextStep: c\n",
            "Boom",
            vec!["a", "c"],
            Status::Success,
        ),
        (
            "  onFailure: Continue\n  isCritical: true\n",
            "Boom",
            vec!["a", "b", "c"],
            Status::Failed,
        ),
        (
            "  onFailure: step:c\n",
            "Boom",
            vec!["a", "c"],
            Status::Failed,
        ),
        (
            "  onFailure: step:c\n  isCritical: false\n",
            "Boom",
            vec!["a", "c"],
            Status::Success,
        ),
        (
            "  onFailure: Continue\n  isEnd: true\n",
            "Boom",
            vec!["a"],
            Status::Success,
        ),
        (
            "  isCritical: 'false'\n",
            "Boom",
            vec!["a"],
            Status::Success,
        ),
        ("", "Timeout", vec!["a"], Status::TimedOut),
        (
            "  onFailure: step:c\n",
            "Timeout",
            vec!["a", "c"],
            Status::Failed,
        ),
    ];
    for (more, code, trail, status) in cases {
        let text = document(&(api("a", more) + &api("b", "") + &api("c", "")));
        let mut world = World::of(&text, &[]);
        world.answer(failed(code));
        world.play(|_, _| nothing());
        assert_eq!(
            (world.trail(), world.status()),
            (trail, status),
            "{more} {code}"
        );
    }
}

#[test]
fn the_failure_message_has_ssms_form() {
    let mut world = World::of(&document(&api("a", "")), &[]);
    world.answer(failed("UnauthorizedOperation"));
    assert_eq!(
        world.failure("a"),
        "Step fails when it is Execute/Cancelling action. Get Exception from DescribeInstances API of ec2 Service. Exception Message from DescribeInstances API: [no (Service: ec2; Status Code: 400; Error Code: UnauthorizedOperation; Request ID: req-1)]. Please refer to Automation Service Troubleshooting Guide for more diagnosis details."
    );
    assert_eq!(
        world.run().failure_message(),
        Some(world.failure("a").as_str())
    );
}

#[test]
fn attempts_are_new_intents() {
    let text = document(&api("a", "  maxAttempts: 3\n"));
    let mut world = World::of(&text, &[]);
    world.answer(failed("Throttling"));
    world.answer(failed("Timeout"));
    world.answer(nothing());
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::Success, 3)
    );
    let mut world = World::of(&text, &[]);
    world.play(|_, _| failed("Timeout"));
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::TimedOut, 3)
    );
    let mut world = World::of(&text, &[]);
    world.play(|_, _| failed("ParamValidation"));
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::Failed, 1),
        "wrong inputs stay wrong"
    );
}

#[test]
fn references_to_nothing_fail_the_step() {
    let cases = [
        ("{{ skipped.Out }}", "step `skipped` did not run"),
        ("{{ variable:V }}", "the variable has no value yet"),
    ];
    for (reference, expected) in cases {
        let text = document(&format!(
            "- name: go\n  action: aws:sleep\n  inputs: {{Duration: PT0S}}\n  nextStep: use\n\
             - name: skipped\n  action: aws:executeAwsApi\n  inputs: {{Service: a, Api: b}}\n  outputs: [{{Name: Out, Selector: $.a, Type: String}}]\n\
             - name: use\n  action: aws:executeAwsApi\n  maxAttempts: 5\n  inputs: {{Service: a, Api: '{reference}'}}\n"
        )) + "variables:\n  V: {type: String}\n";
        let world = World::of(&text, &[]);
        assert_eq!(world.status(), Status::Failed);
        assert!(
            world
                .failure("use")
                .contains("Input Api can not be resolved"),
            "{}",
            world.failure("use")
        );
        assert!(
            world.failure("use").contains(expected),
            "{}",
            world.failure("use")
        );
        assert!(world.performed.is_empty());
    }
}

#[test]
fn an_output_that_is_not_there_fails_who_refers_to_it() {
    let step = "- name: a\n  action: aws:executeAwsApi\n  inputs: {Service: a, Api: b}\n  outputs: [{Name: Out, Selector: $.a, Type: String}]\n";
    let mut world = World::of(&document(step), &[]);
    world.answer(nothing());
    assert_eq!(world.status(), Status::Success);
    let refers = "- name: use\n  action: aws:sleep\n  inputs: {Duration: '{{ a.Out }}'}\n";
    let mut world = World::of(&document(&format!("{step}{refers}")), &[]);
    world.answer(nothing());
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world.failure("use").contains("a.Out"),
        "{}",
        world.failure("use")
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
fn a_branch_takes_the_first_condition_that_holds() {
    let text = document(
        "- name: pick\n  action: aws:branch\n  inputs:\n    Choices:\n    - {NextStep: one, Variable: '{{ P }}', StringEquals: x}\n    - {NextStep: two, Variable: '{{ P }}', StartsWith: '{{ P }}'}\n    Default: one\n\
         - name: one\n  action: aws:sleep\n  isEnd: true\n  inputs: {Duration: PT0S}\n- name: two\n  action: aws:sleep\n  inputs: {Duration: PT0S}\n",
    ) + "parameters:\n  P: {type: String}\n";
    for (value, trail) in [("x", ["pick", "one"]), ("y", ["pick", "two"])] {
        assert_eq!(World::of(&text, &[("P", value)]).trail(), trail);
    }
    let open = |more: &str| {
        document(&format!(
            "- name: pick\n  action: aws:branch\n{more}  inputs:\n    Choices:\n    - {{NextStep: b, Variable: a, StringEquals: b}}\n- name: b\n  action: aws:sleep\n  inputs: {{Duration: PT0S}}\n"
        ))
    };
    assert_eq!(
        World::of(&open(""), &[]).trail(),
        ["pick", "b"],
        "no default: the next step"
    );
    assert_eq!(World::of(&open("  isEnd: true\n"), &[]).trail(), ["pick"]);
}

#[test]
fn a_sleep_is_a_timer() {
    let text = |inputs: &str| {
        document(&format!(
            "- name: a\n  action: aws:sleep\n  inputs: {{{inputs}}}\n"
        ))
    };
    let mut world = World::of(&text("Duration: PT10M"), &[]);
    assert_eq!(
        world.timers.values().next().expect("set").to_string(),
        "2026-03-01T10:10:00Z"
    );
    world.tick();
    assert_eq!(world.status(), Status::Success);
    let world = World::of(&text("Timestamp: '2026-03-01T10:00:05Z'"), &[]);
    assert_eq!(
        world.timers.values().next().expect("set").to_string(),
        "2026-03-01T10:00:05Z"
    );
    let past = World::of(&text("Timestamp: '2020-01-01T00:00:00Z'"), &[]);
    assert_eq!((past.status(), past.turns), (Status::Success, 1));
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
fn approvals_count_people() {
    let text = |more: &str| {
        document(&format!(
            "- name: ask\n  action: aws:approve\n{more}  inputs: {{Approvers: [ana, '{BO}'], MinRequiredApprovals: 2, Message: please}}\n"
        )) + "outputs: [ask.ApprovalStatus]\n"
    };
    let mut world = World::of(&text(""), &[]);
    assert_eq!(
        (world.status(), world.step("ask")),
        (Status::Waiting, Some("Waiting"))
    );
    let refused = "InvalidAutomationSignalException";
    assert_eq!(
        conflict_code(world.signal(
            SignalKind::Approve,
            &[],
            "arn:aws:iam::123456789012:user/eve"
        )),
        refused
    );
    world
        .signal(SignalKind::Approve, &[("Comment", "fine")], ANA)
        .expect("taken");
    assert_eq!(
        conflict_code(world.signal(SignalKind::Reject, &[], ANA)),
        refused,
        "once each"
    );
    assert_eq!(
        conflict_code(world.signal(SignalKind::Resume, &[], ANA)),
        refused
    );
    assert_eq!(
        world.output("ask", "ApprovalStatus"),
        Some(json!("Waiting"))
    );
    world.signal(SignalKind::Approve, &[], BO).expect("taken");
    assert_eq!(world.status(), Status::Success);
    assert_eq!(
        world.output("ask", "ApproverDecisions").expect("kept")[0]["Comment"],
        "fine"
    );
    assert_eq!(
        json!(world.run().outputs()),
        json!({"ask.ApprovalStatus": ["Approved"]})
    );
    assert_eq!(
        statuses(&world),
        ["started", "ask Waiting", "ask Success", "ended Success"]
    );
    assert_eq!(
        conflict_code(world.signal(SignalKind::Approve, &[], ANA)),
        refused
    );

    let mut world = World::of(&text("  maxAttempts: 3\n"), &[]);
    world
        .signal(SignalKind::Reject, &[("Comment", "not now")], ANA)
        .expect("taken");
    assert_eq!(
        (world.status(), world.output("ask", "ApprovalStatus")),
        (Status::Failed, Some(json!("Rejected")))
    );
    assert!(world.failure("ask").contains("not now"));

    let mut world = World::of(&text("  timeoutSeconds: 60\n"), &[]);
    world.tick();
    assert_eq!(world.status(), Status::TimedOut);
}

#[test]
fn a_failed_notification_does_not_fail_the_approval() {
    let text = document(
        "- name: ask\n  action: aws:approve\n  inputs: {Approvers: [ana], NotificationArn: 'arn:aws:sns:eu-west-1:1:AutomationX'}\n",
    );
    for outcome in [nothing(), failed("NotFound"), unknown()] {
        let mut world = World::of(&text, &[]);
        assert_eq!(
            (
                world.last_call().service.as_str(),
                world.last_call().operation.as_str()
            ),
            ("sns", "Publish")
        );
        world.answer(outcome);
        assert_eq!(world.status(), Status::Waiting);
        world.signal(SignalKind::Approve, &[], ANA).expect("taken");
        assert_eq!(world.status(), Status::Success);
    }
}

#[test]
fn a_pause_waits_for_resume() {
    let mut world = World::of(
        &document("- name: hold\n  action: aws:pause\n  inputs: {}\n"),
        &[],
    );
    assert_eq!(world.status(), Status::Waiting);
    assert_eq!(
        conflict_code(world.signal(SignalKind::Resume, &[("StepName", "gone")], ANA)),
        "AutomationStep"
    );
    world
        .signal(SignalKind::Resume, &[("StepName", "hold")], ANA)
        .expect("taken");
    assert_eq!(world.status(), Status::Success);
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
fn loops_go_over_items_and_conditions() {
    let inner = "    Steps:\n    - name: call\n      action: aws:executeAwsApi\n      inputs: {Service: s, Api: a, Item: '{{ each.CurrentIteratorValue }}', N: '{{loop.CurrentIteration}}'}\n      outputs: [{Name: Out, Selector: $.o, Type: String}]\n    - {name: nap, action: 'aws:sleep', isEnd: true, inputs: {Duration: PT0S}}\n";
    let text = document(&format!(
        "- name: each\n  action: aws:loop\n  inputs:\n    Iterators: [a, b, c]\n    MaxIterations: 2\n{inner}- name: after\n  action: aws:executeAwsApi\n  inputs: {{Service: s, Api: a, Last: '{{{{ call.Out }}}}'}}\n"
    ));
    let mut world = World::of(&text, &[]);
    assert_eq!(world.last_call().params, json!({"Item": "a", "N": 1}));
    world.answer(done(json!({"o": 1})));
    assert_eq!(world.last_call().params, json!({"Item": "b", "N": 2}));
    world.answer(done(json!({"o": 2})));
    assert_eq!(world.last_call().params, json!({"Last": "2"}));
    world.answer(nothing());
    assert_eq!(
        world.trail(),
        ["each", "call", "nap", "call", "nap", "after"]
    );
    assert_eq!(
        (world.status(), world.step("each")),
        (Status::Success, Some("Success"))
    );
    let shown = view::steps(world.run());
    assert_eq!(shown[3]["ParentStepDetails"]["Iteration"], 2);
    assert_eq!(shown[3]["ParentStepDetails"]["IteratorValue"], "b");
    assert_ne!(shown[1]["StepExecutionId"], shown[3]["StepExecutionId"]);

    let mut world = World::of(&text, &[]);
    world.answer(failed("X"));
    assert_eq!(
        (world.status(), world.step("each")),
        (Status::Failed, Some("Failed"))
    );

    let counted = document(
        "- name: again\n  action: aws:loop\n  inputs:\n    LoopCondition: {Variable: '{{ variable:V }}', StringEquals: go}\n    Steps:\n    - {name: set, action: 'aws:updateVariable', inputs: {Name: 'variable:V', Value: stop}}\n",
    ) + "variables:\n  V: {type: String, default: go}\n";
    assert_eq!(
        World::of(&counted, &[]).trail(),
        ["again", "set"],
        "looked at after each pass"
    );
    let forever = counted.replace("Value: stop", "Value: go");
    assert_eq!(World::of(&forever, &[]).trail().len(), 101);
    let empty = document(&format!(
        "- name: each\n  action: aws:loop\n  inputs:\n    Iterators: []\n{inner}"
    ));
    assert_eq!(World::of(&empty, &[]).trail(), ["each"]);
}

#[test]
fn a_loop_has_a_time_limit_of_its_own() {
    let text = document(
        "- name: each\n  action: aws:loop\n  timeoutSeconds: 30\n  onFailure: step:after\n  inputs:\n    Iterators: [1, 2, 3]\n    Steps:\n    - {name: nap, action: 'aws:sleep', inputs: {Duration: PT20S}}\n- name: after\n  action: aws:sleep\n  inputs: {Duration: PT0S}\n",
    );
    let mut world = World::of(&text, &[]);
    world.play(|_, _| nothing());
    assert_eq!(world.trail(), ["each", "nap", "nap", "after"]);
    assert_eq!(
        (world.step("each"), world.step("nap"), world.status()),
        (Some("TimedOut"), Some("TimedOut"), Status::Failed)
    );
}

#[test]
fn variables_keep_their_type() {
    let text = |value: &str| {
        document(&format!(
            "- name: set\n  action: aws:updateVariable\n  inputs: {{Name: 'variable:V', Value: {value}}}\n"
        )) + "variables:\n  V: {type: Integer, default: 1, maxValue: 10}\n"
    };
    assert_eq!(World::of(&text("5"), &[]).status(), Status::Success);
    for bad in ["'5'", "[5]", "11"] {
        let world = World::of(&text(bad), &[]);
        assert_eq!(world.status(), Status::Failed, "{bad}");
        assert!(
            world.failure("set").contains("variable V")
                || world.failure("set").contains("Variable V")
        );
    }
}

#[test]
fn an_unknown_outcome_waits_for_a_word() {
    let text = document(&(api("a", "  onFailure: step:c\n") + &api("b", "") + &api("c", "")));
    let resolve = |world: &mut World, resolution| {
        world.feed(Input::Resolve {
            step: "a".to_owned(),
            resolution,
            by: ANA.to_owned(),
        })
    };
    let waiting = || {
        let mut world = World::of(&text, &[]);
        let effect = world.effects.front().expect("in flight").0;
        world.answer(unknown());
        assert_eq!(
            (world.status(), world.step("a")),
            (Status::Waiting, Some("Waiting"))
        );
        assert_eq!(world.run().unknown(), Some("the connection broke"));
        assert_eq!(
            statuses(&world).last().map(String::as_str),
            Some("a OutcomeUnknown")
        );
        (world, effect)
    };
    let outputs = json!({"X": "y"}).as_object().expect("a map").clone();
    let cases = [
        (
            Resolution::Succeeded {
                outputs,
                result: None,
            },
            "Success",
            vec!["a", "b"],
        ),
        (
            Resolution::Succeeded {
                outputs: serde_json::Map::new(),
                result: Some(json!({})),
            },
            "Success",
            vec!["a", "b"],
        ),
        (
            Resolution::Failed {
                message: "it is gone".to_owned(),
            },
            "Failed",
            vec!["a", "c"],
        ),
        (Resolution::Skip, "Success", vec!["a", "b"]),
        (Resolution::Retry, "InProgress", vec!["a"]),
    ];
    for (resolution, status, trail) in cases {
        let (mut world, _) = waiting();
        resolve(&mut world, resolution.clone()).expect("taken");
        assert_eq!(
            (world.step("a"), world.trail()),
            (Some(status), trail),
            "{resolution:?}"
        );
        assert_eq!(world.effects.len(), 1);
    }
    let (mut world, effect) = waiting();
    world
        .feed(Input::Effect {
            effect,
            outcome: nothing(),
        })
        .expect("taken");
    assert_eq!(world.trail(), ["a", "b"], "a late result settles it");
    assert_eq!(
        conflict_code(resolve(&mut world, Resolution::Skip)),
        "InvalidAutomationSignalException"
    );
    let (mut world, _) = waiting();
    let gone = Input::Resolve {
        step: "zz".to_owned(),
        resolution: Resolution::Skip,
        by: ANA.to_owned(),
    };
    assert_eq!(conflict_code(world.feed(gone)), "AutomationStep");
}

#[test]
fn cancelling_cleans_up() {
    let text = document(
        "- name: work\n  action: aws:executeAwsApi\n  onCancel: step:undo\n  inputs: {Service: s, Api: a}\n- name: rest\n  action: aws:sleep\n  isEnd: true\n  inputs: {Duration: PT1S}\n\
         - name: undo\n  action: aws:executeAwsApi\n  inputs: {Service: s, Api: undo}\n",
    );
    for outcome in [nothing(), failed("X"), unknown()] {
        let lost = outcome == unknown();
        let mut world = World::of(&text, &[]);
        world.stop(StopKind::Cancel).expect("taken");
        assert_eq!(
            (world.status(), world.step("work")),
            (Status::Cancelling, Some("Cancelling"))
        );
        world.answer(outcome);
        if !lost {
            assert_eq!(world.last_call().operation, "undo");
            world.answer(nothing());
            assert_eq!(world.step("undo"), Some("Success"));
        }
        assert_eq!(world.status(), Status::Cancelled);
        let code = conflict_code(world.stop(StopKind::Cancel));
        assert_eq!(code, "InvalidAutomationStatusUpdateException");
    }
    let mut world = World::of(&text, &[]);
    world.stop(StopKind::Cancel).expect("taken");
    world.answer(nothing());
    world.tick();
    assert_eq!(
        (world.status(), world.step("undo")),
        (Status::Cancelled, Some("Cancelled")),
        "two minutes at most"
    );

    let mut world = World::of(
        &document("- name: hold\n  action: aws:pause\n  inputs: {}\n"),
        &[],
    );
    world.stop(StopKind::Cancel).expect("taken");
    assert_eq!(
        (world.status(), world.step("hold")),
        (Status::Cancelled, Some("Cancelled"))
    );
}

#[test]
fn completing_ends_after_the_current_step() {
    let mut world = World::of(&document(&(api("a", "") + &api("b", ""))), &[]);
    world.stop(StopKind::Complete).expect("taken");
    assert_eq!(world.status(), Status::InProgress);
    world.answer(nothing());
    assert_eq!(
        (world.status(), world.trail()),
        (Status::Success, vec!["a"])
    );
    let shown = view::steps(world.run());
    assert_eq!(
        (shown.len(), &shown[1]["StepStatus"]),
        (2, &json!("Pending"))
    );
}

#[test]
fn an_interactive_run_is_led_by_hand() {
    let text = document(&(api("a", "") + &api("b", "")));
    let mut world = World::new();
    let mut wish = request(&[]);
    wish.mode = "Interactive".to_owned();
    world.feed(start(&text, wish)).expect("starts");
    assert_eq!((world.status(), world.effects.len()), (Status::Waiting, 0));
    let pending = view::steps(world.run())[0]["StepExecutionId"].clone();
    assert_eq!(
        conflict_code(world.signal(SignalKind::StartStep, &[("StepName", "zz")], ANA)),
        "AutomationStep"
    );
    assert_eq!(
        conflict_code(world.signal(SignalKind::StartStep, &[("StepName", "b")], ANA)),
        "InvalidAutomationSignalException"
    );
    world
        .signal(SignalKind::StartStep, &[("StepName", "a")], ANA)
        .expect("taken");
    assert_eq!(
        view::steps(world.run())[0]["StepExecutionId"],
        pending,
        "the id was known before"
    );
    world.answer(nothing());
    assert_eq!(world.status(), Status::Waiting);
    world
        .signal(SignalKind::StartStep, &[("StepName", "b")], ANA)
        .expect("taken");
    world.answer(nothing());
    assert_eq!(world.status(), Status::Success);
}

#[test]
fn a_step_can_be_stopped() {
    let text = document(
        "- name: a\n  action: aws:pause\n  onFailure: step:c\n  inputs: {}\n- name: b\n  action: aws:pause\n  inputs: {}\n- name: c\n  action: aws:pause\n  inputs: {}\n",
    );
    let mut world = World::of(&text, &[]);
    assert_eq!(
        conflict_code(world.signal(SignalKind::StopStep, &[("StepExecutionId", "x")], ANA)),
        "AutomationStep"
    );
    let id = world.run().current().expect("waits").id.to_string();
    world
        .signal(SignalKind::StopStep, &[("StepExecutionId", &id)], ANA)
        .expect("taken");
    assert_eq!(
        (world.step("a"), world.trail()),
        (Some("Cancelled"), vec!["a", "c"])
    );
}

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

#[test]
fn the_view_has_the_apis_shape() {
    let text = document(&(api("a", "  timeoutSeconds: 20\n  maxAttempts: 2\n") + &api("b", "")));
    let mut world = World::of(&text, &[]);
    let shown = view::execution(world.run());
    assert_eq!(shown["AutomationExecutionStatus"], "InProgress");
    assert_eq!(shown["ExecutionStartTime"], json!(1_772_359_200.0));
    assert_eq!(
        (&shown["CurrentStepName"], &shown["CurrentAction"]),
        (&json!("a"), &json!("aws:executeAwsApi"))
    );
    let first = &shown["StepExecutions"][0];
    assert_eq!(
        (
            &first["TimeoutSeconds"],
            &first["MaxAttempts"],
            &first["NextStep"]
        ),
        (&json!(20), &json!(2), &json!("b"))
    );
    assert_eq!(
        first["Inputs"],
        json!({"Service": "\"ec2\"", "Api": "\"DescribeInstances\""})
    );
    assert_eq!(shown["StepExecutions"][1]["StepStatus"], "Pending");
    world.play(|_, _| failed("AccessDenied"));
    let shown = view::execution(world.run());
    let first = &shown["StepExecutions"][0];
    assert_eq!(
        first["FailureDetails"],
        json!({"FailureStage": "Invocation", "FailureType": "Permission", "Details": {"Attempts": ["2"]}})
    );
    assert_eq!(
        view::metadata(&world.run().summary())["AutomationExecutionStatus"],
        "Failed"
    );
    let (parsed, _) = flow::automation::document::parse(
        &(text + "parameters:\n  P: {type: StringList, default: [a], description: d}\n"),
        Format::Yaml,
    );
    let parameters = view::document_parameters(&parsed.expect("valid"));
    assert_eq!(
        parameters,
        [json!({"Name": "P", "Type": "StringList", "Description": "d", "DefaultValue": "[\"a\"]"})]
    );
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
