//! Targets, and what an event does to them.

use serde_json::{Value, json};

use crate::world::World;

const PATTERN: &str = "{\"source\":[\"app\"]}";
const DOCUMENT: &str = r#"{"schemaVersion":"0.3","parameters":{"Name":{"type":"String"}},
    "mainSteps":[{"name":"Wait","action":"aws:pause","inputs":{}}]}"#;

async fn with_rule() -> World {
    let world = World::new().await;
    world
        .client()
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "r", "EventPattern": PATTERN }),
        )
        .await;
    world
}

fn target(arn: &str) -> Value {
    json!({ "Rule": "r", "Targets": [{ "Id": "t", "Arn": arn }] })
}

#[tokio::test]
async fn only_what_can_be_delivered_to_is_taken() {
    let world = with_rule().await;
    let client = world.client();
    for (arn, failed) in [
        ("arn:aws:ssm-incidents::123456789012:response-plan/p", 0),
        (
            "arn:aws:ssm:us-east-1:123456789012:automation-definition/D:$DEFAULT",
            0,
        ),
        ("arn:aws:ssm:us-east-1:123456789012:document/D", 0),
        ("https://hooks.example.com/x", 0),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", 0),
        ("arn:aws:states:us-east-1:123456789012:stateMachine:m", 0),
        ("arn:aws:sqs:us-east-1:123456789012:q", 0),
        ("arn:aws:sns:us-east-1:123456789012:t", 0),
        ("arn:aws:sns:us-east-1:123456789012:t.fifo", 1),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/s", 0),
        (
            "arn:aws:firehose:us-east-1:123456789012:deliverystream/s",
            0,
        ),
        ("arn:aws:events:us-east-1:123456789012:event-bus/b", 0),
        ("arn:aws:events:eu-west-1:999999999999:event-bus/b", 0),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/g",
            0,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/g:*",
            0,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/../g",
            1,
        ),
        (
            "arn:aws:logs:us-east-1:123456789012:log-group:/var/log/g",
            1,
        ),
        (
            "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/events/g",
            1,
        ),
        ("arn:aws:ecs:us-east-1:123456789012:cluster/c", 1),
        ("arn:aws:ssm-incidents::999999999999:response-plan/p", 1),
        ("arn:aws:ssm:eu-west-1:123456789012:document/D", 1),
        ("ftp://example.com", 1),
    ] {
        let answer = client.ok("AWSEvents.PutTargets", target(arn)).await;
        assert_eq!(answer["FailedEntryCount"], failed, "{arn}: {answer}");
        if failed == 1 {
            let entry = &answer["FailedEntries"][0];
            assert_eq!(
                (entry["TargetId"].as_str(), entry["ErrorCode"].as_str()),
                (Some("t"), Some("ValidationException"))
            );
        }
    }
}

#[tokio::test]
async fn targets_are_kept_as_given_and_removed() {
    let world = with_rule().await;
    let client = world.client();
    let targets = json!([
        { "Id": "plan", "Arn": "arn:aws:ssm-incidents::123456789012:response-plan/p", "RoleArn": "arn:aws:iam::123456789012:role/x",
          "RetryPolicy": { "MaximumRetryAttempts": 3 }, "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:123456789012:q" } },
        { "Id": "web", "Arn": "https://hooks.example.com/x",
          "InputTransformer": { "InputPathsMap": { "id": "$.id" }, "InputTemplate": "{\"id\":<id>}" } },
    ]);
    client
        .ok(
            "AWSEvents.PutTargets",
            json!({ "Rule": "r", "Targets": targets }),
        )
        .await;
    let listed = client
        .ok(
            "AWSEvents.ListTargetsByRule",
            json!({ "Rule": "r", "Limit": 100 }),
        )
        .await;
    assert_eq!(listed, json!({ "Targets": targets }));
    let names = client
        .ok(
            "AWSEvents.ListRuleNamesByTarget",
            json!({ "TargetArn": "https://hooks.example.com/x" }),
        )
        .await;
    assert_eq!(names, json!({ "RuleNames": ["r"] }));
    let message = client
        .fails(
            "AWSEvents.DeleteRule",
            json!({ "Name": "r" }),
            "ValidationException",
        )
        .await;
    assert_eq!(message, "Rule can't be deleted since it has targets.");
    client
        .ok(
            "AWSEvents.RemoveTargets",
            json!({ "Rule": "r", "Ids": ["plan", "web", "none"] }),
        )
        .await;
    client
        .ok("AWSEvents.DeleteRule", json!({ "Name": "r" }))
        .await;
}

#[tokio::test]
async fn bad_targets_are_refused_whole() {
    let world = with_rule().await;
    let client = world.client();
    let with = |more: Value| {
        let mut entry = json!({ "Id": "t", "Arn": "https://hooks.example.com/x" });
        entry
            .as_object_mut()
            .expect("object")
            .extend(more.as_object().expect("object").clone());
        json!({ "Rule": "r", "Targets": [entry] })
    };
    for (body, message) in [
        (
            with(json!({ "Input": "{}", "InputPath": "$" })),
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
        ),
        (with(json!({ "Input": "nonsense" })), "target t"),
        (
            with(json!({ "InputTransformer": { "InputTemplate": "{\"a\":<b>}" } })),
            "InputTemplate for target t contains invalid placeholder b.",
        ),
        (
            with(json!({ "InputTransformer": {} })),
            "at 'targets.1.member.inputTransformer.inputTemplate'",
        ),
        (
            with(json!({ "RetryPolicy": { "MaximumRetryAttempts": 186 } })),
            "less than or equal to 185",
        ),
        (
            with(json!({ "RoleArn": "nobody" })),
            "Parameter RoleArn is not valid. Reason: it must be the ARN of a role",
        ),
        (
            with(json!({ "DeadLetterConfig": { "Arn": "nothing" } })),
            "Parameter DeadLetterConfig.Arn is not valid. Reason: Provided Arn is not in correct format.",
        ),
        (
            with(json!({ "DeadLetterConfig": { "Arn": "arn:aws:sns:us-east-1:123456789012:t" } })),
            "must be the ARN of an SQS queue",
        ),
        (
            with(
                json!({ "DeadLetterConfig": { "Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo" } }),
            ),
            "use a standard queue",
        ),
        (
            with(json!({ "DeadLetterConfig": { "Arn": "arn:aws:sqs:eu-west-1:123456789012:q" } })),
            "must be in the rule's region us-east-1",
        ),
        (
            with(json!({ "Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo" })),
            "Parameter(s) SqsParameters must be specified for target: t.",
        ),
        (
            with(json!({ "Arn": "arn:aws:sqs:us-east-1:123456789012:q.fifo",
                         "SqsParameters": { "MessageGroupId": "$.detail[" } })),
            "Parameter SqsParameters.MessageGroupId is not valid.",
        ),
        (
            with(
                json!({ "Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
                         "KinesisParameters": { "PartitionKeyPath": "$detail" } }),
            ),
            "Parameter KinesisParameters.PartitionKeyPath is not valid.",
        ),
        (with(json!({ "Id": "a b" })), "at 'targets.1.member.id'"),
        (json!({ "Rule": "r", "Targets": [] }), "at 'targets'"),
    ] {
        let got = client
            .fails("AWSEvents.PutTargets", body, "ValidationException")
            .await;
        assert!(got.contains(message), "{got} has no {message}");
    }
    client
        .fails(
            "AWSEvents.PutTargets",
            json!({ "Rule": "none", "Targets": [{ "Id": "t", "Arn": "https://x.example" }] }),
            "ResourceNotFoundException",
        )
        .await;
    let six: Vec<Value> = (0..6)
        .map(|n| json!({ "Id": n.to_string(), "Arn": "https://x.example" }))
        .collect();
    client
        .fails(
            "AWSEvents.PutTargets",
            json!({ "Rule": "r", "Targets": six }),
            "LimitExceededException",
        )
        .await;
    assert_eq!(
        client
            .ok("AWSEvents.ListTargetsByRule", json!({ "Rule": "r" }))
            .await["Targets"],
        json!([])
    );
}

#[tokio::test]
async fn an_event_starts_a_run_and_calls_a_webhook() {
    let world = with_rule().await;
    let client = world.client();
    client
        .ok(
            "AmazonSSM.CreateDocument",
            json!({ "Name": "Greet", "DocumentType": "Automation", "Content": DOCUMENT }),
        )
        .await;
    let targets = json!([
        { "Id": "run", "Arn": "arn:aws:ssm:us-east-1:123456789012:automation-definition/Greet",
          "InputTransformer": { "InputPathsMap": { "who": "$.detail.who" }, "InputTemplate": "{\"Name\":[<who>]}" } },
        { "Id": "web", "Arn": "https://hooks.example.com/x" },
    ]);
    client
        .ok(
            "AWSEvents.PutTargets",
            json!({ "Rule": "r", "Targets": targets }),
        )
        .await;
    let entry = |source: &str| json!({ "Entries": [{ "Source": source, "DetailType": "t", "Detail": "{\"who\":\"ana\"}" }] });
    client.ok("AWSEvents.PutEvents", entry("other")).await;
    client.ok("AWSEvents.PutEvents", entry("app")).await;
    world.settle().await;
    let runs = client
        .ok("AmazonSSM.DescribeAutomationExecutions", json!({}))
        .await;
    let list = runs["AutomationExecutionMetadataList"]
        .as_array()
        .expect("runs");
    assert_eq!(list.len(), 1, "{runs}");
    let run = client
        .ok(
            "AmazonSSM.GetAutomationExecution",
            json!({ "AutomationExecutionId": list[0]["AutomationExecutionId"] }),
        )
        .await;
    assert_eq!(
        run["AutomationExecution"]["Parameters"]["Name"],
        json!(["ana"])
    );
    assert_eq!(world.outside.count("https://hooks.example.com/x"), 1);
}
