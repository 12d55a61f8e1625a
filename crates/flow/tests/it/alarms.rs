//! An alarm that stops a run.

use flow::automation::view;
use flow::automation::{Input, Status};
use model::report::AlarmWatch;
use serde_json::{Value, json};

use crate::world::{World, api, document, done, failed, request, start, unknown};

fn watched(steps: &str, ignore: bool) -> World {
    let mut world = World::new();
    let mut request = request(&[]);
    request.alarm = Some(AlarmWatch {
        name: "Load".to_owned(),
        ignore_poll_failure: ignore,
    });
    world
        .feed(start(&document(steps), request))
        .expect("starts");
    world
}

fn state(value: &str) -> Value {
    json!({ "MetricAlarms": [{ "AlarmName": "Other", "StateValue": "ALARM" }, { "AlarmName": "Load", "StateValue": value }] })
}

#[test]
fn no_step_begins_before_the_alarm_is_known() {
    let mut world = watched(&api("One", ""), false);
    assert_eq!(world.last_call().operation, "DescribeAlarms");
    assert_eq!(world.last_call().params["AlarmNames"], json!(["Load"]));
    assert_eq!(world.step("One"), None);
    world.answer(done(state("OK")));
    assert_eq!(world.step("One"), Some("InProgress"));
    let shown = view::execution(world.run());
    assert_eq!(shown["AlarmConfiguration"]["Alarms"][0]["Name"], "Load");
    assert_eq!(shown.get("TriggeredAlarms"), None);
    world.answer(done(json!({})));
    assert_eq!(world.status(), Status::Success);
}

#[test]
fn an_active_alarm_cancels_before_the_first_step() {
    let mut world = watched(&api("One", ""), true);
    world.answer(done(
        json!({ "CompositeAlarms": [{ "AlarmName": "Load", "StateValue": "ALARM" }] }),
    ));
    assert_eq!(world.status(), Status::Cancelled);
    assert_eq!(world.trail(), Vec::<&str>::new());
    let shown = view::metadata(&world.run().summary());
    assert_eq!(
        shown["TriggeredAlarms"],
        json!([{ "Name": "Load", "State": "ALARM" }])
    );
    assert_eq!(shown["FailureMessage"], "The alarm Load is active.");
}

#[test]
fn an_alarm_that_fires_later_runs_the_clean_up() {
    let steps = format!(
        "- name: Wait\n  action: aws:pause\n  onCancel: step:Clean\n  inputs: {{}}\n- name: Next\n  action: aws:pause\n  inputs: {{}}\n{}",
        api("Clean", "  isEnd: true\n")
    );
    let mut world = watched(&steps, false);
    world.answer(done(state("INSUFFICIENT_DATA")));
    assert_eq!(world.step("Wait"), Some("Waiting"));
    assert_eq!(world.tick(), "alarm");
    world.answer(done(state("OK")));
    assert_eq!(world.tick(), "alarm");
    world.answer(done(state("ALARM")));
    assert_eq!(world.step("Wait"), Some("Cancelled"));
    assert_eq!(world.step("Clean"), Some("InProgress"));
    world.answer(done(json!({})));
    assert_eq!(world.status(), Status::Cancelled);
    assert_eq!(world.trail(), ["Wait", "Clean"]);
}

#[test]
fn a_state_that_cannot_be_read_stops_unless_it_is_ignored() {
    for outcome in [
        failed("AccessDenied"),
        unknown(),
        done(json!({ "MetricAlarms": [] })),
        done(json!({})),
    ] {
        let mut world = watched(&api("One", ""), false);
        world.answer(outcome.clone());
        assert_eq!(world.status(), Status::Cancelled, "{outcome:?}");
        let shown = view::execution(world.run());
        assert_eq!(shown["TriggeredAlarms"][0]["State"], "UNKNOWN");
        let mut world = watched(&api("One", ""), true);
        world.answer(outcome);
        assert_eq!(world.step("One"), Some("InProgress"));
    }
}

#[test]
fn a_timer_that_comes_while_it_is_asked_changes_nothing() {
    let mut world = watched("- name: Wait\n  action: aws:pause\n  inputs: {}\n", false);
    world.answer(done(state("OK")));
    assert_eq!(world.tick(), "alarm");
    let before = world.frames.clone();
    let key = "alarm".to_owned();
    world.feed(Input::Timer { key }).expect("taken");
    assert_eq!(world.frames, before);
    world
        .stop(flow::automation::StopKind::Cancel)
        .expect("taken");
    assert_eq!(world.status(), Status::Cancelled);
}
