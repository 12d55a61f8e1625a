//! Fields that are not known and numbers that no state can have.

use serde_json::{Value, json};

use super::{MachineType, parse};

/// What is said of a machine of one state, which leads to another.
fn said(language: &str, state: Value) -> Vec<String> {
    let mut state = state;
    if !["Choice", "Succeed"].contains(&state["Type"].as_str().unwrap_or_default()) {
        state["Next"] = json!("Done");
    }
    let whole = json!({"QueryLanguage": language, "StartAt": "S",
        "States": {"S": state, "Done": {"Type": "Succeed"}}});
    let problems = parse(&whole.to_string(), MachineType::Standard).err();
    let lines = problems.into_iter().flatten().map(|problem| {
        let place = problem.location.unwrap_or_default();
        format!(
            "{} at {}",
            problem.message,
            place.trim_start_matches("/States/S")
        )
    });
    lines.collect()
}

#[test]
fn blocks_within_states_have_no_other_fields() {
    let block = |more: Value| {
        let mut block = json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}});
        for (name, value) in more.as_object().expect("an object") {
            block[name] = value.clone();
        }
        block
    };
    let parallel = |more: Value| json!({"Type": "Parallel", "Branches": [block(more)]});
    let map = |more: Value| json!({"Type": "Map", "ItemProcessor": block(more)});
    let none: [&str; 0] = [];
    assert_eq!(said("JSONPath", parallel(json!({"Comment": "c"}))), none);
    assert_eq!(
        said(
            "JSONPath",
            map(json!({"ProcessorConfig": {"Mode": "INLINE"}, "Comment": "c"}))
        ),
        none
    );
    for (state, wanted) in [
        (
            parallel(json!({"Stats": {}})),
            "Field 'Stats' is not supported at /Branches[0]/Stats",
        ),
        (
            parallel(json!({"ProcessorConfig": {}})),
            "Field 'ProcessorConfig' is not supported at /Branches[0]/ProcessorConfig",
        ),
        (
            map(json!({"TimeoutSeconds": 5})),
            "Field 'TimeoutSeconds' is not supported at /ItemProcessor/TimeoutSeconds",
        ),
    ] {
        assert_eq!(said("JSONPath", state), [wanted]);
    }
}

#[test]
fn rules_have_the_fields_of_their_language() {
    let choice = |rule: Value| json!({"Type": "Choice", "Choices": [rule]});
    let small = json!({"Variable": "$.a", "NumericLessThan": 1, "Comment": "c"});
    let mut whole = small.clone();
    whole["Next"] = json!("Done");
    let none: [&str; 0] = [];
    assert_eq!(said("JSONPath", choice(whole.clone())), none);
    assert_eq!(
        said(
            "JSONPath",
            choice(json!({"And": [{"Not": small}], "Next": "Done", "Assign": {"x": 1}}))
        ),
        none
    );
    let with = |mut rule: Value, name: &str, value: Value| {
        rule[name] = value;
        choice(rule)
    };
    let expression = json!({"Condition": "{% true %}", "Next": "Done"});
    for (language, state, wanted) in [
        (
            "JSONPath",
            with(whole.clone(), "Condition", json!(true)),
            "Condition",
        ),
        (
            "JSONPath",
            with(whole.clone(), "Output", json!(1)),
            "Output",
        ),
        (
            "JSONPath",
            with(whole, "NumericLess", json!(1)),
            "NumericLess",
        ),
        (
            "JSONPath",
            choice(json!({"Not": small, "Variable": "$.a", "Next": "Done"})),
            "Variable",
        ),
        (
            "JSONata",
            with(expression.clone(), "Variable", json!("$.a")),
            "Variable",
        ),
        ("JSONata", with(expression, "And", json!([])), "And"),
    ] {
        let wanted = format!("Field '{wanted}' is not supported at /Choices[0]/{wanted}");
        assert_eq!(said(language, state), [wanted]);
    }
    let nested = choice(
        json!({"Or": [{"Variable": "$.a", "IsNull": true, "Next": "Done"}], "Next": "Done"}),
    );
    assert_eq!(
        said("JSONPath", nested),
        ["Field 'Next' is not supported at /Choices[0]/Or[0]/Next"]
    );
}

#[test]
fn fixed_numbers_are_within_the_limits_of_the_service() {
    let task = |field: &str, value: Value| json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", field: value});
    let wait = |value: Value| json!({"Type": "Wait", "Seconds": value});
    let none: [&str; 0] = [];
    for state in [
        wait(json!(0)),
        wait(json!(99_999_999)),
        wait(json!(5.0)),
        task("TimeoutSeconds", json!(1)),
    ] {
        assert_eq!(said("JSONPath", state), none);
    }
    for (state, field, least) in [
        (wait(json!(100_000_000)), "Seconds", 0),
        (wait(json!(1e12)), "Seconds", 0),
        (wait(json!(0.5)), "Seconds", 0),
        (task("TimeoutSeconds", json!(0)), "TimeoutSeconds", 1),
        (task("HeartbeatSeconds", json!(0)), "HeartbeatSeconds", 1),
        (task("TimeoutSeconds", json!(1e9)), "TimeoutSeconds", 1),
    ] {
        let wanted = format!(
            "The field '{field}' must be a whole number from {least} to 99999999 at /{field}"
        );
        for language in ["JSONPath", "JSONata"] {
            assert_eq!(said(language, state.clone()), [wanted.as_str()]);
        }
    }
}
