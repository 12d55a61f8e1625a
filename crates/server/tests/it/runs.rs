//! Automation executions on the wire.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::World;

/// Sleeps, then waits for an approval, then ends.
const DOCUMENT: &str = r#"{"schemaVersion":"0.3","parameters":{"Seconds":{"type":"String","default":"PT5S"},"Who":{"type":"StringList"}},
"mainSteps":[
 {"name":"Nap","action":"aws:sleep","inputs":{"Duration":"{{ Seconds }}"}},
 {"name":"Ask","action":"aws:approve","inputs":{"Approvers":["arn:aws:iam::123456789012:user/ingest"],"Message":"go on?"}},
 {"name":"Rest","action":"aws:pause","inputs":{}}
]}"#;

async fn with_document() -> World {
    let world = World::new().await;
    let create = json!({ "Name": "Doc", "DocumentType": "Automation", "Content": DOCUMENT });
    world.client().ok("AmazonSSM.CreateDocument", create).await;
    world
}

async fn start(world: &World, more: Value) -> String {
    let mut body = json!({ "DocumentName": "Doc", "Parameters": { "Who": ["a", "b"] } });
    body.as_object_mut()
        .expect("object")
        .extend(more.as_object().expect("object").clone());
    let started = world
        .client()
        .ok("AmazonSSM.StartAutomationExecution", body)
        .await;
    started["AutomationExecutionId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

async fn get(world: &World, id: &str) -> Value {
    let got = world
        .client()
        .ok(
            "AmazonSSM.GetAutomationExecution",
            json!({ "AutomationExecutionId": id }),
        )
        .await;
    got["AutomationExecution"].clone()
}

#[tokio::test]
async fn a_run_goes_through_sleep_approval_and_pause() {
    let world = with_document().await;
    let client = world.client();
    let id = start(&world, json!({})).await;
    world.settle().await;
    let run = get(&world, &id).await;
    assert_eq!(
        (
            run["DocumentName"].as_str(),
            run["CurrentStepName"].as_str()
        ),
        (Some("Doc"), Some("Nap"))
    );
    assert_eq!(run["ExecutedBy"], "arn:aws:iam::123456789012:user/ingest");
    assert_eq!(run["Parameters"]["Who"], json!(["a", "b"]));
    let signal = |kind: &str| json!({ "AutomationExecutionId": id, "SignalType": kind });
    client
        .fails(
            "AmazonSSM.SendAutomationSignal",
            signal("Approve"),
            "InvalidAutomationSignalException",
        )
        .await;
    world.fast_forward(Duration::from_secs(6)).await;
    let run = get(&world, &id).await;
    assert_eq!(
        (
            run["AutomationExecutionStatus"].as_str(),
            run["CurrentAction"].as_str()
        ),
        (Some("Waiting"), Some("aws:approve"))
    );
    let other = world.client_of("PLAIN", "us-east-1");
    other
        .fails(
            "AmazonSSM.SendAutomationSignal",
            signal("Approve"),
            "InvalidAutomationSignalException",
        )
        .await;
    client.ok("AmazonSSM.SendAutomationSignal", json!({ "AutomationExecutionId": id, "SignalType": "Approve", "Payload": { "Comment": ["fine"] } })).await;
    world.settle().await;
    client
        .ok("AmazonSSM.SendAutomationSignal", signal("Resume"))
        .await;
    world.settle().await;
    let run = get(&world, &id).await;
    assert_eq!(run["AutomationExecutionStatus"], "Success");
    client
        .fails(
            "AmazonSSM.SendAutomationSignal",
            signal("Resume"),
            "InvalidAutomationSignalException",
        )
        .await;
    client
        .fails(
            "AmazonSSM.StopAutomationExecution",
            json!({ "AutomationExecutionId": id }),
            "InvalidAutomationStatusUpdateException",
        )
        .await;
}

#[tokio::test]
async fn starts_are_refused_in_the_modelled_words() {
    let world = with_document().await;
    let client = world.client();
    let parameters = json!({ "Who": ["a"] });
    for (body, code) in [
        (
            json!({ "DocumentName": "None" }),
            "AutomationDefinitionNotFoundException",
        ),
        (
            json!({ "DocumentName": "Doc", "DocumentVersion": "5", "Parameters": parameters }),
            "AutomationDefinitionVersionNotFoundException",
        ),
        (
            json!({ "DocumentName": "Doc" }),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": { "Who": ["a"], "Extra": ["x"] } }),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": { "Who": "a" } }),
            "SerializationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "Mode": "Slow" }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "ClientToken": "x" }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "MaxErrors": "few" }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "AlarmConfiguration": { "Alarms": [] } }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "AlarmConfiguration": { "Alarms": [{ "Name": " " }] } }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "TargetLocationsURL": "https://evil.example/b.s3.amazonaws.com/x" }),
            "ValidationException",
        ),
        (
            json!({ "DocumentName": "Doc", "Parameters": parameters, "TargetLocationsURL": "https://b-c.s3.amazonaws.com/x" }),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({ "DocumentName": "Doc", "Targets": [{ "Key": "ParameterValues", "Values": ["a"] }] }),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({ "DocumentName": "Doc", "TargetParameterName": "who", "Targets": [{ "Key": "ParameterValues", "Values": ["a"] }] }),
            "InvalidAutomationExecutionParametersException",
        ),
        (
            json!({ "DocumentName": "Doc", "TargetParameterName": "Who", "Targets": [{ "Key": "colour", "Values": ["a"] }] }),
            "InvalidTarget",
        ),
    ] {
        client
            .fails("AmazonSSM.StartAutomationExecution", body, code)
            .await;
    }
    let runs = client
        .ok("AmazonSSM.DescribeAutomationExecutions", json!({}))
        .await;
    assert_eq!(runs["AutomationExecutionMetadataList"], json!([]));
}

#[tokio::test]
async fn a_client_token_starts_one_run() {
    let world = with_document().await;
    let token = json!({ "ClientToken": "6f1d8c1e-2b7a-4d43-9a0e-71c4e3b85a10" });
    let first = start(&world, token.clone()).await;
    assert_eq!(start(&world, token.clone()).await, first);
    let mut other = token;
    other["DocumentName"] = "Doc".into();
    other["Parameters"] = json!({ "Who": ["somebody else"] });
    world
        .client()
        .fails(
            "AmazonSSM.StartAutomationExecution",
            other,
            "IdempotentParameterMismatch",
        )
        .await;
    assert_ne!(start(&world, json!({})).await, first);
}

#[tokio::test]
async fn runs_are_listed_filtered_and_paged() {
    let world = with_document().await;
    let client = world.client();
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(
            start(
                &world,
                json!({ "Tags": [{ "Key": format!("k{n}"), "Value": "v" }] }),
            )
            .await,
        );
        world.fast_forward(Duration::from_secs(1)).await;
    }
    ids.reverse();
    let list = |body: Value| async {
        let answer = client
            .ok("AmazonSSM.DescribeAutomationExecutions", body)
            .await;
        let found: Vec<String> = answer["AutomationExecutionMetadataList"]
            .as_array()
            .expect("runs")
            .iter()
            .map(|run| {
                run["AutomationExecutionId"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect();
        (found, answer["NextToken"].clone())
    };
    let (first, token) = list(json!({ "MaxResults": 2 })).await;
    assert_eq!(first, ids[..2]);
    let (rest, end) = list(json!({ "MaxResults": 2, "NextToken": token })).await;
    assert_eq!((rest.as_slice(), end), (&ids[2..], Value::Null));
    let filter = |key: &str, value: &str| json!({ "Filters": [{ "Key": key, "Values": [value] }] });
    assert_eq!(list(filter("TagKey", "k2")).await.0, ids[..1]);
    assert_eq!(list(filter("ExecutionId", &ids[1])).await.0, ids[1..2]);
    assert_eq!(
        list(filter("DocumentNamePrefix", "Other")).await.0,
        Vec::<String>::new()
    );
    client
        .fails(
            "AmazonSSM.DescribeAutomationExecutions",
            filter("Colour", "x"),
            "InvalidFilterKey",
        )
        .await;
    client
        .fails(
            "AmazonSSM.DescribeAutomationExecutions",
            filter("StartTimeAfter", "x"),
            "InvalidFilterValue",
        )
        .await;
    client
        .fails(
            "AmazonSSM.DescribeAutomationExecutions",
            json!({ "NextToken": "x" }),
            "InvalidNextToken",
        )
        .await;
}

#[tokio::test]
async fn steps_are_listed_and_runs_stopped() {
    let world = with_document().await;
    let client = world.client();
    let id = start(&world, json!({})).await;
    world.settle().await;
    let steps = |more: Value| {
        let mut body = json!({ "AutomationExecutionId": id });
        body.as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        body
    };
    let names = |answer: &Value| -> Vec<String> {
        let list = answer["StepExecutions"].as_array().expect("steps");
        list.iter()
            .map(|step| step["StepName"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let all = client
        .ok(
            "AmazonSSM.DescribeAutomationStepExecutions",
            steps(json!({})),
        )
        .await;
    assert_eq!(names(&all), ["Nap", "Ask", "Rest"]);
    let back = client
        .ok(
            "AmazonSSM.DescribeAutomationStepExecutions",
            steps(json!({ "ReverseOrder": true, "MaxResults": 2 })),
        )
        .await;
    assert_eq!(names(&back), ["Rest", "Ask"]);
    let more =
        steps(json!({ "ReverseOrder": true, "MaxResults": 2, "NextToken": back["NextToken"] }));
    assert_eq!(
        names(
            &client
                .ok("AmazonSSM.DescribeAutomationStepExecutions", more)
                .await
        ),
        ["Nap"]
    );
    let pending =
        steps(json!({ "Filters": [{ "Key": "StepExecutionStatus", "Values": ["Pending"] }] }));
    assert_eq!(
        names(
            &client
                .ok("AmazonSSM.DescribeAutomationStepExecutions", pending)
                .await
        ),
        ["Ask", "Rest"]
    );
    client
        .ok(
            "AmazonSSM.StopAutomationExecution",
            steps(json!({ "Type": "Cancel" })),
        )
        .await;
    world.settle().await;
    assert_eq!(
        get(&world, &id).await["AutomationExecutionStatus"],
        "Cancelled"
    );
}

#[tokio::test]
async fn runs_of_other_regions_do_not_exist_here() {
    let world = with_document().await;
    let id = start(&world, json!({})).await;
    let there = world.client_of("INGEST", "eu-west-1");
    for (operation, extra) in [
        ("GetAutomationExecution", json!({})),
        ("DescribeAutomationStepExecutions", json!({})),
        ("StopAutomationExecution", json!({})),
        ("SendAutomationSignal", json!({ "SignalType": "Resume" })),
    ] {
        let mut body = json!({ "AutomationExecutionId": id });
        body.as_object_mut()
            .expect("object")
            .extend(extra.as_object().expect("object").clone());
        there
            .fails(
                &format!("AmazonSSM.{operation}"),
                body,
                "AutomationExecutionNotFoundException",
            )
            .await;
    }
    let none = json!({ "AutomationExecutionId": "6f1d8c1e-2b7a-4d43-9a0e-71c4e3b85a10" });
    world
        .client()
        .fails(
            "AmazonSSM.GetAutomationExecution",
            none,
            "AutomationExecutionNotFoundException",
        )
        .await;
    world
        .client()
        .fails(
            "AmazonSSM.GetAutomationExecution",
            json!({ "AutomationExecutionId": "x" }),
            "ValidationException",
        )
        .await;
}

#[tokio::test]
async fn tags_of_a_run_are_those_of_its_start() {
    let world = with_document().await;
    let id = start(&world, json!({ "Tags": [{ "Key": "a", "Value": "b" }] })).await;
    let body = json!({ "ResourceType": "Automation", "ResourceId": id });
    let tags = world
        .client()
        .ok("AmazonSSM.ListTagsForResource", body)
        .await;
    assert_eq!(tags, json!({ "TagList": [{ "Key": "a", "Value": "b" }] }));
}
