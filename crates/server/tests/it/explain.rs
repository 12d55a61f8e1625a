//! Why a rule did not fire: explanations of one event, and of the last ones.

use serde_json::{Value, json};

use crate::world::{Answer, World};

const RULE: &str = r#"{"source":["shop"],"detail":{"total":[{"numeric":[">",9]}]}}"#;

async fn world() -> World {
    let world = World::new().await;
    let client = world.client();
    client
        .ok("AWSEvents.CreateEventBus", json!({ "Name": "shop-own" }))
        .await;
    for rule in [
        json!({ "Name": "large", "EventBusName": "shop-own", "EventPattern": RULE }),
        json!({ "Name": "nightly", "ScheduleExpression": "rate(1 day)" }),
    ] {
        client.ok("AWSEvents.PutRule", rule).await;
    }
    world
}

async fn post(world: &World, body: Value) -> Answer {
    let client = world.client();
    client
        .rest("quell", "POST", "/api/v1/events/explain", Some(body))
        .await
}

#[tokio::test]
async fn a_pattern_or_a_stored_rule_is_held_against_an_event() {
    let world = world().await;
    let event = json!({ "source": "shop", "detail": { "total": 5 } });
    let by_text = json!({ "pattern": RULE, "event": event.to_string() });
    let by_object = json!({
        "pattern": serde_json::from_str::<Value>(RULE).expect("JSON"), "event": event,
    });
    let by_rule = json!({ "rule": "large", "bus": "shop-own", "event": event });
    for body in [by_text, by_object, by_rule] {
        let answer = post(&world, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            (&answer.body["matches"], &answer.body["failed"]),
            (&json!(false), &json!(1))
        );
        let total = &answer.body["fields"][0];
        assert_eq!(
            (
                &total["path"],
                &total["verdict"],
                &total["found"][0]["value"]
            ),
            (&json!("detail.total"), &json!("different"), &json!("5"))
        );
        assert_eq!(
            answer.body["text"],
            "the event does not match: 1 of 2 fields does not hold\n  \
             FAIL  `detail.total`: wanted {\"numeric\":[\">\",9]}, found 5\n  \
             ok    `source`: \"shop\" meets \"shop\""
        );
    }
    // Text is read to the letter: every occurrence of a key counts.
    let twice = r#"{"source":"shop","source":"x","detail":{"total":5,"total":10}}"#;
    let answer = post(&world, json!({ "pattern": RULE, "event": twice })).await;
    assert_eq!(answer.body["matches"], json!(true), "{}", answer.body);
}

#[tokio::test]
async fn what_cannot_be_explained_says_why() {
    let world = world().await;
    let event = json!({});
    for (body, status, word) in [
        (json!({ "event": event }), 400, "either `pattern` or `rule`"),
        (
            json!({ "pattern": RULE, "rule": "large", "event": event }),
            400,
            "either",
        ),
        (
            json!({ "pattern": RULE, "bus": "default", "event": event }),
            400,
            "belongs to `rule`",
        ),
        (json!({ "pattern": RULE }), 400, "`event` is missing"),
        (
            json!({ "pattern": RULE, "event": "[]" }),
            400,
            "not a JSON object",
        ),
        (
            json!({ "pattern": RULE, "event": 5 }),
            400,
            "must be a string",
        ),
        (
            json!({ "pattern": "{\"a\":1}", "event": event }),
            400,
            "must be an object or an array",
        ),
        (json!({ "rule": "none", "event": event }), 404, "none"),
        (
            json!({ "rule": "large", "bus": "none", "event": event }),
            404,
            "none",
        ),
        (json!({ "rule": "a b", "event": event }), 400, "pattern"),
        (
            json!({ "rule": "nightly", "event": event }),
            400,
            "no event pattern",
        ),
    ] {
        let answer = post(&world, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.message().contains(word), "{body}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_last_events_that_nearly_matched_are_listed() {
    let world = world().await;
    let client = world.client();
    let entry = |source: &str, detail: &str| {
        json!({
            "EventBusName": "shop-own", "Source": source, "DetailType": "Order", "Detail": detail,
        })
    };
    let far = entry("else", r#"{"total":1}"#);
    let near = entry("shop", r#"{"total":9,"note":"<script>\u001b[31m"}"#);
    let hit = entry("shop", r#"{"total":10}"#);
    client
        .ok(
            "AWSEvents.PutEvents",
            json!({ "Entries": [far, near, hit] }),
        )
        .await;
    let path = "/api/v1/events/rules/shop-own/large/near-misses";
    let found = client.rest("quell", "GET", path, None).await;
    assert_eq!(found.status, 200, "{}", found.body);
    assert_eq!(
        (&found.body["lookedAt"], &found.body["matching"]),
        (&json!(3), &json!(1))
    );
    let misses = found.body["nearMisses"].as_array().expect("a list");
    let failed: Vec<_> = misses
        .iter()
        .map(|miss| miss["explanation"]["failed"].as_u64())
        .collect();
    assert_eq!(failed, [Some(1), Some(2)]);
    let event: Value =
        serde_json::from_str(misses[0]["event"].as_str().expect("text")).expect("JSON");
    assert_eq!(event["detail"]["total"], json!(9));
    assert_eq!(misses[0]["eventCut"], json!(false));
    let one = client
        .rest("quell", "GET", &format!("{path}?limit=1"), None)
        .await;
    assert_eq!(one.body["nearMisses"].as_array().map(Vec::len), Some(1));
    for (path, status) in [
        ("/api/v1/events/rules/default/large/near-misses", 404),
        ("/api/v1/events/rules/none/large/near-misses", 404),
        ("/api/v1/events/rules/default/nightly/near-misses", 400),
        (
            "/api/v1/events/rules/shop-own/large/near-misses?limit=0",
            400,
        ),
    ] {
        let refused = client.rest("quell", "GET", path, None).await;
        assert_eq!(refused.status, status, "{path}: {}", refused.body);
    }
}
