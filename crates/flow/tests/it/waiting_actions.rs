//! The actions that start something in the account and wait for its end.

#![expect(
    clippy::too_many_lines,
    reason = "a test tells one story from start to end"
)]

mod images;
mod stacks;

use flow::automation::{SignalKind, Status, StopKind};
use model::EffectCommand;
use model::effect::{Failure, Outcome};
use serde_json::{Value, json};

use crate::world::{ANA, World, document, done, failed, nothing, request, start, unknown};

fn refused(code: &str, message: &str) -> Outcome {
    Outcome::Failed(Failure {
        code: code.to_owned(),
        message: message.to_owned(),
        status: Some(400),
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    })
}

/// Calls so far, as `service:Operation`.
fn called(world: &World) -> Vec<String> {
    let calls = world.calls();
    calls
        .map(|call| format!("{}:{}", call.service, call.operation))
        .collect()
}

fn last(world: &World) -> String {
    called(world).pop().expect("a call")
}

fn step(action: &str, more: &str, inputs: &str) -> String {
    document(&format!(
        "- name: a\n  action: aws:{action}\n{more}  inputs: {inputs}\n"
    ))
}

const RUN_COMMAND: &str = "{DocumentName: AWS-RunShellScript, InstanceIds: ['{{ Ids }}'], Parameters: {commands: ['{{ What }}', true], executionTimeout: 60}, TimeoutSeconds: 30, Comment: ''}";
const PARAMETERS: &str =
    "parameters:\n  Ids: {type: StringList, default: [i-1]}\n  What: {type: String, default: ls}\n";

#[test]
fn a_command_is_sent_followed_and_read() {
    let text = step("runCommand", "", RUN_COMMAND) + PARAMETERS;
    let mut world = World::of(&text, &[]);
    assert_eq!(
        world.last_call().params,
        json!({"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-1"], "TimeoutSeconds": 30,
            "Parameters": {"commands": ["ls", "true"], "executionTimeout": ["60"]}})
    );
    world.answer(done(json!({"Command": {"CommandId": "c-1"}})));
    assert_eq!(world.output("a", "CommandId"), Some(json!("c-1")));
    for answer in [
        done(json!({"Commands": []})),
        failed("Throttling"),
        unknown(),
        done(json!({"Commands": [{"Status": "InProgress"}]})),
    ] {
        assert_eq!(last(&world), "ssm:ListCommands");
        world.answer(answer);
        assert!(world.tick().ends_with("poll"));
    }
    world.answer(done(
        json!({"Commands": [{"Status": "Success", "StatusDetails": "Success"}]}),
    ));
    assert_eq!(last(&world), "ssm:ListCommandInvocations");
    assert_eq!(
        world.last_call().params,
        json!({"CommandId": "c-1", "Details": true})
    );
    world.answer(done(
        json!({"CommandInvocations": [{"InstanceId": "i-1", "Status": "Success",
        "CommandPlugins": [{"ResponseCode": 0, "Output": "hello"}]}]}),
    ));
    assert_eq!(world.status(), Status::Success);
    for (name, value) in [
        ("CommandId", json!("c-1")),
        ("Status", json!("Success")),
        ("ResponseCode", json!(0)),
        ("Output", json!("hello")),
    ] {
        assert_eq!(world.output("a", name), Some(value), "{name}");
    }

    // Where the list cannot be read, one instance is asked; where that cannot be either, the command has ended well.
    for (code, detail, output) in [
        (
            "AccessDeniedException",
            done(
                json!({"ResponseCode": 0, "Status": "Success", "StandardOutputContent": "out", "StandardErrorContent": "err"}),
            ),
            Some(json!("out\n----------ERROR-------\nerr")),
        ),
        (
            "NotImplementedByTarget",
            failed("AccessDeniedException"),
            None,
        ),
    ] {
        let mut world = World::of(&text, &[]);
        world.answer(done(json!({"Command": {"CommandId": "c-1"}})));
        world.answer(done(json!({"Commands": [{"Status": "Success"}]})));
        world.answer(failed(code));
        assert_eq!(last(&world), "ssm:GetCommandInvocation");
        assert_eq!(
            world.last_call().params,
            json!({"CommandId": "c-1", "InstanceId": "i-1"})
        );
        world.answer(detail);
        assert_eq!(
            (world.status(), world.output("a", "Output")),
            (Status::Success, output)
        );
    }
}

#[test]
fn a_command_that_does_not_succeed_fails_the_step() {
    let text = step("runCommand", "", RUN_COMMAND) + PARAMETERS;
    for status in ["Failed", "TimedOut", "Cancelled"] {
        let mut world = World::of(&text, &[]);
        world.answer(done(json!({"Command": {"CommandId": "c-1"}})));
        world.answer(done(
            json!({"Commands": [{"Status": status, "StatusDetails": "Why"}]}),
        ));
        world.answer(done(json!({"CommandInvocations": [
            {"InstanceId": "i-1", "Status": "Success", "CommandPlugins": [{"ResponseCode": 0, "Output": "fine"}]},
            {"InstanceId": "i-2", "Status": status, "CommandPlugins": [{"ResponseCode": 0, "Output": ""}, {"ResponseCode": 3, "Output": "boom"}]}]})));
        assert_eq!(world.status(), Status::Failed);
        assert!(
            world
                .failure("a")
                .contains(&format!("the status {status} (Why). i-2 ({status}): boom")),
            "{}",
            world.failure("a")
        );
        assert_eq!(world.output("a", "ResponseCode"), Some(json!(3)));
        assert_eq!(
            world.output("a", "Output"),
            Some(json!("i-1:\nfine\ni-2:\nboom\n"))
        );
    }
    let many = vec!["i-1"; 51].join(", ");
    for (inputs, expected) in [
        ("{DocumentName: D}".to_owned(), "Exactly one of the inputs"),
        (
            "{DocumentName: D, InstanceIds: [i-1], Targets: [{Key: tag:A, Values: [b]}]}"
                .to_owned(),
            "Exactly one of the inputs",
        ),
        (
            format!("{{DocumentName: D, InstanceIds: [{many}]}}"),
            "has 51 items",
        ),
        (
            "{DocumentName: D, InstanceIds: [i-1], Parameters: ls}".to_owned(),
            "must be a map",
        ),
    ] {
        let world = World::of(&step("runCommand", "", &inputs), &[]);
        assert!(
            world.failure("a").contains(expected),
            "{}",
            world.failure("a")
        );
        assert!(world.performed.is_empty());
    }
    let world = World::of(
        &step(
            "runCommand",
            "",
            "{DocumentName: D, Targets: {Key: tag:A, Values: [b]}, MaxErrors: 1}",
        ),
        &[],
    );
    assert_eq!(
        world.last_call().params,
        json!({"DocumentName": "D", "Targets": [{"Key": "tag:A", "Values": ["b"]}], "MaxErrors": "1"})
    );
}

#[test]
fn cancelling_ends_what_goes_on_in_the_account() {
    let command = step("runCommand", "", RUN_COMMAND) + PARAMETERS;
    let machine = step(
        "executeStateMachine",
        "",
        "{stateMachineArn: arn:m, input: {a: 1}}",
    );
    let cases = [
        (
            &command,
            json!({"Command": {"CommandId": "c-1"}}),
            "ssm:CancelCommand",
            json!({"Commands": [{"Status": "Pending"}]}),
        ),
        (
            &machine,
            json!({"executionArn": "arn:e"}),
            "stepfunctions:StopExecution",
            json!({"status": "RUNNING"}),
        ),
    ];
    for (text, made, stopping, going_on) in &cases {
        // While a look is in flight, and between two looks.
        for looked in [false, true] {
            let mut world = World::of(text, &[]);
            world.answer(done(made.clone()));
            if looked {
                world.answer(done(going_on.clone()));
            }
            world.stop(StopKind::Cancel).expect("taken");
            assert_eq!(last(&world), *stopping);
            assert_eq!(
                (world.status(), world.step("a")),
                (Status::Cancelling, Some("Cancelling"))
            );
            world.effects = world.effects.split_off(world.effects.len() - 1);
            world.answer(nothing());
            assert_eq!(
                (world.status(), world.step("a")),
                (Status::Cancelled, Some("Cancelled"))
            );
        }
        // While the starting call is in flight: it is waited for, then ended.
        let mut world = World::of(text, &[]);
        world.stop(StopKind::Cancel).expect("taken");
        assert_eq!(world.performed.len(), 1);
        world.answer(done(made.clone()));
        assert_eq!(last(&world), *stopping);
        world.effects = world.effects.split_off(world.effects.len() - 1);
        world.answer(failed("AccessDeniedException"));
        assert_eq!(world.status(), Status::Cancelled);
        assert!(
            world
                .failure("a")
                .contains("may go on: no (AccessDeniedException)"),
            "{}",
            world.failure("a")
        );
        // One step alone.
        let mut world = World::of(text, &[]);
        world.answer(done(made.clone()));
        let id = world
            .run()
            .current()
            .map(|record| record.id.to_string())
            .expect("a step");
        world
            .signal(SignalKind::StopStep, &[("StepExecutionId", &id)], ANA)
            .expect("taken");
        assert_eq!(last(&world), *stopping);
        world.effects = world.effects.split_off(world.effects.len() - 1);
        world.answer(nothing());
        assert_eq!(
            (world.status(), world.step("a")),
            (Status::Failed, Some("Cancelled"))
        );
        assert!(world.failure("a").contains("Step was stopped by arn:"));
    }
}

#[test]
fn cancelling_between_a_change_and_its_looks_ends_the_step() {
    let text = document(
        "- name: a\n  action: aws:changeInstanceState\n  inputs: {InstanceIds: [i-1], DesiredState: stopped}\n",
    );
    let mut world = World::of(&text, &[]);
    world.stop(StopKind::Cancel).expect("taken");
    world.answer(nothing());
    assert_eq!(
        (world.status(), world.step("a")),
        (Status::Cancelled, Some("Cancelled"))
    );
}

#[test]
fn a_function_is_invoked() {
    let text = step(
        "invokeLambdaFunction",
        "",
        "{FunctionName: F, InputPayload: {id: '{{ global:REGION }}'}, Payload: '{}', LogType: Tail}",
    );
    let mut world = World::of(&text, &[]);
    assert_eq!(
        world.last_call().params,
        json!({"FunctionName": "F", "Payload": "{\"id\":\"eu-west-1\"}", "LogType": "Tail"})
    );
    assert_eq!(world.last_call().timeout_secs, 300);
    world.answer(done(
        json!({"StatusCode": 200, "Payload": "{\"ok\":true}", "LogResult": "bG9n", "ExecutedVersion": "1"}),
    ));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(world.output("a", "StatusCode"), Some(json!(200)));
    assert_eq!(world.output("a", "Payload"), Some(json!("{\"ok\":true}")));
    assert_eq!(world.output("a", "LogResult"), Some(json!("bG9n")));
    assert_eq!(world.output("a", "FunctionError"), None);

    let mut world = World::of(&text, &[]);
    world.answer(done(
        json!({"StatusCode": 200, "FunctionError": "Unhandled", "Payload": "{\"errorMessage\":\"boom\"}"}),
    ));
    assert_eq!(world.status(), Status::Failed);
    assert!(
        world.failure("a").contains("the error Unhandled: ") && world.failure("a").contains("boom")
    );
    assert_eq!(world.output("a", "FunctionError"), Some(json!("Unhandled")));

    let mut world = World::of(&text, &[]);
    world.answer(done(
        json!({"StatusCode": 200, "Payload": "ä".repeat(200_000)}),
    ));
    let kept = world.output("a", "Payload").expect("kept");
    assert_eq!(kept.as_str().map(str::len), Some(200 * 1024));
}

#[test]
fn a_state_machine_is_followed_to_its_end() {
    let text = step(
        "executeStateMachine",
        "",
        "{stateMachineArn: arn:m, name: n, input: {a: 1}}",
    );
    let mut world = World::of(&text, &[]);
    assert_eq!(
        world.last_call().params,
        json!({"stateMachineArn": "arn:m", "name": "n", "input": "{\"a\":1}"})
    );
    world.answer(done(json!({"executionArn": "arn:e", "startDate": "x"})));
    assert_eq!(world.last_call().params, json!({"executionArn": "arn:e"}));
    world.answer(done(json!({"status": "RUNNING"})));
    world.tick();
    world.answer(done(json!({"status": "SUCCEEDED", "executionArn": "arn:e", "output": "{}", "name": "n", "inputDetails": {}})));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(world.output("a", "output"), Some(json!("{}")));
    assert_eq!(world.output("a", "inputDetails"), None);
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        let mut world = World::of(&text, &[]);
        world.answer(done(json!({"executionArn": "arn:e"})));
        world.answer(done(
            json!({"status": status, "executionArn": "arn:e", "error": "E", "cause": "because"}),
        ));
        assert_eq!(world.status(), Status::Failed);
        assert!(
            world
                .failure("a")
                .contains(&format!("the status {status}: E because")),
            "{}",
            world.failure("a")
        );
        assert_eq!(world.output("a", "status"), Some(json!(status)));
    }
}

#[test]
fn a_webhook_is_named_and_never_described() {
    let text = step(
        "invokeWebhook",
        "",
        "{IntegrationName: '{{ Name }}', Body: 'id {{ global:REGION }}'}",
    ) + "parameters:\n  Name: {type: String}\nassumeRole: arn:aws:iam::123456789012:role/R\n";
    let mut world = World::of(&text, &[("Name", "chat")]);
    let Some(EffectCommand::InvokeIntegration(call)) = world.performed.last().cloned() else {
        panic!("{:?}", world.performed)
    };
    assert_eq!(
        (
            call.name.as_str(),
            call.body.as_deref(),
            call.region.as_str()
        ),
        ("chat", Some("id eu-west-1"), "eu-west-1")
    );
    assert!(call.assume_role.is_some());
    world.answer(done(
        json!({"Response": "ok", "ResponseCode": 200, "More": 1}),
    ));
    assert_eq!(world.status(), Status::Success);
    assert_eq!(world.output("a", "ResponseCode"), Some(json!(200)));
    assert_eq!(world.output("a", "More"), None::<Value>);
    for name in ["../x", "a/b", "a b", ""] {
        let world = World::of(&text, &[("Name", name)]);
        assert!(
            world.failure("a").contains("Input IntegrationName"),
            "{name}"
        );
        assert!(world.performed.is_empty());
    }
}

#[test]
fn waiting_ends_with_the_step_s_time() {
    for (action, inputs, made) in [
        (
            "runCommand",
            "{DocumentName: D, InstanceIds: [i-1]}",
            json!({"Command": {"CommandId": "c"}}),
        ),
        (
            "createImage",
            "{InstanceId: i-1, ImageName: N}",
            json!({"ImageId": "ami-1"}),
        ),
        ("createStack", "{StackName: S}", json!({"StackId": "arn:s"})),
        (
            "executeStateMachine",
            "{stateMachineArn: arn:m}",
            json!({"executionArn": "arn:e"}),
        ),
    ] {
        let text = step(action, "  timeoutSeconds: 60\n", inputs);
        let mut world = World::of(&text, &[]);
        let begun = world.cx.at;
        world.answer(done(made));
        world.play(|_, _| nothing());
        assert_eq!(world.status(), Status::TimedOut, "{action}");
        assert_eq!(world.cx.at.duration_since(begun).as_secs(), 60, "{action}");
    }
}

#[test]
fn a_throttled_call_is_made_again_for_as_long_as_the_account_says() {
    let text = document(
        "- name: a\n  action: aws:executeAwsApi\n  maxAttempts: 2\n  inputs: {Service: ec2, Api: DescribeX}\n",
    );
    let begin = |seconds: u32| {
        let mut world = World::new();
        world.cx.throttle_retry_secs = seconds;
        world.feed(start(&text, request(&[]))).expect("starts");
        world
    };
    let mut world = begin(60);
    let begun = world.cx.at;
    let mut waits = Vec::new();
    while world.effects.len() == 1 && waits.len() < 20 {
        world.answer(failed("RequestLimitExceeded"));
        if world.timers.is_empty() {
            break;
        }
        let before = world.cx.at;
        assert!(world.tick().ends_with("throttle"));
        waits.push(world.cx.at.duration_since(before).as_secs());
    }
    // A second, then as long as has passed, twenty at most; behind the minute the attempts count.
    assert_eq!(waits, [1, 1, 2, 4, 8, 16, 20, 20]);
    assert!(world.cx.at.duration_since(begun).as_secs() > 60);
    // The second attempt has no time left.
    world.play(|_, _| failed("RequestLimitExceeded"));
    assert_eq!(world.status(), Status::Failed);

    let mut world = begin(60);
    world.answer(failed("Throttling"));
    world.tick();
    world.answer(nothing());
    assert_eq!(
        (world.status(), world.performed.len()),
        (Status::Success, 2)
    );
    // Other failures do not wait, and without the setting nothing does.
    let mut world = begin(60);
    world.answer(failed("Boom"));
    world.answer(failed("Boom"));
    assert_eq!(world.status(), Status::Failed);
    let mut world = begin(0);
    world.answer(failed("Throttling"));
    world.answer(failed("Throttling"));
    assert_eq!((world.status(), world.performed.len()), (Status::Failed, 2));
    // Half an image's deletion is not begun anew: its own rhythm goes on, then the step fails.
    let mut world = World::new();
    world.cx.throttle_retry_secs = 3_600;
    let delete = step("deleteImage", "", "{ImageId: ami-1}");
    world.feed(start(&delete, request(&[]))).expect("starts");
    world.answer(done(
        json!({"Images": [{"BlockDeviceMappings": [{"Ebs": {"SnapshotId": "snap-1"}}]}]}),
    ));
    world.answer(nothing());
    world.play(|_, _| failed("Throttling"));
    assert_eq!(world.status(), Status::Failed);
    assert!(!called(&world)[1..].contains(&"ec2:DescribeImages".to_owned()));
    // A cancellation does not wait either.
    let mut world = begin(60);
    world.answer(failed("Throttling"));
    world.stop(StopKind::Cancel).expect("taken");
    assert_eq!(world.status(), Status::Cancelled);
}
