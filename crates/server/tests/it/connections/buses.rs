//! Buses: settings, policies.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_bus_keeps_its_settings_and_its_policy() {
    let world = World::new().await;
    let client = world.client();
    let queue = "arn:aws:sqs:us-east-1:123456789012:dlq";
    let made = client
        .ok(
            "AWSEvents.CreateEventBus",
            json!({ "Name": "b1", "Description": "one", "DeadLetterConfig": { "Arn": queue }, "LogConfig": { "Level": "OFF" } }),
        )
        .await;
    assert_eq!(made["DeadLetterConfig"]["Arn"], queue);
    let arn = "arn:aws:events:us-east-1:123456789012:event-bus/b1";
    let changed = client
        .ok(
            "AWSEvents.UpdateEventBus",
            json!({ "Name": "b1", "Description": "", "DeadLetterConfig": {} }),
        )
        .await;
    assert_eq!(
        changed,
        json!({ "Arn": arn, "Name": "b1", "LogConfig": { "IncludeDetail": "NONE", "Level": "OFF" } })
    );
    for bad in [
        json!({ "Name": "b1", "KmsKeyIdentifier": "alias/x" }),
        json!({ "Name": "b1", "LogConfig": { "Level": "INFO" } }),
        json!({ "Name": "b1", "DeadLetterConfig": { "Arn": "arn:aws:sns:us-east-1:123456789012:t" } }),
    ] {
        client
            .fails("AWSEvents.UpdateEventBus", bad, "ValidationException")
            .await;
    }
    let unknown = json!({ "Name": "b2" });
    client
        .fails(
            "AWSEvents.UpdateEventBus",
            unknown,
            "ResourceNotFoundException",
        )
        .await;
    // The default bus, which nobody made.
    let default = client
        .ok(
            "AWSEvents.UpdateEventBus",
            json!({ "Name": "default", "Description": "all" }),
        )
        .await;
    assert_eq!(default["Description"], "all");
    let one = |id: &str, principal: &str| json!({ "EventBusName": "b1", "Action": "events:PutEvents", "Principal": principal, "StatementId": id });
    client
        .ok("AWSEvents.PutPermission", one("s1", "999999999999"))
        .await;
    let mut organization = one("s2", "*");
    organization["Condition"] =
        json!({ "Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1" });
    client
        .ok("AWSEvents.PutPermission", organization.clone())
        .await;
    client
        .ok("AWSEvents.PutPermission", one("s1", "888888888888"))
        .await;
    let policy = async || {
        let shown = client
            .ok("AWSEvents.DescribeEventBus", json!({ "Name": "b1" }))
            .await;
        let policy = shown.get("Policy")?.as_str().map(str::to_owned)?;
        Some(serde_json::from_str::<Value>(&policy).expect("a document"))
    };
    let statement = |id: &str, principal: Value| json!({ "Sid": id, "Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": arn });
    let mut second = statement("s2", json!("*"));
    second["Condition"] = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
    let first = statement("s1", json!({ "AWS": "arn:aws:iam::888888888888:root" }));
    assert_eq!(
        policy().await,
        Some(json!({ "Version": "2012-10-17", "Statement": [second, first] }))
    );
    organization["Principal"] = "999999999999".into();
    let mut action = one("s", "*");
    action["Action"] = "events:PutRule".into();
    let large =
        json!({ "Statement": (0..200).map(|_| first.clone()).collect::<Vec<_>>() }).to_string();
    for (bad, code) in [
        (organization, "ValidationException"),
        (action, "ValidationException"),
        (one("s", "someone"), "ValidationException"),
        (one("s t", "*"), "ValidationException"),
        (json!({ "EventBusName": "b1" }), "ValidationException"),
        (
            json!({ "EventBusName": "b1", "Policy": "{" }),
            "ValidationException",
        ),
        (
            json!({ "EventBusName": "b1", "Policy": "{}" }),
            "ValidationException",
        ),
        (
            json!({ "EventBusName": "b1", "Policy": "{\"Statement\":[{}]}", "StatementId": "s" }),
            "ValidationException",
        ),
        (
            json!({ "EventBusName": "b1", "Policy": large }),
            "PolicyLengthExceededException",
        ),
        (
            json!({ "EventBusName": "b2", "Policy": "{}" }),
            "ResourceNotFoundException",
        ),
    ] {
        client.fails("AWSEvents.PutPermission", bad, code).await;
    }
    let remove = |id: &str| json!({ "EventBusName": "b1", "StatementId": id });
    client.ok("AWSEvents.RemovePermission", remove("s1")).await;
    let unknown = client
        .fails(
            "AWSEvents.RemovePermission",
            remove("s1"),
            "ResourceNotFoundException",
        )
        .await;
    assert_eq!(unknown, "Statement with the provided id does not exist.");
    client.ok("AWSEvents.RemovePermission", remove("s2")).await;
    assert_eq!(policy().await, None);
    let none = client
        .fails(
            "AWSEvents.RemovePermission",
            remove("s2"),
            "ResourceNotFoundException",
        )
        .await;
    assert_eq!(none, "EventBus does not have a policy.");
    let whole = json!({ "Version": "2012-10-17", "Statement": [first] });
    client
        .ok(
            "AWSEvents.PutPermission",
            json!({ "Policy": whole.to_string() }),
        )
        .await;
    let listed = client.ok("AWSEvents.ListEventBuses", json!({})).await;
    assert_eq!(listed["EventBuses"][1]["Policy"], whole.to_string());
    client
        .ok(
            "AWSEvents.RemovePermission",
            json!({ "RemoveAllPermissions": true }),
        )
        .await;
    client
        .fails(
            "AWSEvents.RemovePermission",
            json!({}),
            "ValidationException",
        )
        .await;
}
