//! How large a plan may grow: items, bytes, values.

use serde_json::json;

use super::{Account, plan, task};

#[test]
fn a_map_shows_two_hundred_items_whatever_runs_at_once() {
    let states = json!({
        "First": {"Type": "Map", "MaxConcurrency": 1_000, "End": true,
            "ItemProcessor": {"StartAt": "Do", "States": {"Do": {"Type": "Pass", "End": true}}}},
    });
    let items: Vec<u32> = (0..900).collect();
    let plan = plan(states, &json!(items), &Account::new());
    assert_eq!(plan.steps.len(), 201);
    assert!(!plan.complete);
    assert!(
        plan.left_out[0].contains("200 of its 900 items"),
        "{:?}",
        plan.left_out
    );
}

#[test]
fn a_plan_is_no_larger_than_a_frame() {
    let body = "x".repeat(40_000);
    let states = json!({
        "First": {"Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemSelector": {"text.$": "$.text", "n.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"StartAt": "Tell", "States": {
                "Tell": task("sns:publish", json!({"TopicArn.$": "States.Format('t-{}', $.n)", "Message.$": "$.text"}), json!({"ResultPath": null, "Next": "Lost"})),
                "Lost": {"Type": "Fail", "Error": "Lost", "CausePath": "$.text"}}}},
    });
    let items: Vec<u32> = (0..15).collect();
    let plan = plan(
        states,
        &json!({"items": items, "text": body}),
        &Account::new(),
    );
    let bytes = json!(plan).to_string().len();
    assert!(bytes < 1 << 18, "{bytes}");
    assert!(
        plan.left_out.iter().any(|it| it.contains("too large")),
        "{:?}",
        plan.left_out
    );
}

#[test]
fn values_that_are_too_many_to_be_followed_are_not_followed_and_that_is_told() {
    let body = "x".repeat(200_000);
    let passes = json!({
        "A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Pass", "Next": "D"}, "D": {"Type": "Pass", "End": true},
    });
    let states = json!({
        "First": {"Type": "Map", "ItemsPath": "$.items", "End": true,
            "ItemSelector": {"text.$": "$.text", "n.$": "$$.Map.Item.Value"},
            "ItemProcessor": {"StartAt": "A", "States": passes}},
    });
    let items: Vec<u32> = (0..150).collect();
    let input = json!({"items": items, "text": body});
    let plan = plan(states, &input, &Account::new());
    assert!(!plan.complete);
    let told = plan.left_out.iter().any(|it| it.contains("33554432 bytes"));
    assert!(told, "{:?}", plan.left_out);
    assert!(plan.steps.len() < 400, "{}", plan.steps.len());
}
