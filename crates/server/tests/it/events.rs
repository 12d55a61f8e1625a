//! The rules API: rules, buses, tags, patterns.

use serde_json::{Value, json};

use crate::world::World;

const PATTERN: &str = "{\"source\":[\"aws.guardduty\"]}";

#[tokio::test]
async fn a_rule_lives_and_dies() {
    let world = World::new().await;
    let client = world.client();
    let put = json!({ "Name": "r1", "EventPattern": PATTERN, "Description": "first", "EventBusName": "default",
                      "Tags": [{ "Key": "team", "Value": "sec" }] });
    let made = client.ok("AWSEvents.PutRule", put).await;
    let arn = "arn:aws:events:us-east-1:123456789012:rule/r1";
    assert_eq!(made, json!({ "RuleArn": arn }));
    let shown = client
        .ok(
            "AWSEvents.DescribeRule",
            json!({ "Name": "r1", "EventBusName": "default" }),
        )
        .await;
    assert_eq!(
        shown,
        json!({ "Name": "r1", "Arn": arn, "EventPattern": PATTERN, "State": "ENABLED", "Description": "first",
                "EventBusName": "default", "CreatedBy": "123456789012" })
    );
    client
        .ok("AWSEvents.DisableRule", json!({ "Name": "r1" }))
        .await;
    // An update keeps the state and the tags, and drops what is not given.
    client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "r1", "EventPattern": PATTERN }),
        )
        .await;
    let shown = client
        .ok("AWSEvents.DescribeRule", json!({ "Name": "r1" }))
        .await;
    assert_eq!(
        (shown["State"].as_str(), shown.get("Description")),
        (Some("DISABLED"), None)
    );
    client
        .ok("AWSEvents.EnableRule", json!({ "Name": "r1" }))
        .await;
    let tags = client
        .ok(
            "AWSEvents.ListTagsForResource",
            json!({ "ResourceARN": arn }),
        )
        .await;
    assert_eq!(tags, json!({ "Tags": [{ "Key": "team", "Value": "sec" }] }));
    client
        .ok(
            "AWSEvents.TagResource",
            json!({ "ResourceARN": arn, "Tags": [{ "Key": "a", "Value": "" }] }),
        )
        .await;
    client
        .ok(
            "AWSEvents.UntagResource",
            json!({ "ResourceARN": arn, "TagKeys": ["team"] }),
        )
        .await;
    let tags = client
        .ok(
            "AWSEvents.ListTagsForResource",
            json!({ "ResourceARN": arn }),
        )
        .await;
    assert_eq!(tags, json!({ "Tags": [{ "Key": "a", "Value": "" }] }));
    client
        .ok("AWSEvents.DeleteRule", json!({ "Name": "r1" }))
        .await;
    client
        .ok("AWSEvents.DeleteRule", json!({ "Name": "r1" }))
        .await;
    let message = client
        .fails(
            "AWSEvents.DescribeRule",
            json!({ "Name": "r1" }),
            "ResourceNotFoundException",
        )
        .await;
    assert_eq!(message, "Rule r1 does not exist on EventBus default.");
}

#[tokio::test]
async fn a_rule_can_have_a_schedule_a_pattern_or_both() {
    let world = World::new().await;
    let client = world.client();
    let both = json!({ "Name": "both", "EventPattern": PATTERN, "ScheduleExpression": "cron(0/5 8 ? * MON-FRI *)" });
    client.ok("AWSEvents.PutRule", both).await;
    let only = json!({ "Name": "only", "ScheduleExpression": "rate(5 minutes)" });
    client.ok("AWSEvents.PutRule", only).await;
    let shown = client.ok("AWSEvents.ListRules", json!({})).await;
    assert_eq!(
        shown["Rules"][0]["ScheduleExpression"],
        "cron(0/5 8 ? * MON-FRI *)"
    );
    assert_eq!(shown["Rules"][0]["EventPattern"], PATTERN);
    assert_eq!(shown["Rules"][1]["ScheduleExpression"], "rate(5 minutes)");
    assert_eq!(shown["Rules"][1].get("EventPattern"), None);
    client
        .ok("AWSEvents.CreateEventBus", json!({ "Name": "own" }))
        .await;
    let message = client
        .fails(
            "AWSEvents.PutRule",
            json!({ "Name": "r", "ScheduleExpression": "rate(5 minutes)", "EventBusName": "own" }),
            "ValidationException",
        )
        .await;
    assert_eq!(
        message,
        "ScheduleExpression is supported only on the default event bus."
    );
    // The rule fires to its target, five minutes after it was put and every five minutes from then.
    let target = json!({ "Rule": "only", "Targets": [{ "Id": "hook", "Arn": "https://hooks.example.com/tick" }] });
    client.ok("AWSEvents.PutTargets", target).await;
    world
        .fast_forward(std::time::Duration::from_secs(299))
        .await;
    assert_eq!(world.outside.count("https://hooks.example.com/tick"), 0);
    world.fast_forward(std::time::Duration::from_secs(1)).await;
    assert_eq!(world.outside.count("https://hooks.example.com/tick"), 1);
    // Without its schedule it fires no more.
    client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "only", "EventPattern": PATTERN }),
        )
        .await;
    world
        .fast_forward(std::time::Duration::from_secs(3_600))
        .await;
    assert_eq!(world.outside.count("https://hooks.example.com/tick"), 1);
}

#[tokio::test]
async fn bad_rules_are_refused_in_aws_words() {
    let world = World::new().await;
    let client = world.client();
    for (body, code, message) in [
        (
            json!({ "EventPattern": PATTERN }),
            "ValidationException",
            "Value null at 'name'",
        ),
        (
            json!({ "Name": "a b", "EventPattern": PATTERN }),
            "ValidationException",
            "regular expression pattern",
        ),
        (
            json!({ "Name": "x".repeat(65), "EventPattern": PATTERN }),
            "ValidationException",
            "less than or equal to 64",
        ),
        (
            json!({ "Name": "r" }),
            "ValidationException",
            "Parameter(s) EventPattern or ScheduleExpression must be specified.",
        ),
        (
            json!({ "Name": "r", "ScheduleExpression": "rate(1 days)" }),
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            json!({ "Name": "r", "EventPattern": PATTERN, "ScheduleExpression": "cron(0 1 * * * *)" }),
            "ValidationException",
            "Parameter ScheduleExpression is not valid.",
        ),
        (
            json!({ "Name": "r", "EventPattern": "{\"a\":1}" }),
            "InvalidEventPatternException",
            "\"a\" must be an object or an array",
        ),
        (
            json!({ "Name": "r", "EventPattern": "{" }),
            "InvalidEventPatternException",
            "Event pattern is not valid. Reason: ",
        ),
        (
            json!({ "Name": "r", "EventPattern": PATTERN, "State": "ON" }),
            "ValidationException",
            "enum value set",
        ),
        (
            json!({ "Name": "r", "EventPattern": PATTERN, "EventBusName": "none" }),
            "ResourceNotFoundException",
            "Event bus none does not exist.",
        ),
        (
            json!({ "Name": 5, "EventPattern": PATTERN }),
            "SerializationException",
            "`name` must be a string",
        ),
    ] {
        let got = client.fails("AWSEvents.PutRule", body, code).await;
        assert!(got.contains(message), "{got} has no {message}");
    }
    assert_eq!(
        client.ok("AWSEvents.ListRules", json!({})).await["Rules"],
        json!([]),
        "nothing half-written"
    );
}

#[tokio::test]
async fn lists_are_paged_and_tokens_checked() {
    let world = World::new().await;
    let client = world.client();
    for name in ["a1", "a2", "a3", "b1"] {
        client
            .ok(
                "AWSEvents.PutRule",
                json!({ "Name": name, "EventPattern": PATTERN }),
            )
            .await;
    }
    let names = |page: &Value| -> Vec<String> {
        let rules = page["Rules"].as_array().expect("rules");
        rules
            .iter()
            .map(|rule| rule["Name"].as_str().unwrap_or_default().to_owned())
            .collect()
    };
    let first = client
        .ok(
            "AWSEvents.ListRules",
            json!({ "NamePrefix": "a", "Limit": 2 }),
        )
        .await;
    assert_eq!(names(&first), ["a1", "a2"]);
    let token = first["NextToken"].clone();
    let second = client
        .ok(
            "AWSEvents.ListRules",
            json!({ "NamePrefix": "a", "Limit": 2, "NextToken": token }),
        )
        .await;
    assert_eq!(
        (names(&second), second.get("NextToken")),
        (vec!["a3".to_owned()], None)
    );
    for (prefix, bad) in [("a", json!("x")), ("b", token)] {
        let body = json!({ "NamePrefix": prefix, "NextToken": bad });
        client
            .fails("AWSEvents.ListRules", body, "ValidationException")
            .await;
    }
}

#[tokio::test]
async fn buses_hold_rules_of_their_own() {
    let world = World::new().await;
    let client = world.client();
    let arn = "arn:aws:events:us-east-1:123456789012:event-bus/orders";
    let made = client
        .ok(
            "AWSEvents.CreateEventBus",
            json!({ "Name": "orders", "Description": "d" }),
        )
        .await;
    assert_eq!(made, json!({ "EventBusArn": arn, "Description": "d" }));
    client
        .fails(
            "AWSEvents.CreateEventBus",
            json!({ "Name": "orders" }),
            "ResourceAlreadyExistsException",
        )
        .await;
    client
        .fails(
            "AWSEvents.CreateEventBus",
            json!({ "Name": "default" }),
            "ResourceAlreadyExistsException",
        )
        .await;
    client
        .fails(
            "AWSEvents.CreateEventBus",
            json!({ "Name": "a/b" }),
            "ValidationException",
        )
        .await;
    let rule = client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "r", "EventBusName": arn, "EventPattern": PATTERN }),
        )
        .await;
    assert_eq!(
        rule["RuleArn"],
        "arn:aws:events:us-east-1:123456789012:rule/orders/r"
    );
    let tag = json!({ "ResourceARN": rule["RuleArn"], "Tags": [{ "Key": "k", "Value": "v" }] });
    client.ok("AWSEvents.TagResource", tag).await;
    client
        .fails(
            "AWSEvents.DeleteEventBus",
            json!({ "Name": "orders" }),
            "ValidationException",
        )
        .await;
    let listed = client.ok("AWSEvents.ListEventBuses", json!({})).await;
    let names: Vec<&str> = listed["EventBuses"]
        .as_array()
        .expect("buses")
        .iter()
        .filter_map(|bus| bus["Name"].as_str())
        .collect();
    assert_eq!(names, ["default", "orders"]);
    let shown = client.ok("AWSEvents.DescribeEventBus", json!({})).await;
    assert_eq!(
        shown["Arn"],
        "arn:aws:events:us-east-1:123456789012:event-bus/default"
    );
    client
        .ok(
            "AWSEvents.DeleteRule",
            json!({ "Name": "r", "EventBusName": "orders" }),
        )
        .await;
    client
        .ok("AWSEvents.DeleteEventBus", json!({ "Name": "orders" }))
        .await;
    client
        .fails(
            "AWSEvents.DescribeEventBus",
            json!({ "Name": "orders" }),
            "ResourceNotFoundException",
        )
        .await;
    client
        .fails(
            "AWSEvents.DeleteEventBus",
            json!({ "Name": "default" }),
            "ValidationException",
        )
        .await;
}

#[tokio::test]
async fn patterns_can_be_tested() {
    let world = World::new().await;
    let client = world.client();
    let event = json!({ "id": "1", "account": "1", "source": "aws.guardduty", "time": "2024-01-01T00:00:00Z",
                        "region": "r", "resources": [], "detail-type": "t", "detail": { "severity": 8.9 } });
    let test = |pattern: Value, event: &Value| json!({ "EventPattern": pattern.to_string(), "Event": event.to_string() });
    for (pattern, want) in [
        (json!({ "detail": { "severity": [7, 8.9] } }), true),
        (json!({ "detail": { "severity": [7.0] } }), false),
    ] {
        let got = client
            .ok("AWSEvents.TestEventPattern", test(pattern, &event))
            .await;
        assert_eq!(got, json!({ "Result": want }));
    }
    let mut incomplete = event.clone();
    incomplete.as_object_mut().expect("object").remove("region");
    let pattern = json!({ "source": ["x"] });
    let message = client
        .fails(
            "AWSEvents.TestEventPattern",
            test(pattern, &incomplete),
            "ValidationException",
        )
        .await;
    assert!(
        message.starts_with("Parameter Event is not valid."),
        "{message}"
    );
    let body = test(json!({ "source": "x" }), &event);
    client
        .fails(
            "AWSEvents.TestEventPattern",
            body,
            "InvalidEventPatternException",
        )
        .await;
}

#[tokio::test]
async fn put_events_answers_each_entry() {
    let world = World::new().await;
    let entries = json!({ "Entries": [
        { "Source": "app", "DetailType": "t", "Detail": "{}" },
        { "Source": "aws.guardduty", "DetailType": "t", "Detail": "{}" },
        { "Source": "app", "DetailType": "t", "Detail": "nonsense" },
        { "DetailType": "t", "Detail": "{}" },
        { "Source": "app", "DetailType": "t", "Detail": "{}", "EventBusName": "no-such-bus" },
    ] });
    let codes = |answer: &Value| -> Vec<String> {
        let entries = answer["Entries"].as_array().expect("entries");
        let code = |entry: &Value| match entry["EventId"].as_str() {
            Some(id) => format!("id:{}", id.len()),
            None => entry["ErrorCode"].as_str().unwrap_or_default().to_owned(),
        };
        entries.iter().map(code).collect()
    };
    let plain = world
        .client_of("PLAIN", "us-east-1")
        .ok("AWSEvents.PutEvents", entries.clone())
        .await;
    assert_eq!(plain["FailedEntryCount"], 3);
    assert_eq!(
        codes(&plain),
        [
            "id:36",
            "NotAuthorizedForSourceException",
            "MalformedDetail",
            "InvalidArgument",
            "id:36"
        ]
    );
    let ingest = world.client().ok("AWSEvents.PutEvents", entries).await;
    assert_eq!(
        codes(&ingest),
        [
            "id:36",
            "id:36",
            "MalformedDetail",
            "InvalidArgument",
            "id:36"
        ]
    );
    let many: Vec<Value> = (0..11)
        .map(|_| json!({ "Source": "a", "DetailType": "t", "Detail": "{}" }))
        .collect();
    let message = world
        .client()
        .fails(
            "AWSEvents.PutEvents",
            json!({ "Entries": many }),
            "ValidationException",
        )
        .await;
    assert!(message.contains("at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"));
    world
        .client()
        .fails(
            "AWSEvents.PutEvents",
            json!({ "Entries": [] }),
            "ValidationException",
        )
        .await;
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let world = World::new().await;
    let client = world.client();
    client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "r", "EventPattern": PATTERN }),
        )
        .await;
    let arn = "arn:aws:events:us-east-1:123456789012:rule/r";
    let changes = (0..8).map(|n| {
        let body =
            json!({ "ResourceARN": arn, "Tags": [{ "Key": format!("k{n}"), "Value": "v" }] });
        client.ok("AWSEvents.TagResource", body)
    });
    futures_util::future::join_all(changes).await;
    let tags = client
        .ok(
            "AWSEvents.ListTagsForResource",
            json!({ "ResourceARN": arn }),
        )
        .await;
    assert_eq!(tags["Tags"].as_array().map(Vec::len), Some(8));
}
