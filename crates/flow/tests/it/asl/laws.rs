//! What must hold of any machine: hostile definitions end clearly, turns may be cut anywhere, retries wait as declared.

use flow::asl::Status;
use flow::asl::definition::{self, MachineType, Retrier};
use serde_json::{Value, json};

use super::world::{World, start};

fn run(definition: &Value, input: &Value, budget: u32) -> World {
    let start = start(definition, input);
    World::run(start, budget).expect("a valid definition")
}

fn one(state: Value) -> Value {
    json!({"StartAt": "S", "States": {"S": state}})
}

fn error(world: &World) -> &str {
    world.execution.failure().0.unwrap_or_default()
}

#[test]
fn retries_wait_as_declared() {
    let retrier = |interval, backoff, max_delay, full_jitter| Retrier {
        errors: Vec::new(),
        interval,
        max_attempts: 3,
        backoff,
        max_delay,
        full_jitter,
    };
    for (retrier, fraction, want) in [
        (retrier(1, 2.0, None, false), 0.5, [1.0, 2.0, 4.0, 8.0]),
        (retrier(3, 1.0, None, false), 0.5, [3.0, 3.0, 3.0, 3.0]),
        (retrier(2, 1.5, Some(4), false), 0.5, [2.0, 3.0, 4.0, 4.0]),
        (retrier(2, 2.0, Some(10), true), 0.5, [1.0, 2.0, 4.0, 5.0]),
        (retrier(2, 2.0, None, true), 0.0, [0.0, 0.0, 0.0, 0.0]),
    ] {
        let waits = [1, 2, 3, 4].map(|attempt| retrier.delay(attempt, fraction));
        assert_eq!(waits, want, "{retrier:?}");
    }
    let long = retrier(99_999_999, 1000.0, None, false).delay(u64::MAX, 1.0);
    assert!(long.is_finite() && long <= 31_622_400.0);
}

#[test]
fn a_map_over_a_thousand_ends_alike_wherever_its_turns_are_cut() {
    let processor = json!({
        "StartAt": "Add",
        "States": {"Add": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($, 1)"}, "End": true}},
    });
    let machine = one(json!({"Type": "Map", "ItemProcessor": processor, "End": true}));
    let items: Vec<u64> = (0..1_000).collect();
    let whole = run(&machine, &json!(items), 1_000_000);
    let cut = run(&machine, &json!(items), 7);
    assert_eq!(whole.execution.status(), Status::Succeeded);
    assert_eq!(whole.execution.output(), cut.execution.output());
    assert_eq!(whole.history, cut.history);
    let sums: Vec<Value> = (1..=1_000).map(|n| json!({"n": n})).collect();
    assert_eq!(
        whole.execution.output(),
        Some(json!(sums).to_string().as_str())
    );
}

#[test]
fn a_circle_ends_at_the_longest_history() {
    let circle = json!({
        "StartAt": "A",
        "States": {
            "A": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "End"}], "Default": "B"},
            "B": {"Type": "Pass", "Next": "A"},
            "End": {"Type": "Succeed"},
        },
    });
    let world = run(&circle, &json!({}), 10_000);
    assert_eq!(error(&world), "States.Runtime");
    assert!(world.history.len() <= 25_000, "{}", world.history.len());
}

#[test]
fn hostile_expressions_end_with_an_error_of_the_query_language() {
    for expression in [
        "($f := function($n) { $f($n + 1) }; $f(0))",
        "($f := function($n) { 1 + $f($n + 1) }; $f(0))",
        "$map([1..999999], function($x) { [1..999999] })",
        "$eval('1 + 1')",
        "$partition([1, 2, 3], 0)",
        "$range(0, 10, 0)",
        "$hash('x', 'ROT13')",
        "$parse('{')",
    ] {
        let state = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": format!("{{% {expression} %}}"), "End": true});
        let world = run(&one(state), &json!({}), 100);
        assert_eq!(error(&world), "States.QueryEvaluationError", "{expression}");
    }
}

#[test]
fn the_functions_that_step_functions_adds_are_there() {
    for (expression, want) in [
        ("$partition([1, 2, 3], 2)", json!([[1, 2], [3]])),
        ("$range(0, 9, 3)", json!([0, 3, 6, 9])),
        (
            "$hash('input data', 'MD5')",
            json!("812f45842bc6d66ee14572ce20db8e86"),
        ),
        ("$parse('{\"a\": [1]}').a", json!([1])),
        ("$length($uuid())", json!(36)),
        ("$random(7) = $random(7)", json!(true)),
        ("$random() < 1", json!(true)),
        ("$now()", json!("2026-01-01T00:00:00.000Z")),
        ("$millis()", json!(1_767_225_600_000_u64)),
    ] {
        let state = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": format!("{{% {expression} %}}"), "End": true});
        let world = run(&one(state), &json!({}), 100);
        let output = world
            .execution
            .output()
            .map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        assert_eq!(
            output,
            Some(want),
            "{expression}: {:?}",
            world.execution.failure()
        );
    }
}

#[test]
fn hostile_definitions_are_refused_with_a_place() {
    let mut deep = json!({"StartAt": "P0", "States": {"P0": {"Type": "Pass", "End": true}}});
    for level in 1..28 {
        let name = format!("P{level}");
        deep = json!({"StartAt": name, "States": {name.as_str(): {"Type": "Parallel", "Branches": [deep], "End": true}}});
    }
    let twice = r#"{"StartAt": "A", "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    let many_calls = format!("{}1{}", "States.Array(".repeat(11), ")".repeat(11));
    for (definition, words) in [
        (deep.to_string(), "nested deeper than 24"),
        (twice.to_owned(), "Duplicate field 'StartAt'"),
        ("[".repeat(1_000), "recursion limit"),
        (
            one(json!({"Type": "Pass", "Parameters": {"a.$": many_calls}, "End": true}))
                .to_string(),
            "valid intrinsic",
        ),
        (
            one(json!({"Type": "Pass", "Parameters": {"a.$": "$.a", "a": 1}, "End": true}))
                .to_string(),
            "given twice",
        ),
        (
            one(json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:eat", "End": true}))
                .to_string(),
            "not recognized",
        ),
        (
            one(json!({"Type": "Pass", "End": true, "Next": "S"})).to_string(),
            "Only one of these fields",
        ),
        (
            one(json!({"Type": "Pass", "Endd": true, "End": true})).to_string(),
            "Field 'Endd' is not supported",
        ),
        (
            one(json!({"Type": "Pass", "ResultPath": "$.a[*]", "End": true})).to_string(),
            "Reference Path",
        ),
        (
            one(json!({"Type": "Wait", "End": true})).to_string(),
            "Exactly one of these fields",
        ),
    ] {
        let problems = definition::parse(&definition, MachineType::Standard).expect_err(words);
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            all.iter().any(|problem| problem.contains(words)),
            "{words}: {all:?}"
        );
    }
}
