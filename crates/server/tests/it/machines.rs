//! What is said of state machines: the problems and warnings of a definition, and the variables that its states read.

use serde_json::{Value, json};

use crate::world::{ACCOUNT, World};

const VALIDATE: &str = "AWSStepFunctions.ValidateStateMachineDefinition";

#[tokio::test]
async fn a_definition_is_warned_of_when_that_is_asked_for() {
    let world = World::new().await;
    let client = world.client();
    let way = json!({"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "Ask/me"}]});
    let ask = json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": "q", "MessageBody": {"Lines": ["$.text"], "Entries": [{"Text": "$.text"}]}}, "End": true});
    let definition = json!({"StartAt": "Way", "States": {"Way": way, "Ask/me": ask}}).to_string();
    let asked = |severity: &str, most: i64| json!({"definition": definition, "severity": severity, "maxResults": most});
    let none = client.ok(VALIDATE, asked("ERROR", 0)).await;
    assert_eq!(
        none,
        json!({"result": "OK", "truncated": false, "diagnostics": []})
    );
    let told = client.ok(VALIDATE, asked("WARNING", 0)).await;
    assert_eq!(
        (&told["result"], &told["truncated"]),
        (&json!("OK"), &json!(false))
    );
    let listed = told["diagnostics"].as_array().expect("a list");
    assert!(
        listed.iter().all(|one| one["severity"] == "WARNING"),
        "{told}"
    );
    let found: Vec<_> = listed
        .iter()
        .map(|one| (one["code"].as_str(), one["location"].as_str()))
        .collect();
    for (code, place) in [
        ("choice-without-default", "/States/Way"),
        ("missing-timeout", "/States/Ask/me"),
        (
            "path-as-text",
            "/States/Ask/me/Parameters/MessageBody/Entries[0]/Text",
        ),
    ] {
        assert!(found.contains(&(Some(code), Some(place))), "{found:?}");
    }
    let one = client.ok(VALIDATE, asked("WARNING", 1)).await;
    assert_eq!(one["diagnostics"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&one["result"], &one["truncated"]),
        (&json!("OK"), &json!(true))
    );
    // What is refused is not warned of, too.
    let broken =
        json!({"definition": definition.replace("sqs:", "nothing:"), "severity": "WARNING"});
    let told = client.ok(VALIDATE, broken).await;
    assert_eq!(told["result"], "FAIL");
    let severities: Vec<&Value> = told["diagnostics"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| &it["severity"])
        .collect();
    assert_eq!(severities, [&json!("ERROR")]);
    let empty = client.ok(VALIDATE, json!({"definition": ""})).await;
    assert_eq!(empty["result"], "FAIL");
    assert_eq!(
        empty["diagnostics"][0]["message"],
        "Definition must be a valid JSON object"
    );
}

fn task(resource: &str, parameters: Value) -> String {
    let call = json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true});
    json!({"StartAt": "Call", "States": {"Call": call}}).to_string()
}

#[tokio::test]
async fn calls_that_aws_does_not_have_are_refused_before_they_are_made() {
    let world = World::new().await;
    let client = world.client();
    let machine = |definition: &str| {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
        json!({"name": "m", "roleArn": role, "definition": definition})
    };
    let create = "AWSStepFunctions.CreateStateMachine";
    let nothing = json!({});
    // By the second SDK's name of the service, and by boto3's.
    let known = [
        "sfn:startExecution",
        "eventbridge:putEvents",
        "cloudwatchlogs:createLogGroup",
        "logs:createLogGroup",
    ];
    for call in known.into_iter().chain([
        "s3:listObjectsV2",
        "ssmincidents:startIncident.waitForTaskToken",
    ]) {
        let definition = task(&format!("arn:aws:states:::aws-sdk:{call}"), nothing.clone());
        let told = client.ok(VALIDATE, json!({"definition": definition})).await;
        assert_eq!(told["result"], "OK", "{call}: {told}");
    }
    let http = "arn:aws:states:::http:invoke";
    let good = task(
        "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
        json!({"QueueName": "q"}),
    );
    let made = client.ok(create, machine(&good)).await;
    for (definition, place, message) in [
        (
            task("arn:aws:states:::aws-sdk:xyz:abc", nothing.clone()),
            "/States/Call/Resource",
            "The resource provided arn:aws:states:::aws-sdk:xyz:abc is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.",
        ),
        (
            task("arn:aws:states:::aws-sdk:sqs:sendMessages", nothing.clone()),
            "/States/Call/Resource",
            "The resource provided arn:aws:states:::aws-sdk:sqs:sendMessages is not recognized. The value is not a valid resource ARN, or the resource is not available in this region.",
        ),
        (
            task(
                http,
                json!({"ApiEndpoint": "https://a", "Authentication": {"ConnectionArn": "c"}}),
            ),
            "/States/Call/Parameters",
            "The field 'Method' is required but was missing",
        ),
    ] {
        let told = client.ok(VALIDATE, json!({"definition": definition})).await;
        let want = json!({"result": "FAIL", "truncated": false, "diagnostics": [
            {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": message, "location": place}]});
        assert_eq!(told, want);
        let all = format!(
            "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {message} at {place}'"
        );
        let other = {
            let mut other = machine(&definition);
            other["name"] = json!("other");
            other
        };
        assert_eq!(client.fails(create, other, "InvalidDefinition").await, all);
        let update = json!({"stateMachineArn": made["stateMachineArn"], "definition": definition});
        let said = client
            .fails(
                "AWSStepFunctions.UpdateStateMachine",
                update,
                "InvalidDefinition",
            )
            .await;
        assert_eq!(said, all);
    }
}

#[tokio::test]
async fn the_variables_that_states_read_are_told_with_the_definition() {
    let world = World::new().await;
    let client = world.client();
    let definition = json!({"QueryLanguage": "JSONata", "StartAt": "Set", "States": {
        "Set": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Use"},
        "Use": {"Type": "Pass", "Output": "{% $b + $a %}", "End": true}}});
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let made = json!({"name": "m", "roleArn": role, "definition": definition.to_string(), "publish": true});
    let made = client.ok("AWSStepFunctions.CreateStateMachine", made).await;
    let describe = "AWSStepFunctions.DescribeStateMachine";
    for arn in ["stateMachineArn", "stateMachineVersionArn"] {
        let body = client
            .ok(describe, json!({"stateMachineArn": made[arn]}))
            .await;
        assert_eq!(body["variableReferences"], json!({"Use": ["a", "b"]}));
    }
    let bare = json!({"stateMachineArn": made["stateMachineArn"], "includedData": "METADATA_ONLY"});
    let body = client.ok(describe, bare).await;
    assert_eq!(
        (&body["definition"], body.get("variableReferences")),
        (&json!("{}"), None)
    );
}

#[tokio::test]
async fn activities_are_listed_by_name_page_by_page() {
    let world = World::new().await;
    let client = world.client();
    for name in ["b", "d", "a", "c"] {
        client
            .ok("AWSStepFunctions.CreateActivity", json!({"name": name}))
            .await;
    }
    let gone = format!("arn:aws:states:us-east-1:{ACCOUNT}:activity:c");
    client
        .ok(
            "AWSStepFunctions.DeleteActivity",
            json!({"activityArn": gone}),
        )
        .await;
    let mut names = Vec::new();
    let mut asked = json!({"maxResults": 2});
    loop {
        let page = client
            .ok("AWSStepFunctions.ListActivities", asked.clone())
            .await;
        let listed = page["activities"].as_array().expect("a list");
        names.push(
            listed
                .iter()
                .map(|it| it["name"].as_str().expect("a name").to_owned())
                .collect::<Vec<_>>(),
        );
        if page["nextToken"].is_null() {
            break;
        }
        asked["nextToken"] = page["nextToken"].clone();
    }
    assert_eq!(names, [vec!["a", "b"], vec!["d"]]);
}
