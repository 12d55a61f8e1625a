//! Each action, step by step, with the answers that the world may give.

#![expect(
    clippy::too_many_lines,
    reason = "a test tells one story from start to end"
)]

mod calls;
mod control;
mod starting;

use flow::automation::document::Format;
use flow::automation::{Input, Resolution, SignalKind, Status, StopKind, view};
use model::Rejection;
use model::report::RunReport;
use serde_json::{Value, json};

use crate::world::{ANA, World, api, document, failed, nothing, request, start, unknown};

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
