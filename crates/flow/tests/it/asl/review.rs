//! What is said about definitions: each mistake and each warning at its place, and nothing about good ones.

use flow::asl::definition::{Calls, MachineType};
use flow::asl::review::review;
use flow::finding::{Finding, Severity};
use serde_json::{Map, Value, json};

fn findings(text: &str) -> Vec<Finding> {
    let repeatable = |service: &str, operation: &str, params: &Value| {
        (service, operation) != ("sns", "Publish") || params.get("MessageDeduplicationId").is_some()
    };
    let calls = Calls {
        exists: |service, operation| (service, operation) != ("ec2", "StopInstance"),
        required: |_, _| Vec::new(),
        foreign: |_, _, params| {
            let mut names = params.as_object().into_iter().flat_map(Map::keys);
            names.find(|name| name.starts_with("queue")).cloned()
        },
    };
    review(text, MachineType::Standard, (&repeatable, calls))
}

/// Code, line, column and state of everything that is said.
fn told(text: &str) -> Vec<(String, u32, u32, String)> {
    findings(text)
        .into_iter()
        .map(|found| {
            let state = found.part.unwrap_or_default();
            (found.code.to_owned(), found.line, found.column, state)
        })
        .collect()
}

/// Codes and states, whatever the places.
fn codes(machine: &Value) -> Vec<(&'static str, String)> {
    findings(&machine.to_string())
        .into_iter()
        .map(|found| (found.code, found.part.unwrap_or_default()))
        .collect()
}

#[test]
fn a_call_that_does_not_exist_is_a_mistake_where_it_stands() {
    let task = |action: &str| {
        format!(
            "{{\"StartAt\": \"A\", \"States\": {{\n\"A\": {{\"Type\": \"Task\",\n\"Resource\": \"arn:aws:states:::aws-sdk:ec2:{action}\",\n\"Parameters\": {{}}, \"TimeoutSeconds\": 5, \"End\": true}}}}}}"
        )
    };
    let mistakes = |text: &str| {
        let found = findings(text).into_iter();
        let errors = found.filter(|one| one.severity == Severity::Error);
        errors
            .map(|one| (one.line, one.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(mistakes(&task("stopInstances")), []);
    let found = mistakes(&task("stopInstance"));
    assert!(
        matches!(found.as_slice(), [(3, message)] if message.contains("aws-sdk:ec2:stopInstance is not recognized")),
        "{found:?}"
    );
}

#[test]
fn a_parameter_that_a_call_does_not_have_is_told_with_a_remedy() {
    let text = "{\"StartAt\": \"A\", \"States\": {\"A\": {\"Type\": \"Task\", \"TimeoutSeconds\": 5, \"End\": true,\n\"Resource\": \"arn:aws:states:::sqs:sendMessage\",\n  \"Parameters\": {\"queueUrl\": \"u\", \"MessageBody\": \"m\"}}}}";
    let found = findings(text);
    let [found] = found.as_slice() else {
        panic!("one finding: {found:?}");
    };
    assert_eq!((found.line, found.column), (3, 17));
    let remedy = found.remedy.as_deref().unwrap_or_default();
    assert!(remedy.starts_with("write `QueueUrl`"), "{remedy}");
}

const BROKEN: &str = r#"{
  "StartAt": "a/b[0]",
  "States": {
    "a/b[0]": {"Type": "Pass", "Next": "Secnd"},
    "Second": {
      "Type": "Parallel", "End": true, "Branch": [],
      "Branches": [{"StartAt": "States", "States": {
        "States": {"Type": "Wait", "Seconds": 5, "Timestamp": "2030-01-01"}
      }}]
    },
    "Third": {"Type": "Succeed", "Nextt": "a"}
  }
}"#;

#[test]
fn every_mistake_has_its_place() {
    let schema = "SCHEMA_VALIDATION_FAILED".to_owned();
    assert_eq!(
        told(BROKEN),
        [
            (
                "MISSING_TRANSITION_TARGET".to_owned(),
                4,
                40,
                "a/b[0]".to_owned()
            ),
            (schema.clone(), 6, 50, "Second".to_owned()),
            (schema.clone(), 8, 19, "States".to_owned()),
            (schema.clone(), 8, 19, "States".to_owned()),
            (schema, 11, 43, "Third".to_owned()),
        ]
    );
    let remedies: Vec<String> = findings(BROKEN)
        .into_iter()
        .map(|found| found.remedy.unwrap_or_default())
        .collect();
    for (n, part) in [(0, "`Second`"), (1, "`Branches`"), (4, "`Next`")] {
        assert!(remedies[n].contains(part), "{n}: {remedies:?}");
    }
    let syntax = findings("{\n  \"StartAt\": }");
    assert_eq!((syntax[0].line, syntax[0].severity), (2, Severity::Error));
    let twice = findings("{\"States\": {},\n \"States\": {}}");
    assert_eq!((twice[0].line, twice[0].column), (2, 2));
}

fn machine(states: Value) -> Value {
    let start = states
        .as_object()
        .and_then(|map| map.keys().next().cloned());
    json!({"StartAt": start, "States": states})
}

#[test]
fn a_good_machine_gets_no_word() {
    let good = machine(json!({
        "Ask": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "TimeoutSeconds": 600, "Assign": {"who.$": "$.who"},
            "Parameters": {"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}, "Next": "Which"},
        "Which": {"Type": "Choice", "Choices": [{"Variable": "$who", "IsPresent": true, "Next": "Tell"}],
            "Default": "Tell"},
        "Tell": {"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
            "Parameters": {"TopicArn": "t", "Message": "costs $5", "MessageDeduplicationId.$": "$.id"}, "End": true},
    }));
    assert_eq!(codes(&good), []);
}

/// A machine of one task with these fields.
fn publish(more: Value) -> Value {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:states:::sns:publish",
        "Parameters": {"TopicArn": "t", "MessageDeduplicationId": "d"}, "End": true});
    for (key, value) in more.as_object().into_iter().flatten() {
        state[key] = value.clone();
    }
    machine(json!({"A": state}))
}

/// An HTTP Task's fields with these parameters over those that it needs.
fn web(more: Value) -> Value {
    let connection = json!({"ConnectionArn": "arn:c"});
    let mut parameters = json!({"ApiEndpoint": "https://e.com/x", "Authentication": connection});
    if more.get("ApiEndpoint.$").is_some() {
        parameters = json!({ "Authentication": connection });
    }
    for (name, value) in more.as_object().expect("members") {
        parameters[name] = value.clone();
    }
    json!({"Resource": "arn:aws:states:::http:invoke", "Parameters": parameters})
}

#[test]
fn each_warning_of_a_task_where_it_belongs() {
    let command = |parameters: Value| json!({"Resource": "arn:aws:states:::aws-sdk:ssm:sendCommand", "Parameters": parameters});
    let waits = "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken";
    let cases = [
        (json!({}), ""),
        (json!({"Parameters": {"TopicArn": "t"}}), "not-repeatable"),
        (
            json!({"Parameters": {"TopicArn": "$.topic", "MessageDeduplicationId": "d"}}),
            "path-as-text",
        ),
        (
            json!({"ResultSelector": {"deep": [{"x": "States.UUID()"}]}}),
            "path-as-text",
        ),
        (json!({"Assign": {"v.$": "$.a"}}), "unused-variable"),
        (json!({"Resource": waits}), "missing-timeout"),
        (command(json!({"Parameters": {"commands": ["id"]}})), ""),
        (
            command(json!({"Parameters": {"commands.$": "States.Array($.x)"}})),
            "value-in-shell",
        ),
        (command(json!({"Parameters.$": "$.p"})), "value-in-shell"),
        (web(json!({"Method": "GET"})), ""),
        (web(json!({"Method": "POST"})), "not-repeatable"),
        (web(json!({"Method.$": "$.m"})), "not-repeatable"),
        (
            web(json!({"Method": "GET", "ApiEndpoint.$": "$.url"})),
            "secret-to-open-address",
        ),
        (
            web(json!({"Method": "GET", "ApiEndpoint.$": "States.Format('https://{}/x', $.host)"})),
            "secret-to-open-address",
        ),
        (
            web(
                json!({"Method": "GET", "ApiEndpoint.$": "States.Format('https://e.com:8443/x/{}', $.id)"}),
            ),
            "",
        ),
    ];
    for (fields, wanted) in cases {
        let found: Vec<&str> = codes(&publish(fields.clone()))
            .iter()
            .map(|(code, _)| *code)
            .collect();
        let wanted: Vec<&str> = [wanted]
            .into_iter()
            .filter(|code| !code.is_empty())
            .collect();
        assert_eq!(found, wanted, "{fields}");
    }
}

#[test]
fn ways_that_lead_nowhere_are_told() {
    let choice = |default: Option<&str>| {
        let mut state = json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "B"}]});
        if let Some(default) = default {
            state["Default"] = default.into();
        }
        state
    };
    let open = machine(json!({"A": choice(None), "B": {"Type": "Succeed"}}));
    assert_eq!(codes(&open), [("choice-without-default", "A".to_owned())]);
    let circle = machine(json!({
        "A": choice(Some("E")),
        "B": {"Type": "Pass", "Next": "C"},
        "C": {"Type": "Pass", "Next": "B"},
        "E": {"Type": "Succeed"},
    }));
    let told = [
        ("no-way-out", "B".to_owned()),
        ("no-way-out", "C".to_owned()),
    ];
    assert_eq!(codes(&circle), told);
}

#[test]
fn expressions_are_looked_at_as_well() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:sendCommand", "End": true,
        "Assign": {"used": 1, "left": 2}, "Output": "{% $used %}",
        "Arguments": {"DocumentName": "AWS-RunShellScript",
            "Parameters": {"commands": ["echo", "{% $states.input.name %}"], "workingDirectory": ["{% 'x' %}"]}},
    }}});
    let mut found = codes(&machine);
    found.sort();
    assert_eq!(
        found,
        [
            ("unused-variable", "A".to_owned()),
            ("value-in-shell", "A".to_owned())
        ]
    );
}
