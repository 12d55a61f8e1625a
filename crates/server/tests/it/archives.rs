//! Archives and replays over the wire.

use std::time::Duration;

use model::EffectCommand;
use serde_json::{Value, json};

use crate::world::{Client, World};

const BUS: &str = "arn:aws:events:us-east-1:123456789012:event-bus/default";
const ARCHIVE: &str = "arn:aws:events:us-east-1:123456789012:archive/all";
const HOOK: &str = "https://hooks.example.com/again";

async fn make(client: &Client<'_>) {
    let body = json!({ "ArchiveName": "all", "EventSourceArn": BUS, "Description": "everything",
        "EventPattern": "{\"source\":[\"app\"]}", "RetentionDays": 7 });
    let made = client.ok("AWSEvents.CreateArchive", body).await;
    assert_eq!(made["ArchiveArn"], ARCHIVE);
    assert_eq!(made["State"], "ENABLED");
    assert_eq!(made["CreationTime"].as_u64(), Some(1_772_334_000));
}

async fn put(client: &Client<'_>, source: &str, time: i64) -> String {
    let entry =
        json!({ "Source": source, "DetailType": "Test", "Detail": "{\"n\":1.50}", "Time": time });
    let put = client
        .ok("AWSEvents.PutEvents", json!({ "Entries": [entry] }))
        .await;
    put["Entries"][0]["EventId"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[tokio::test]
async fn an_archive_lives_and_dies() {
    let world = World::new().await;
    let client = world.client();
    make(&client).await;
    put(&client, "app", 1_772_330_000).await;
    put(&client, "other", 1_772_330_001).await;
    let mut shown = client
        .ok("AWSEvents.DescribeArchive", json!({ "ArchiveName": "all" }))
        .await;
    let size = shown["SizeBytes"].take();
    assert!(size.as_u64().is_some_and(|size| size > 200), "{size}");
    assert_eq!(
        shown,
        json!({ "ArchiveName": "all", "ArchiveArn": ARCHIVE, "EventSourceArn": BUS, "Description": "everything",
            "EventPattern": "{\"source\":[\"app\"]}", "State": "ENABLED", "RetentionDays": 7, "SizeBytes": null,
            "EventCount": 1, "CreationTime": 1_772_334_000 })
    );
    // What is not given stays; an empty pattern wants everything.
    client
        .ok(
            "AWSEvents.UpdateArchive",
            json!({ "ArchiveName": "all", "EventPattern": "" }),
        )
        .await;
    put(&client, "other", 1_772_330_002).await;
    let shown = client
        .ok("AWSEvents.DescribeArchive", json!({ "ArchiveName": "all" }))
        .await;
    assert_eq!(
        (
            &shown["EventCount"],
            shown.get("EventPattern"),
            &shown["Description"],
            &shown["RetentionDays"]
        ),
        (&json!(2), None, &json!("everything"), &json!(7))
    );
    let second = json!({ "ArchiveName": "b", "EventSourceArn": BUS });
    client.ok("AWSEvents.CreateArchive", second).await;
    let page = client
        .ok("AWSEvents.ListArchives", json!({ "Limit": 1 }))
        .await;
    assert_eq!(page["Archives"][0]["ArchiveName"], "all");
    let next = json!({ "Limit": 1, "NextToken": page["NextToken"] });
    let page = client.ok("AWSEvents.ListArchives", next).await;
    assert_eq!(page["Archives"][0]["ArchiveName"], "b");
    assert_eq!(page.get("NextToken"), None);
    for (filter, want) in [
        (json!({ "NamePrefix": "a" }), 1),
        (json!({ "EventSourceArn": BUS }), 2),
        (json!({ "State": "DISABLED" }), 0),
    ] {
        let page = client.ok("AWSEvents.ListArchives", filter.clone()).await;
        assert_eq!(
            page["Archives"].as_array().map(Vec::len),
            Some(want),
            "{filter}"
        );
    }
    client
        .ok("AWSEvents.DeleteArchive", json!({ "ArchiveName": "all" }))
        .await;
    let message = client
        .fails(
            "AWSEvents.DescribeArchive",
            json!({ "ArchiveName": "all" }),
            "ResourceNotFoundException",
        )
        .await;
    assert_eq!(message, "Archive all does not exist.");
    // One that is made anew under the old name has none of its events.
    make(&client).await;
    let shown = client
        .ok("AWSEvents.DescribeArchive", json!({ "ArchiveName": "all" }))
        .await;
    assert_eq!(shown["EventCount"], 0);
}

#[tokio::test]
async fn bad_archives_and_replays_are_refused() {
    let world = World::new().await;
    let client = world.client();
    make(&client).await;
    client
        .ok("AWSEvents.CreateEventBus", json!({ "Name": "own" }))
        .await;
    let own = "arn:aws:events:us-east-1:123456789012:event-bus/own";
    let create = |name: &str, bus: &str, more: Value| {
        let mut body = json!({ "ArchiveName": name, "EventSourceArn": bus });
        for (member, value) in more.as_object().expect("an object") {
            body[member] = value.clone();
        }
        ("AWSEvents.CreateArchive", body)
    };
    let start = |archive: &str, bus: &str, span: (i64, i64), filters: Value| {
        let body = json!({ "ReplayName": "r", "EventSourceArn": archive, "EventStartTime": span.0,
            "EventEndTime": span.1, "Destination": { "Arn": bus, "FilterArns": filters } });
        ("AWSEvents.StartReplay", body)
    };
    let absent = "arn:aws:events:us-east-1:123456789012:event-bus/none";
    for ((operation, body), code, message) in [
        (
            create("all", BUS, json!({})),
            "ResourceAlreadyExistsException",
            "Archive all already exists.",
        ),
        (
            create("x", absent, json!({})),
            "ResourceNotFoundException",
            "Event bus none does not exist.",
        ),
        (
            create("x", "default", json!({})),
            "ValidationException",
            "Must contain an event bus ARN.",
        ),
        (
            create(&"x".repeat(49), BUS, json!({})),
            "ValidationException",
            "less than or equal to 48",
        ),
        (
            create("x", BUS, json!({ "EventPattern": "{}" })),
            "InvalidEventPatternException",
            "Empty objects are not allowed",
        ),
        (
            create("x", BUS, json!({ "RetentionDays": -1 })),
            "ValidationException",
            "greater than or equal to 0",
        ),
        (
            create("x", BUS, json!({ "KmsKeyIdentifier": "k" })),
            "ValidationException",
            "KmsKeyIdentifier",
        ),
        (
            ("AWSEvents.UpdateArchive", json!({ "ArchiveName": "none" })),
            "ResourceNotFoundException",
            "Archive none does not exist.",
        ),
        (
            ("AWSEvents.DeleteArchive", json!({ "ArchiveName": "none" })),
            "ResourceNotFoundException",
            "Archive none does not exist.",
        ),
        (
            (
                "AWSEvents.ListArchives",
                json!({ "NamePrefix": "a", "State": "ENABLED" }),
            ),
            "ValidationException",
            "At most one filter",
        ),
        (
            start(ARCHIVE, own, (1, 2), json!([])),
            "ValidationException",
            "Cross event bus replay is not permitted.",
        ),
        (
            start(ARCHIVE, "x", (1, 2), json!([])),
            "ValidationException",
            "Must contain an event bus ARN.",
        ),
        (
            start(BUS, BUS, (1, 2), json!([])),
            "ValidationException",
            "Must contain an archive ARN.",
        ),
        (
            start(&ARCHIVE.replace("all", "no"), BUS, (1, 2), json!([])),
            "ValidationException",
            "Archive no does not exist.",
        ),
        (
            start(ARCHIVE, BUS, (2, 2), json!([])),
            "ValidationException",
            "EventStartTime must be before EventEndTime.",
        ),
        (
            start(ARCHIVE, BUS, (1, 2), json!([own])),
            "ValidationException",
            "is not the ARN of a rule of event bus default.",
        ),
        (
            ("AWSEvents.DescribeReplay", json!({ "ReplayName": "none" })),
            "ResourceNotFoundException",
            "Replay none does not exist.",
        ),
        (
            ("AWSEvents.CancelReplay", json!({ "ReplayName": "none" })),
            "ResourceNotFoundException",
            "Replay none does not exist.",
        ),
        (
            (
                "AWSEvents.ListReplays",
                json!({ "NamePrefix": "a", "State": "FAILED" }),
            ),
            "ValidationException",
            "At most one filter",
        ),
    ] {
        let got = client.fails(operation, body.clone(), code).await;
        assert!(
            got.contains(message),
            "{operation} {body}: {got} has no {message}"
        );
    }
    // A bus that an archive watches stays.
    client
        .ok(
            "AWSEvents.CreateArchive",
            json!({ "ArchiveName": "own", "EventSourceArn": own }),
        )
        .await;
    let message = client
        .fails(
            "AWSEvents.DeleteEventBus",
            json!({ "Name": "own" }),
            "ValidationException",
        )
        .await;
    assert_eq!(
        message,
        "Event bus own can't be deleted since it has archives."
    );
}

#[tokio::test]
async fn a_replay_brings_the_events_again() {
    let world = World::new().await;
    let client = world.client();
    make(&client).await;
    let first = put(&client, "app", 1_772_330_000).await;
    put(&client, "app", 1_772_330_060).await;
    put(&client, "app", 1_772_340_000).await;
    let rule = json!({ "Name": "again", "EventPattern": "{\"source\":[\"app\"]}" });
    client.ok("AWSEvents.PutRule", rule).await;
    let target = json!({ "Rule": "again", "Targets": [{ "Id": "hook", "Arn": HOOK }] });
    client.ok("AWSEvents.PutTargets", target).await;
    let rule_arn = "arn:aws:events:us-east-1:123456789012:rule/again";
    let start = json!({ "ReplayName": "once-more", "Description": "d", "EventSourceArn": ARCHIVE,
        "EventStartTime": 1_772_330_000, "EventEndTime": 1_772_330_060,
        "Destination": { "Arn": BUS, "FilterArns": [rule_arn] } });
    let started = client.ok("AWSEvents.StartReplay", start.clone()).await;
    let arn = "arn:aws:events:us-east-1:123456789012:replay/once-more";
    assert_eq!(
        started,
        json!({ "ReplayArn": arn, "State": "STARTING", "ReplayStartTime": 1_772_334_000 })
    );
    world.fast_forward(Duration::from_millis(1)).await;
    let mut shown = client
        .ok(
            "AWSEvents.DescribeReplay",
            json!({ "ReplayName": "once-more" }),
        )
        .await;
    assert!(shown["ReplayEndTime"].take().as_f64().is_some());
    assert_eq!(
        shown,
        json!({ "ReplayName": "once-more", "ReplayArn": arn, "Description": "d", "State": "COMPLETED",
            "EventSourceArn": ARCHIVE, "Destination": { "Arn": BUS, "FilterArns": [rule_arn] },
            "EventStartTime": 1_772_330_000, "EventEndTime": 1_772_330_060,
            "EventLastReplayedTime": 1_772_330_060, "ReplayStartTime": 1_772_334_000, "ReplayEndTime": null })
    );
    assert_eq!(world.outside.count(HOOK), 2);
    let seen = world
        .outside
        .seen
        .lock()
        .expect("no test has panicked")
        .clone();
    let [EffectCommand::PostWebhook(post), _] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    let body: Value = serde_json::from_str(&post.body).expect("JSON");
    let event: Value =
        serde_json::from_str(body["Message"].as_str().expect("a message")).expect("JSON");
    assert_eq!(
        (
            &event["id"],
            &event["time"],
            &event["replay-name"],
            &event["detail"]
        ),
        (
            &json!(first),
            &json!("2026-03-01T01:53:20Z"),
            &json!("once-more"),
            &json!({ "n": 1.5 })
        )
    );
    let message = client
        .fails(
            "AWSEvents.StartReplay",
            start,
            "ResourceAlreadyExistsException",
        )
        .await;
    assert_eq!(message, "Replay once-more already exists.");
    let message = client
        .fails(
            "AWSEvents.CancelReplay",
            json!({ "ReplayName": "once-more" }),
            "IllegalStatusException",
        )
        .await;
    assert_eq!(
        message,
        "Replay once-more is not in a valid state for this operation."
    );
    for (filter, want) in [
        (json!({}), 1),
        (json!({ "NamePrefix": "once" }), 1),
        (json!({ "NamePrefix": "twice" }), 0),
        (json!({ "State": "COMPLETED" }), 1),
        (json!({ "State": "RUNNING" }), 0),
        (json!({ "EventSourceArn": ARCHIVE }), 1),
    ] {
        let page = client.ok("AWSEvents.ListReplays", filter.clone()).await;
        assert_eq!(
            page["Replays"].as_array().map(Vec::len),
            Some(want),
            "{filter}"
        );
    }
}
