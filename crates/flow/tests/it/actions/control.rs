//! Actions that lead a run and call nothing: branches, sleeps, pauses, approvals, loops, variables.

use flow::automation::{SignalKind, Status, view};
use serde_json::json;

use super::{conflict_code, statuses};
use crate::world::{ANA, World, document, done, failed, nothing, unknown};

const BO: &str = "arn:aws:iam::123456789012:user/bo";

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
