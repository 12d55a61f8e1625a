//! Pictures of machines and of what became of executions.

use flow::asl::definition::{MachineType, StateMachine, parse};
use flow::asl::graph::{Marks, Outcome, mermaid, svg};
use serde_json::{Value, json};

fn machine(definition: &Value) -> StateMachine {
    parse(&definition.to_string(), MachineType::Standard).expect("a valid definition")
}

fn nested() -> Value {
    json!({"StartAt": "Which", "States": {
        "Which": {"Type": "Choice", "Default": "All",
            "Choices": [{"And": [{"Variable": "$.n", "NumericGreaterThanEquals": 7}, {"Not": {"Variable": "$.x", "IsPresent": true}}], "Next": "Both"}]},
        "Both": {"Type": "Parallel", "Next": "Which", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Done"}], "Branches": [
            {"StartAt": "Left", "States": {"Left": {"Type": "Pass", "End": true}}},
            {"StartAt": "Right", "States": {"Right": {"Type": "Wait", "Seconds": 1, "End": true}}},
        ]},
        "All": {"Type": "Map", "End": true, "ItemProcessor": {"StartAt": "One", "States": {"One": {"Type": "Succeed"}}}},
        "Done": {"Type": "Fail"},
    }})
}

#[test]
fn everything_of_a_definition_is_in_the_pictures() {
    let machine = machine(&nested());
    let (drawn, text) = (
        svg(&machine, &Marks::default()),
        mermaid(&machine, &Marks::default()),
    );
    for part in [
        "Which",
        "Both",
        "All",
        "Left",
        "Right",
        "One",
        "Done",
        "Default",
        "catch States.ALL",
        "$.n ≥ 7 and not $.x is present",
        "Parallel · 2 branches",
    ] {
        let plain = drawn.replace("&gt;", ">");
        assert!(plain.contains(part), "{part}: {drawn}");
        let escaped = part.replace('$', "#36;");
        assert!(text.contains(&escaped), "{part}: {text}");
    }
    assert_eq!(
        drawn,
        svg(&machine, &Marks::default()),
        "the same picture each time"
    );
    assert_eq!(text.matches("subgraph").count(), 2 + 3);
}

#[test]
fn hostile_names_stay_names() {
    let name = "<script>alert(1)</script>\"];&'\u{202e}";
    let machine =
        machine(&json!({"StartAt": name, "States": {name: {"Type": "Pass", "End": true}}}));
    let drawn = svg(&machine, &Marks::default());
    assert!(!drawn.contains("<script"), "{drawn}");
    assert!(drawn.contains("&lt;script&gt;") && !drawn.contains('\u{202e}'));
    let text = mermaid(&machine, &Marks::default());
    assert!(!text.contains('<') || !text.contains("<script"), "{text}");
    assert!(text.contains("#60;script#62;"), "{text}");
}

fn event(id: u64, before: u64, kind: &str, name: Option<&str>) -> Value {
    let mut event = json!({"id": id, "previousEventId": before, "type": kind});
    if let Some(name) = name {
        let details = if kind.ends_with("Entered") {
            "stateEnteredEventDetails"
        } else {
            "stateExitedEventDetails"
        };
        event[details] = json!({"name": name});
    }
    event
}

/// Events as (type, state), each following the one before.
fn marks(events: &[(&str, Option<&str>)]) -> Marks {
    let events: Vec<Value> = (1..)
        .zip(events)
        .map(|(id, (kind, name))| event(id, id - 1, kind, *name))
        .collect();
    let machine = machine(&json!({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}));
    Marks::of(&machine, &events)
}

#[test]
fn what_became_of_states_is_told_from_the_history() {
    let entered = ("TaskStateEntered", Some("A"));
    let exited = ("TaskStateExited", Some("A"));
    type Told<'a> = (&'a [(&'a str, Option<&'a str>)], Outcome);
    let cases: &[Told<'_>] = &[
        (&[entered], Outcome::Running),
        (&[entered, exited], Outcome::Succeeded),
        (
            &[entered, ("TaskScheduled", None), ("TaskFailed", None)],
            Outcome::Failed,
        ),
        (
            &[
                entered,
                ("TaskScheduled", None),
                ("TaskFailed", None),
                ("TaskScheduled", None),
            ],
            Outcome::Running,
        ),
        (
            &[
                entered,
                ("TaskFailed", None),
                ("TaskScheduled", None),
                ("TaskSucceeded", None),
                exited,
            ],
            Outcome::Succeeded,
        ),
        (&[entered, ("TaskTimedOut", None), exited], Outcome::Caught),
        (
            &[entered, ("TaskFailed", None), ("ExecutionFailed", None)],
            Outcome::Failed,
        ),
        (
            &[("FailStateEntered", Some("A")), ("ExecutionFailed", None)],
            Outcome::Failed,
        ),
        (
            &[entered, ("TaskScheduled", None), ("ExecutionAborted", None)],
            Outcome::Aborted,
        ),
        (&[entered, exited, entered], Outcome::Running),
    ];
    for (events, wanted) in cases {
        let mark = marks(events).get("A");
        assert_eq!(mark.map(|mark| mark.outcome), Some(*wanted), "{events:?}");
    }
    assert_eq!(
        marks(&[entered, exited, entered, exited])
            .get("A")
            .map(|mark| mark.entered),
        Some(2)
    );
    assert_eq!(marks(&[entered]).get("B"), None);
}

#[test]
fn marks_colour_the_states() {
    let machine = machine(&nested());
    let events = [
        event(1, 0, "ExecutionStarted", None),
        event(2, 1, "ChoiceStateEntered", Some("Which")),
        event(3, 2, "ChoiceStateExited", Some("Which")),
        event(4, 3, "ParallelStateEntered", Some("Both")),
        event(5, 4, "ParallelStateStarted", None),
        event(6, 5, "PassStateEntered", Some("Left")),
        event(7, 6, "PassStateExited", Some("Left")),
        event(8, 5, "WaitStateEntered", Some("Right")),
        event(9, 8, "WaitStateExited", Some("Right")),
        event(10, 9, "ParallelStateSucceeded", None),
        event(11, 10, "ParallelStateExited", Some("Both")),
        event(12, 11, "ChoiceStateEntered", Some("Which")),
    ];
    let marks = Marks::of(&machine, &events);
    for (name, outcome) in [
        ("Both", Outcome::Succeeded),
        ("Right", Outcome::Succeeded),
        ("Which", Outcome::Running),
    ] {
        assert_eq!(
            marks.get(name).map(|mark| mark.outcome),
            Some(outcome),
            "{name}"
        );
    }
    let drawn = svg(&machine, &marks);
    assert!(
        drawn.contains("<g data-outcome=\"running\"><title>Which: running, entered 2 times"),
        "{drawn}"
    );
    assert!(mermaid(&machine, &marks).contains("class b0s0 running"));
}

#[test]
fn a_branch_that_fails_ends_those_beside_it() {
    let machine = machine(&nested());
    let events = [
        event(1, 0, "ExecutionStarted", None),
        event(2, 0, "ParallelStateEntered", Some("Both")),
        event(3, 2, "ParallelStateStarted", None),
        event(4, 3, "WaitStateEntered", Some("Right")),
        event(5, 3, "PassStateEntered", Some("Left")),
        event(6, 5, "ParallelStateFailed", None),
        event(7, 6, "ParallelStateExited", Some("Both")),
        event(8, 7, "FailStateEntered", Some("Done")),
    ];
    let marks = Marks::of(&machine, &events);
    for (name, outcome) in [
        ("Both", Outcome::Caught),
        ("Left", Outcome::Failed),
        ("Right", Outcome::Aborted),
        ("Done", Outcome::Running),
    ] {
        let mark = marks.get(name).map(|mark| mark.outcome);
        assert_eq!(mark, Some(outcome), "{name}");
    }
}

/// Big machines are drawn in time that grows with them, not with their square.
#[test]
fn a_large_machine_is_drawn() {
    let last = 3_000;
    let states: serde_json::Map<String, Value> = (0..last)
        .map(|n| {
            let next = format!("S{}", n + 1);
            let state = json!({"Type": "Choice", "Default": next, "Choices": [
                {"Variable": "$.a", "IsNull": true, "Next": format!("S{last}")}]});
            (format!("S{n}"), state)
        })
        .chain([(format!("S{last}"), json!({"Type": "Succeed"}))])
        .collect();
    let machine = machine(&json!({"StartAt": "S0", "States": states}));
    let drawn = svg(&machine, &Marks::default());
    assert!(drawn.ends_with("</svg>\n") && drawn.contains(">S2999<"));
}
