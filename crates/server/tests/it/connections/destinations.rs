//! API destinations, and what targets say of their calls.

use serde_json::{Value, json};

use super::basic;
use crate::world::World;

#[tokio::test]
async fn a_destination_lives_and_dies_with_its_connections_state() {
    let world = World::new().await;
    let client = world.client();
    let connection = client.ok("AWSEvents.CreateConnection", basic("c1")).await;
    let connection = connection["ConnectionArn"].clone();
    let good = json!({ "Name": "d1", "ConnectionArn": connection, "HttpMethod": "POST", "Description": "tickets",
                       "InvocationEndpoint": "https://example.com/api/*/x?y=1" });
    let made = client
        .ok("AWSEvents.CreateApiDestination", good.clone())
        .await;
    let arn = made["ApiDestinationArn"].as_str().expect("an arn");
    let prefix = "arn:aws:events:us-east-1:123456789012:api-destination/d1/";
    assert!(arn.starts_with(prefix), "{arn}");
    assert_eq!(made["ApiDestinationState"], "ACTIVE");
    client
        .fails(
            "AWSEvents.CreateApiDestination",
            good.clone(),
            "ResourceAlreadyExistsException",
        )
        .await;
    let change = json!({ "Name": "d1", "HttpMethod": "PUT", "InvocationRateLimitPerSecond": 7 });
    client.ok("AWSEvents.UpdateApiDestination", change).await;
    let shown = client
        .ok("AWSEvents.DescribeApiDestination", json!({ "Name": "d1" }))
        .await;
    for (member, value) in [
        ("ApiDestinationArn", json!(arn)),
        ("Name", json!("d1")),
        ("Description", json!("tickets")),
        ("HttpMethod", json!("PUT")),
        (
            "InvocationEndpoint",
            json!("https://example.com/api/*/x?y=1"),
        ),
        ("InvocationRateLimitPerSecond", json!(7)),
        ("ConnectionArn", connection.clone()),
    ] {
        assert_eq!(shown[member], value, "{member}");
    }
    let listed = client
        .ok(
            "AWSEvents.ListApiDestinations",
            json!({ "ConnectionArn": connection }),
        )
        .await;
    assert_eq!(
        listed["ApiDestinations"][0]["ApiDestinationState"],
        "ACTIVE"
    );
    client
        .ok("AWSEvents.DeleteConnection", json!({ "Name": "c1" }))
        .await;
    // Another connection of that name is not the one that was meant.
    client.ok("AWSEvents.CreateConnection", basic("c1")).await;
    let shown = client
        .ok("AWSEvents.DescribeApiDestination", json!({ "Name": "d1" }))
        .await;
    assert_eq!(shown["ApiDestinationState"], "INACTIVE");
    let listed = client.ok("AWSEvents.ListApiDestinations", json!({})).await;
    assert_eq!(
        listed["ApiDestinations"][0]["ApiDestinationState"],
        "INACTIVE"
    );
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body["Name"] = "d2".into();
        body[member] = value;
        body
    };
    for (bad, code, said) in [
        (
            with("ConnectionArn", json!("c1")),
            "ValidationException",
            "connectionArn",
        ),
        (
            with("ConnectionArn", connection.clone()),
            "ResourceNotFoundException",
            "does not exist",
        ),
        (
            with("HttpMethod", json!("TRACE")),
            "ValidationException",
            "[HEAD, POST, PATCH, DELETE, PUT, GET, OPTIONS]",
        ),
        (
            with("InvocationEndpoint", json!("http://example.com/")),
            "ValidationException",
            "https",
        ),
        (
            with("InvocationEndpoint", json!("https://example.com/ x")),
            "ValidationException",
            "invocationEndpoint",
        ),
        (
            with("InvocationEndpoint", json!("https://*/x")),
            "ValidationException",
            "host",
        ),
        (
            with("InvocationRateLimitPerSecond", json!(0)),
            "ValidationException",
            "greater than or equal to 1",
        ),
    ] {
        let refused = client
            .fails("AWSEvents.CreateApiDestination", bad.clone(), code)
            .await;
        assert!(refused.contains(said), "{bad}: {refused}");
    }
    client
        .ok("AWSEvents.DeleteApiDestination", json!({ "Name": "d1" }))
        .await;
    for operation in ["Describe", "Update", "Delete"] {
        let target = format!("AWSEvents.{operation}ApiDestination");
        let absent = client
            .fails(
                &target,
                json!({ "Name": "d1" }),
                "ResourceNotFoundException",
            )
            .await;
        assert!(
            absent.ends_with("An api-destination 'd1' does not exist."),
            "{absent}"
        );
    }
}

#[tokio::test]
async fn a_targets_own_parameters_are_checked_as_a_connections_are() {
    let world = World::new().await;
    let client = world.client();
    let rule = json!({ "Name": "r1", "EventPattern": "{\"source\":[\"x\"]}" });
    client.ok("AWSEvents.PutRule", rule).await;
    let arn = "arn:aws:events:us-east-1:123456789012:api-destination/d1";
    let put = |parameters: Value| json!({ "Rule": "r1", "Targets": [{ "Id": "t", "Arn": arn, "HttpParameters": parameters }] });
    for (bad, said) in [
        (
            json!({ "HeaderParameters": { "x y": "1" } }),
            "headerParameters",
        ),
        (
            json!({ "HeaderParameters": { "x": "1\r\ny: 2" } }),
            "headerParameters.x",
        ),
        (
            json!({ "HeaderParameters": { "x": "" } }),
            "headerParameters.x",
        ),
        (
            json!({ "QueryStringParameters": { "a\n": "\u{0}" } }),
            "queryStringParameters",
        ),
        (
            json!({ "PathParameterValues": [""] }),
            "pathParameterValues",
        ),
    ] {
        let refused = client
            .fails(
                "AWSEvents.PutTargets",
                put(bad.clone()),
                "ValidationException",
            )
            .await;
        assert!(refused.contains(said), "{bad}: {refused}");
    }
    let good = json!({ "PathParameterValues": ["$.id"], "HeaderParameters": { "X-Event": "$.id" }, "QueryStringParameters": { "q": "1" } });
    let answer = client.ok("AWSEvents.PutTargets", put(good)).await;
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
}
