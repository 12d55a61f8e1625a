//! Map runs over HTTP: what `ListMapRuns`, `DescribeMapRun`, `UpdateMapRun` and the operations on executions say of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{ACCOUNT, Client, REGION, World};

fn arn(resource: &str) -> String {
    format!("arn:aws:states:{REGION}:{ACCOUNT}:{resource}")
}

/// Makes and starts a machine with one distributed Map; answers the execution's ARN.
async fn start(client: &Client<'_>, fields: Value, (state, items): (Value, Value)) -> String {
    let mut map = json!({
        "Type": "Map",
        "Label": "Each",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Do",
            "States": {"Do": state},
        },
        "End": true,
    });
    for (field, value) in fields.as_object().expect("fields") {
        map[field] = value.clone();
    }
    let definition = json!({"StartAt": "Map", "States": {"Map": map}}).to_string();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let create = json!({"name": "m", "definition": definition, "roleArn": role});
    let made = client
        .ok("AWSStepFunctions.CreateStateMachine", create)
        .await;
    let begin = json!({"stateMachineArn": made["stateMachineArn"], "input": items.to_string()});
    let begun = client.ok("AWSStepFunctions.StartExecution", begin).await;
    begun["executionArn"].as_str().expect("an ARN").to_owned()
}

async fn run_of(client: &Client<'_>, execution: &str) -> String {
    let asked = json!({"executionArn": execution});
    let body = client.ok("AWSStepFunctions.ListMapRuns", asked).await;
    let runs = body["mapRuns"].as_array().expect("a list");
    assert_eq!(runs.len(), 1, "{body}");
    assert_eq!(runs[0]["executionArn"], execution);
    assert_eq!(runs[0]["stateMachineArn"], arn("stateMachine:m"));
    runs[0]["mapRunArn"].as_str().expect("an ARN").to_owned()
}

async fn described(client: &Client<'_>, run: &str) -> Value {
    let asked = json!({"mapRunArn": run});
    client.ok("AWSStepFunctions.DescribeMapRun", asked).await
}

fn wait() -> Value {
    json!({"Type": "Wait", "Seconds": 60, "End": true})
}

#[tokio::test]
async fn a_map_run_is_listed_described_and_changed() {
    let world = World::new().await;
    let client = world.client();
    let fields = json!({"MaxConcurrency": 2, "ToleratedFailureCount": 1});
    let execution = start(&client, fields, (wait(), json!([1, 2, 3, 4, 5]))).await;
    world.settle().await;
    let run = run_of(&client, &execution).await;
    assert!(run.starts_with(&arn("mapRun:m/Each:")), "{run}");
    let body = described(&client, &run).await;
    assert_eq!(body["status"], "RUNNING");
    assert_eq!(body["executionArn"], execution.as_str());
    assert_eq!(
        (&body["maxConcurrency"], &body["toleratedFailureCount"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(body["toleratedFailurePercentage"], 0.0);
    let counts = &body["executionCounts"];
    assert_eq!(
        (&counts["running"], &counts["pending"], &counts["total"]),
        (&json!(2), &json!(3), &json!(5))
    );
    assert_eq!(body["itemCounts"], *counts);
    let change = json!({"mapRunArn": run, "maxConcurrency": 4, "toleratedFailurePercentage": 12.5});
    client.ok("AWSStepFunctions.UpdateMapRun", change).await;
    world.settle().await;
    let body = described(&client, &run).await;
    assert_eq!(
        (&body["maxConcurrency"], &body["executionCounts"]["running"]),
        (&json!(4), &json!(4))
    );
    assert_eq!(body["toleratedFailurePercentage"], 12.5);
    world.fast_forward(Duration::from_secs(61)).await;
    world.fast_forward(Duration::from_secs(61)).await;
    let body = described(&client, &run).await;
    assert_eq!(
        (&body["status"], &body["executionCounts"]["succeeded"]),
        (&json!("SUCCEEDED"), &json!(5)),
        "{body}"
    );
    assert!(body["stopDate"].is_number());
    let parent = client
        .ok(
            "AWSStepFunctions.DescribeExecution",
            json!({"executionArn": execution}),
        )
        .await;
    assert_eq!(
        (&parent["status"], &parent["output"]),
        (&json!("SUCCEEDED"), &json!("[1,2,3,4,5]"))
    );
    let late = json!({"mapRunArn": run, "maxConcurrency": 1});
    client
        .fails("AWSStepFunctions.UpdateMapRun", late, "ValidationException")
        .await;
}

#[tokio::test]
async fn its_executions_are_executions() {
    let world = World::new().await;
    let client = world.client();
    let fields = json!({"ToleratedFailureCount": 1});
    let execution = start(&client, fields, (wait(), json!(["a", "b"]))).await;
    world.settle().await;
    let run = run_of(&client, &execution).await;
    let list = json!({"mapRunArn": run});
    let body = client
        .ok("AWSStepFunctions.ListExecutions", list.clone())
        .await;
    let found = body["executions"].as_array().expect("a list");
    assert_eq!(found.len(), 2);
    for one in found {
        assert_eq!(
            (&one["mapRunArn"], &one["itemCount"]),
            (&json!(run), &json!(1))
        );
        assert_eq!(one["stateMachineArn"], arn("stateMachine:m/Each"));
    }
    let of_machine = json!({"stateMachineArn": arn("stateMachine:m")});
    let body = client
        .ok("AWSStepFunctions.ListExecutions", of_machine)
        .await;
    assert_eq!(
        body["executions"].as_array().map(Vec::len),
        Some(1),
        "only the parent"
    );
    let child = found[0]["executionArn"]
        .as_str()
        .expect("an ARN")
        .to_owned();
    assert!(child.starts_with(&arn("execution:m/Each:")), "{child}");
    let asked = json!({"executionArn": child});
    let machine = client
        .ok(
            "AWSStepFunctions.DescribeStateMachineForExecution",
            asked.clone(),
        )
        .await;
    assert_eq!(
        (&machine["mapRunArn"], &machine["label"]),
        (&json!(run), &json!("Each"))
    );
    let history = client
        .ok("AWSStepFunctions.GetExecutionHistory", asked.clone())
        .await;
    assert_eq!(history["events"][1]["type"], "WaitStateEntered");
    client
        .ok("AWSStepFunctions.StopExecution", asked.clone())
        .await;
    world.settle().await;
    let body = client
        .ok("AWSStepFunctions.DescribeExecution", asked.clone())
        .await;
    assert_eq!(
        (&body["status"], &body["mapRunArn"]),
        (&json!("ABORTED"), &json!(run))
    );
    assert_eq!(body["redriveStatus"], "REDRIVABLE_BY_MAP_RUN");
    let why = client
        .fails(
            "AWSStepFunctions.RedriveExecution",
            asked,
            "ExecutionNotRedrivable",
        )
        .await;
    assert!(why.contains("Map Run"), "{why}");
    world.fast_forward(Duration::from_secs(61)).await;
    let mut aborted = list;
    aborted["statusFilter"] = json!("ABORTED");
    let body = client.ok("AWSStepFunctions.ListExecutions", aborted).await;
    assert_eq!(body["executions"].as_array().map(Vec::len), Some(1));
    let body = described(&client, &run).await;
    assert_eq!(
        (&body["status"], &body["executionCounts"]["aborted"]),
        (&json!("SUCCEEDED"), &json!(1))
    );
}

#[tokio::test]
async fn stopping_the_parent_ends_the_run_and_redriving_it_goes_on() {
    let world = World::new().await;
    let client = world.client();
    let execution = start(
        &client,
        json!({"MaxConcurrency": 2}),
        (wait(), json!([1, 2, 3])),
    )
    .await;
    world.settle().await;
    let run = run_of(&client, &execution).await;
    let asked = json!({"executionArn": execution});
    client
        .ok("AWSStepFunctions.StopExecution", asked.clone())
        .await;
    world.settle().await;
    let body = described(&client, &run).await;
    let counts = &body["executionCounts"];
    assert_eq!(
        (&body["status"], &counts["aborted"], &counts["pending"]),
        (&json!("ABORTED"), &json!(2), &json!(1))
    );
    client
        .ok("AWSStepFunctions.RedriveExecution", asked.clone())
        .await;
    world.settle().await;
    let body = described(&client, &run).await;
    assert_eq!(
        (&body["status"], &body["redriveCount"]),
        (&json!("RUNNING"), &json!(1))
    );
    world.fast_forward(Duration::from_secs(61)).await;
    world.fast_forward(Duration::from_secs(61)).await;
    let parent = client
        .ok("AWSStepFunctions.DescribeExecution", asked.clone())
        .await;
    assert_eq!(
        (&parent["status"], &parent["output"]),
        (&json!("SUCCEEDED"), &json!("[1,2,3]")),
        "{parent}"
    );
    let history = client
        .ok("AWSStepFunctions.GetExecutionHistory", asked)
        .await;
    let redriven = history["events"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|it| it["type"] == "MapRunRedriven");
    let details = &redriven.expect("redriven")["mapRunRedrivenEventDetails"];
    assert_eq!(*details, json!({"mapRunArn": run, "redriveCount": 1}));
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let world = World::new().await;
    let client = world.client();
    let none = arn("mapRun:m/Each:0d7f4f3c-0000-4000-8000-000000000000");
    let message = client
        .fails(
            "AWSStepFunctions.DescribeMapRun",
            json!({"mapRunArn": none}),
            "ResourceNotFound",
        )
        .await;
    assert!(message.contains(&none), "{message}");
    client
        .fails(
            "AWSStepFunctions.UpdateMapRun",
            json!({"mapRunArn": none}),
            "ResourceNotFound",
        )
        .await;
    client
        .fails(
            "AWSStepFunctions.ListExecutions",
            json!({"mapRunArn": none}),
            "ResourceNotFound",
        )
        .await;
    let wrong = json!({"mapRunArn": arn("stateMachine:m")});
    let message = client
        .fails("AWSStepFunctions.DescribeMapRun", wrong, "InvalidArn")
        .await;
    assert!(
        message.contains("Resource type not valid in this context: stateMachine"),
        "{message}"
    );
    let gone = json!({"executionArn": arn("execution:m:none")});
    client
        .fails(
            "AWSStepFunctions.ListMapRuns",
            gone,
            "ExecutionDoesNotExist",
        )
        .await;
    client
        .fails(
            "AWSStepFunctions.ListExecutions",
            json!({}),
            "ValidationException",
        )
        .await;
    let share = json!({"mapRunArn": none, "toleratedFailurePercentage": 101});
    client
        .fails(
            "AWSStepFunctions.UpdateMapRun",
            share,
            "ValidationException",
        )
        .await;
}

#[tokio::test]
async fn executions_that_wait_to_live_again_are_listed_as_such() {
    let world = World::new().await;
    let client = world.client();
    let fields = json!({"MaxConcurrency": 3});
    let execution = start(&client, fields, (wait(), json!([1, 2, 3, 4]))).await;
    world.settle().await;
    let run = run_of(&client, &execution).await;
    let change = json!({"mapRunArn": run, "maxConcurrency": 1});
    client.ok("AWSStepFunctions.UpdateMapRun", change).await;
    let this = json!({"executionArn": execution});
    client
        .ok("AWSStepFunctions.StopExecution", this.clone())
        .await;
    world.settle().await;
    client.ok("AWSStepFunctions.RedriveExecution", this).await;
    world.settle().await;
    let counts = described(&client, &run).await["executionCounts"].clone();
    assert_eq!(
        (&counts["pendingRedrive"], &counts["running"]),
        (&json!(2), &json!(1)),
        "{counts}"
    );
    let list = json!({"mapRunArn": run});
    let body = client.ok("AWSStepFunctions.ListExecutions", list).await;
    let mut statuses: Vec<&str> = body["executions"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["status"].as_str())
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, ["PENDING_REDRIVE", "PENDING_REDRIVE", "RUNNING"]);
    let mut list = json!({"mapRunArn": run, "statusFilter": "PENDING_REDRIVE", "maxResults": 1});
    for more in [true, false] {
        let body = client
            .ok("AWSStepFunctions.ListExecutions", list.clone())
            .await;
        assert_eq!(body["executions"].as_array().map(Vec::len), Some(1));
        if more {
            list["nextToken"] = body["nextToken"].clone();
        }
    }
}
