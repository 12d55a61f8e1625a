//! Executions over HTTP: what they are started with and what is told of that.

use std::collections::BTreeMap;
use std::time::Duration;

use engine::views::machines::sdk;
use serde_json::{Value, json};

use crate::world::{ACCOUNT, Client, World};

async fn create(client: &Client<'_>, name: &str, kind: &str) -> Value {
    let definition =
        json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}).to_string();
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let create = json!({"name": name, "definition": definition, "roleArn": role, "type": kind,
        "tracingConfiguration": {"enabled": true}});
    let made = client.ok("AWSStepFunctions.CreateStateMachine", create);
    made.await
}

async fn start(client: &Client<'_>, machine: &Value, members: Value) -> Value {
    let mut asked = json!({"stateMachineArn": machine["stateMachineArn"]});
    for (member, value) in members.as_object().expect("members") {
        asked[member] = value.clone();
    }
    client.ok("AWSStepFunctions.StartExecution", asked).await
}

async fn about(client: &Client<'_>, operation: &str, execution: &Value) -> Value {
    let asked = json!({"executionArn": execution["executionArn"]});
    let target = format!("AWSStepFunctions.{operation}");
    client.ok(&target, asked).await
}

#[tokio::test]
async fn an_execution_tells_the_machine_and_the_trace_that_it_was_started_with() {
    let world = World::new().await;
    let client = world.client();
    let machine = create(&client, "m", "STANDARD").await;
    let traced = start(&client, &machine, json!({"traceHeader": "Root=1-2-3"})).await;
    let shown = about(&client, "DescribeExecution", &traced).await;
    assert_eq!(shown["traceHeader"], "Root=1-2-3");
    let asked = "DescribeStateMachineForExecution";
    let first = about(&client, asked, &traced).await;
    assert_eq!(first["tracingConfiguration"], json!({"enabled": true}));
    assert_eq!(first["updateDate"], machine["creationDate"]);
    world.fast_forward(Duration::from_secs(60)).await;
    let update = json!({"stateMachineArn": machine["stateMachineArn"], "tracingConfiguration": {"enabled": false}});
    let updated = client
        .ok("AWSStepFunctions.UpdateStateMachine", update)
        .await;
    let plain = start(&client, &machine, json!({})).await;
    let shown = about(&client, "DescribeExecution", &plain).await;
    assert_eq!(shown["traceHeader"], Value::Null);
    let second = about(&client, asked, &plain).await;
    assert_eq!(second["tracingConfiguration"], json!({"enabled": false}));
    assert_eq!(second["updateDate"], updated["updateDate"]);
    // The first one's machine is what it was.
    assert_eq!(about(&client, asked, &traced).await, first);
}

#[tokio::test]
async fn payloads_are_measured_in_bytes() {
    let world = World::new().await;
    let client = world.client();
    let machine = create(&client, "m", "STANDARD").await;
    let text = |letter: &str, count: usize| format!("\"{}\"", letter.repeat(count));
    // With the two quotation marks, 262,144 bytes.
    for (input, fits) in [
        (text("e", 262_142), true),
        (text("é", 131_071), true),
        (text("e", 262_143), false),
        (text("é", 131_072), false),
        (text("é", 200_000), false),
    ] {
        let asked = json!({"stateMachineArn": machine["stateMachineArn"], "input": input});
        let answer = client.json("AWSStepFunctions.StartExecution", asked).await;
        assert_eq!(answer.status == 200, fits, "{}", answer.body);
    }
    for output in [text("é", 131_072), text("é", 200_000)] {
        let asked = json!({"taskToken": "none", "output": output});
        let target = "AWSStepFunctions.SendTaskSuccess";
        client.fails(target, asked, "ValidationException").await;
    }
}

/// What the state machines know of services is what the models say.
#[test]
fn services_are_named_as_their_models_name_them() {
    let catalog = aws::model::catalog();
    let modelled: BTreeMap<String, String> = catalog
        .names()
        .map(|name| {
            let service = catalog.service(name).expect("a model");
            (name.to_owned(), sdk::class(service.service_id))
        })
        .collect();
    let known: BTreeMap<String, String> = sdk::services()
        .iter()
        .map(|(name, class)| ((*name).to_owned(), (*class).to_owned()))
        .collect();
    assert_eq!(known, modelled);
}
