//! Loops in plans: each is walked to what stands behind it, and shown as far as it can be told.

use serde_json::json;

use super::{Account, ask, names, params, plan, stop, task};

#[test]
fn what_stands_behind_a_long_loop_is_shown() {
    let loop_of = |rounds: u32| {
        json!({
            "First": {"Type": "Choice", "Default": "Stop",
                "Choices": [{"Variable": "$.i", "NumericLessThan": rounds, "Next": "Count"}]},
            "Count": {"Type": "Pass", "Next": "First",
                "Parameters": {"i.$": "States.MathAdd($.i, 1)", "target.$": "$.target"}},
            "Stop": stop(json!({"End": true})),
        })
    };
    let input = json!({"i": 0, "target": "i-1"});
    let short = plan(loop_of(10), &input, &Account::new());
    assert!(short.complete, "{:?}", short.left_out);
    assert_eq!(params(&short, "StopInstances").len(), 1);
    let long = plan(loop_of(30), &input, &Account::new());
    assert!(!long.complete);
    assert!(long.left_out[0].contains("first 20"), "{:?}", long.left_out);
    let stops = params(&long, "StopInstances");
    assert_eq!(stops, [json!({"InstanceIds": ["i-1"]})]);
    let last = long.steps.iter().find(|step| step.step == "Stop");
    assert!(last.is_some_and(|step| step.certain), "all ways lead there");
}

#[test]
fn calls_that_a_long_loop_makes_are_not_shown_as_all() {
    let states = json!({
        "First": {"Type": "Choice", "Default": "Done",
            "Choices": [{"Variable": "$.i", "NumericLessThan": 30, "Next": "Tag"}]},
        "Tag": task("aws-sdk:ec2:deleteTags", json!({"Resources.$": "States.Array(States.Format('i-{}', $.i))"}),
            json!({"ResultPath": null, "Next": "Count"})),
        "Count": {"Type": "Pass", "Next": "First", "Parameters": {"i.$": "States.MathAdd($.i, 1)"}},
        "Done": {"Type": "Succeed"},
    });
    let plan = plan(states, &json!({"i": 0}), &Account::new());
    let calls = params(&plan, "DeleteTags");
    assert!(calls.len() > 20, "{}", calls.len());
    assert!(calls.contains(&json!({"Resources": ["i-19"]})));
    assert!(!plan.complete);
    let told = plan.left_out.iter().any(|it| it.contains("more values"));
    assert!(told, "{:?}", plan.left_out);
    assert!(names(&plan).contains(&"Done"));
}

#[test]
fn a_loop_that_waits_ends_although_it_counts() {
    let states = json!({
        "First": {"Type": "Wait", "Seconds": 60, "Next": "Ask"},
        "Ask": ask(json!({"ResultPath": "$.now", "Next": "Which"})),
        "Which": {"Type": "Choice", "Default": "Count",
            "Choices": [{"Variable": "$.now.done", "BooleanEquals": true, "Next": "Stop"}]},
        "Count": {"Type": "Pass", "Parameters": {"i.$": "States.MathAdd($.i, 1)", "target.$": "$.target"}, "Next": "Often"},
        "Often": {"Type": "Choice", "Default": "First",
            "Choices": [{"Variable": "$.i", "NumericGreaterThan": 50, "Next": "Tell"}]},
        "Tell": task("sns:publish", json!({"TopicArn": "t", "Message": "late"}), json!({"End": true})),
        "Stop": stop(json!({"End": true})),
    });
    let plan = plan(states, &json!({"i": 0, "target": "i-1"}), &Account::new());
    assert!(plan.complete, "{:?}", plan.left_out);
    assert_eq!(params(&plan, "Publish").len(), 1, "{:?}", names(&plan));
    assert_eq!(params(&plan, "StopInstances").len(), 1);
    assert!(plan.steps.len() < 30, "{:?}", names(&plan));
}
