//! What is asked of the parameters of optimised integrations before a machine is kept.

use flow::asl::definition::{Calls, MachineType, admit, parse};
use serde_json::{Value, json};

/// Of each call: the parameters that it has, and those among them that it must be given.
const CALLS: [(&str, &str, &[&str], &[&str]); 7] = [
    (
        "sqs",
        "SendMessage",
        &["QueueUrl", "MessageBody", "Tags"],
        &["QueueUrl", "MessageBody"],
    ),
    (
        "stepfunctions",
        "StartExecution",
        &["StateMachineArn", "Input"],
        &["StateMachineArn"],
    ),
    (
        "batch",
        "SubmitJob",
        &["JobName", "RetryStrategy"],
        &["JobName"],
    ),
    ("emr", "RunJobFlow", &["Name", "Steps"], &["Name"]),
    (
        "emr",
        "AddJobFlowSteps",
        &["JobFlowId", "Steps"],
        &["JobFlowId", "Steps"],
    ),
    (
        "emr",
        "CancelSteps",
        &["ClusterId", "StepIds"],
        &["ClusterId", "StepIds"],
    ),
    ("emr", "TerminateJobFlows", &["JobFlowIds"], &["JobFlowIds"]),
];

fn row(service: &str, operation: &str) -> (&'static [&'static str], &'static [&'static str]) {
    let mut rows = CALLS.iter();
    let found = rows.find(|row| (row.0, row.1) == (service, operation));
    found.map_or((&[], &[]), |row| (row.2, row.3))
}

/// All that begins in lower case, and at the top whatever the call does not have.
fn foreign(known: &[&str], params: &Value) -> Option<String> {
    let members = params.as_object().into_iter().flatten();
    let mut found = members.filter_map(|(name, value)| {
        if !known.is_empty() && !known.contains(&name.as_str())
            || name.starts_with(char::is_lowercase)
        {
            return Some(name.clone());
        }
        let items = value
            .as_array()
            .map_or(std::slice::from_ref(value), Vec::as_slice);
        items.iter().find_map(|item| foreign(&[], item))
    });
    found.next()
}

/// What is refused of a Task: place below the Task, and message.
fn refusals(resource: &str, language: &str, given: &Value) -> Vec<(String, String)> {
    let field = match language {
        "JSONPath" => "Parameters",
        _ => "Arguments",
    };
    let mut task = json!({"Type": "Task", "QueryLanguage": language, "End": true});
    task["Resource"] = format!("arn:aws:states:::{resource}").into();
    task[field] = given.clone();
    let text = json!({"StartAt": "T", "States": {"T": task}}).to_string();
    let calls = Calls {
        exists: |_, _| true,
        required: |service, operation| {
            let (_, required) = row(service, operation);
            required.iter().map(|name| (*name).to_owned()).collect()
        },
        foreign: |service, operation, params| foreign(row(service, operation).0, params),
    };
    assert!(
        parse(&text, MachineType::Standard).is_ok(),
        "what is stored goes on: {text}"
    );
    let problems = admit(&text, MachineType::Standard, calls).err();
    let problems = problems.unwrap_or_default().into_iter().map(|problem| {
        assert_eq!(problem.code, "SCHEMA_VALIDATION_FAILED");
        let place = problem.location.expect("a place");
        let place = place.strip_prefix("/States/T").expect("in the Task");
        (place.to_owned(), problem.message)
    });
    problems.collect()
}

/// A Task's `Parameters`, with what is refused of them: the names that are missing, and the one that is not known.
fn asked(resource: &str, given: &Value, missing: &[&str], unknown: Option<&str>) {
    let missing = missing
        .iter()
        .map(|name| format!("The field '{name}' is required but was missing"));
    let unknown =
        unknown.map(|name| format!("The field \"{name}\" is not supported by Step Functions"));
    let want: Vec<(String, String)> = missing
        .chain(unknown)
        .map(|message| ("/Parameters".to_owned(), message))
        .collect();
    let found = refusals(resource, "JSONPath", given);
    assert_eq!(found, want, "{resource} {given}");
}

#[test]
fn parameters_that_must_be_given_are_asked_for() {
    for (parameters, missing) in [
        (
            json!({"QueueUrl": "u", "MessageBody": {"Any": "thing"}}),
            &[][..],
        ),
        (
            json!({"QueueUrl.$": "$.q", "MessageBody.$": "States.Format('{}', $.m)"}),
            &[],
        ),
        (json!({}), &["QueueUrl", "MessageBody"]),
        (json!({"MessageBody": null}), &["QueueUrl"]),
    ] {
        asked("sqs:sendMessage", &parameters, missing, None);
        asked(
            "sqs:sendMessage.waitForTaskToken",
            &parameters,
            missing,
            None,
        );
    }
    let start = "states:startExecution.sync:2";
    asked(start, &json!({"Input": {}}), &["StateMachineArn"], None);
}

#[test]
fn the_first_parameter_that_a_call_does_not_have_is_told() {
    for (also, unknown) in [
        (json!({"Colour": 1, "Other": 2}), Some("Colour")),
        (json!({"tags": [], "Tags": []}), Some("tags")),
        // The place is that of all parameters, however deep the name.
        (
            json!({"Tags": [{"Key": 1}, {"key": {"x.$": "$.x"}}]}),
            Some("key"),
        ),
        // What the data gives is not known yet.
        (json!({"TaskToken.$": "$$.Task.Token"}), None),
        (json!({"Tags": [{"key.$": "$.k"}]}), None),
    ] {
        let mut given = json!({"QueueUrl": "u", "MessageBody": "text"});
        for (name, value) in also.as_object().into_iter().flatten() {
            given[name] = value.clone();
        }
        asked("sqs:sendMessage", &given, &[], unknown);
    }
    let submit = |strategy: Value| json!({"JobName": "j", "RetryStrategy": strategy});
    // Written so in the guide.
    asked(
        "batch:submitJob",
        &submit(json!({"attempts": 5})),
        &[],
        None,
    );
    let wrong = submit(json!({"attempt": 5}));
    asked("batch:submitJob", &wrong, &[], Some("attempt"));
}

#[test]
fn integrations_of_emr_have_names_of_their_own() {
    for (action, given, missing, unknown) in [
        ("createCluster", json!({"Name": "c"}), &[][..], None),
        (
            "createCluster",
            json!({"Name": "c", "Steps": []}),
            &[],
            Some("Steps"),
        ),
        ("addStep", json!({}), &["ClusterId", "Step"], None),
        (
            "addStep",
            json!({"ClusterId.$": "$.c", "Step": {"Name": "s"}}),
            &[],
            None,
        ),
        (
            "addStep",
            json!({"ClusterId": "c", "Step": {"name": "s"}}),
            &[],
            Some("name"),
        ),
        (
            "addStep",
            json!({"ClusterId": "c", "Step": {}, "Steps": []}),
            &[],
            Some("Steps"),
        ),
        (
            "cancelStep",
            json!({"ClusterId": "c", "StepId": "s"}),
            &[],
            None,
        ),
        (
            "terminateCluster",
            json!({"JobFlowIds": ["c"]}),
            &["ClusterId"],
            Some("JobFlowIds"),
        ),
    ] {
        asked(
            &format!("elasticmapreduce:{action}"),
            &given,
            missing,
            unknown,
        );
    }
}

#[test]
fn arguments_are_asked_for_where_they_are_written() {
    let required = |name: &str| {
        let message = format!("The field '{name}' is required but was missing");
        ("/Arguments".to_owned(), message)
    };
    for (given, want) in [
        (json!("{% $states.input %}"), vec![]),
        (
            json!({"QueueUrl": "{% 'u' %}", "MessageBody": "m", "Colour": "{% 1 %}"}),
            vec![],
        ),
        (
            json!({"MessageBody": "{% 'm' %}"}),
            vec![required("QueueUrl")],
        ),
        (
            json!({"QueueUrl": "u", "MessageBody": "m", "Colour": 1}),
            vec![(
                "/Arguments".to_owned(),
                "The field \"Colour\" is not supported by Step Functions".to_owned(),
            )],
        ),
    ] {
        assert_eq!(
            refusals("sqs:sendMessage", "JSONata", &given),
            want,
            "{given}"
        );
    }
}
