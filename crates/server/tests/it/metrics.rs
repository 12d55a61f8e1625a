//! What is counted, as a collector scrapes it and as a dashboard asks for it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use server::{ScrapeConfig, ScrapeToken};

use crate::world::{Answer, Client, World, request};

const TOKEN: &str = "0123456789abcdef";

/// Two events that a rule matches, one that none does; a minute later one more of each.
async fn counted() -> World {
    let world = World::with(|config| {
        config.scrape = ScrapeConfig {
            token: ScrapeToken(TOKEN.to_owned()),
            open_on_loopback: true,
        };
    })
    .await;
    let client = world.client();
    client
        .ok(
            "AWSEvents.PutRule",
            json!({ "Name": "orders", "EventPattern": r#"{"source":["shop"]}"# }),
        )
        .await;
    put(&client, &["shop", "shop", "else"]).await;
    world.fast_forward(Duration::from_secs(65)).await;
    put(&client, &["shop", "else"]).await;
    world
}

async fn put(client: &Client<'_>, sources: &[&str]) {
    let entries: Vec<Value> = sources
        .iter()
        .map(|source| json!({ "Source": source, "DetailType": "Order", "Detail": "{}" }))
        .collect();
    client
        .ok("AWSEvents.PutEvents", json!({ "Entries": entries }))
        .await;
}

async fn data(world: &World, body: Value) -> Answer {
    let client = world.client();
    client
        .rest("quell", "POST", "/api/v1/metrics/data", Some(body))
        .await
}

fn query(id: &str, metric: &str, dimensions: Value, stat: &str) -> Value {
    json!({ "Id": id, "MetricStat": {
        "Metric": { "Namespace": "AWS/Events", "MetricName": metric, "Dimensions": dimensions },
        "Period": 60, "Stat": stat,
    } })
}

fn rule() -> Value {
    json!([{ "Name": "RuleName", "Value": "orders" }])
}

fn asked(queries: Value) -> Value {
    json!({
        "MetricDataQueries": queries,
        "StartTime": "2026-03-01T03:00:00Z", "EndTime": "2026-03-01T04:00:00Z",
        "ScanBy": "TimestampAscending",
    })
}

#[tokio::test]
async fn a_dashboard_gets_its_data() {
    let world = counted().await;
    let mut day = query("day", "MatchedEvents", rule(), "Sum");
    day["MetricStat"]["Period"] = json!(86_400);
    let mut hidden = query("hidden", "MatchedEvents", rule(), "Sum");
    hidden["ReturnData"] = json!(false);
    let answer = data(
        &world,
        asked(json!([
            query("matched", "MatchedEvents", rule(), "Sum"),
            query("events", "PutEventsEntriesCount", json!([]), "SampleCount"),
            query(
                "triggered",
                "TriggeredRules",
                json!([{ "Name": "EventBusName", "Value": "default" }]),
                "Sum"
            ),
            query("none", "FailedInvocations", rule(), "Sum"),
            query("unknown", "Nonsense", rule(), "Sum"),
            query("average", "MatchedEvents", rule(), "Average"),
            day,
            hidden,
        ])),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let results = answer.body["MetricDataResults"].as_array().expect("a list");
    let told: Vec<(&str, &Value, &Value)> = results
        .iter()
        .map(|result| {
            let id = result["Id"].as_str().unwrap_or_default();
            (id, &result["Timestamps"], &result["Values"])
        })
        .collect();
    let (first, second) = ("2026-03-01T03:00:00Z", "2026-03-01T03:01:00Z");
    assert_eq!(
        told,
        [
            ("matched", &json!([first, second]), &json!([2.0, 1.0])),
            ("events", &json!([first, second]), &json!([3.0, 2.0])),
            ("triggered", &json!([first, second]), &json!([2.0, 1.0])),
            ("none", &json!([]), &json!([])),
            ("unknown", &json!([]), &json!([])),
            ("average", &json!([first, second]), &json!([1.0, 1.0])),
            ("day", &json!(["2026-03-01T00:00:00Z"]), &json!([3.0])),
        ]
    );
    assert_eq!(results[0]["Label"], "MatchedEvents");
    assert_eq!(results[0]["StatusCode"], "Complete");
    let message = results[4]["Messages"][0]["Value"]
        .as_str()
        .unwrap_or_default();
    assert!(message.contains("MatchedEvents"), "{message}");
}

#[tokio::test]
async fn pages_hold_so_many_values() {
    let world = counted().await;
    let mut body = asked(json!([
        query("a", "MatchedEvents", rule(), "Sum"),
        query("none", "FailedInvocations", rule(), "Sum"),
        query("b", "PutEventsEntriesCount", json!([]), "Sum"),
    ]));
    body["MaxDatapoints"] = json!(3);
    body["ScanBy"] = json!("TimestampDescending");
    let first = data(&world, body.clone()).await.body;
    let of = |page: &Value| -> Vec<(String, Value, String)> {
        let results = page["MetricDataResults"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        results
            .map(|one| {
                (
                    text(&one["Id"]),
                    one["Values"].clone(),
                    text(&one["StatusCode"]),
                )
            })
            .collect()
    };
    let told = |id: &str, values: Value, status: &str| (id.to_owned(), values, status.to_owned());
    assert_eq!(
        of(&first),
        [
            told("a", json!([1.0, 2.0]), "Complete"),
            told("none", json!([]), "Complete"),
            told("b", json!([2.0]), "PartialData"),
        ]
    );
    body["NextToken"] = first["NextToken"].clone();
    let second = data(&world, body.clone()).await.body;
    assert_eq!(of(&second), [told("b", json!([3.0]), "Complete")]);
    assert_eq!(second["NextToken"], Value::Null);
    body["ScanBy"] = json!("TimestampAscending");
    let other = data(&world, body).await;
    assert_eq!(other.status, 400, "a token is good for its question only");
}

#[tokio::test]
async fn questions_that_make_no_sense_say_why() {
    let world = World::new().await;
    let good = || query("a", "MatchedEvents", rule(), "Sum");
    let mut second = good();
    second["MetricStat"]["Period"] = json!(90);
    let mut expression = json!({ "Id": "a", "Expression": "SUM(METRICS())" });
    expression["Period"] = json!(60);
    let mut many = Vec::new();
    for number in 0..100 {
        let dimensions = json!([{ "Name": "RuleName", "Value": format!("r{number}") }]);
        many.push(query(
            &format!("q{number}"),
            "MatchedEvents",
            dimensions,
            "Sum",
        ));
    }
    let mut long = asked(json!(many));
    long["StartTime"] = json!(0);
    let mut backwards = asked(json!([good()]));
    backwards["EndTime"] = backwards["StartTime"].clone();
    for (body, word) in [
        (json!({}), "metricDataQueries"),
        (asked(json!([])), "metricDataQueries"),
        (asked(json!([good(), good()])), "stands twice"),
        (
            asked(json!([query("A", "MatchedEvents", rule(), "Sum")])),
            "[a-z][a-zA-Z0-9_]*",
        ),
        (
            asked(json!([query("a", "MatchedEvents", rule(), "sum")])),
            "SampleCount",
        ),
        (asked(json!([second])), "multiple of 60"),
        (asked(json!([expression])), "not computed"),
        (backwards, "less than"),
        (long, "less time"),
    ] {
        let answer = data(&world, body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.body);
        assert!(answer.message().contains(word), "{word}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_collector_scrapes_with_its_token_or_a_signature() {
    let world = counted().await;
    let scrape = async |authorization: Option<String>| {
        let mut asked = request("GET", "/metrics", "");
        if let Some(value) = authorization {
            asked.set_header("authorization", value);
        }
        world.send(asked).await
    };
    let basic = format!("Basic {}", STANDARD.encode(format!("prometheus:{TOKEN}")));
    for good in [format!("Bearer {TOKEN}"), basic] {
        let answer = scrape(Some(good)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let kind = answer.headers["content-type"].to_str().expect("text");
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        let bus = r#"{region="us-east-1",bus="default"}"#;
        for line in [
            format!("quell_events_total{bus} 5"),
            format!("quell_events_unmatched_total{bus} 2"),
            r#"quell_rule_matches_total{region="us-east-1",bus="default",rule="orders"} 3"#
                .to_owned(),
        ] {
            assert!(
                answer.text.lines().any(|found| found == line),
                "{}",
                answer.text
            );
        }
    }
    let signed = world.client().rest("quell", "GET", "/metrics", None).await;
    assert_eq!(signed.status, 200, "{}", signed.text);
    let wrong = world.client().rest("events", "GET", "/metrics", None).await;
    assert_eq!(wrong.status, 401, "signed for another service");
    for bad in [
        None,
        Some("Bearer 0123456789abcdeX".to_owned()),
        Some("Bearer ".to_owned()),
    ] {
        // The test's requests come through no socket: nobody is known to be on this machine.
        let answer = scrape(bad).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert!(!answer.text.contains("quell_events"), "{}", answer.text);
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"metrics\""
        );
    }
    let mut openmetrics = request("GET", "/metrics", "");
    openmetrics.set_header("authorization", format!("Bearer {TOKEN}"));
    openmetrics.set_header(
        "accept",
        "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
    );
    let answer = world.send(openmetrics).await;
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
}

#[tokio::test]
async fn without_a_token_configured_no_token_lets_in() {
    let world = World::new().await;
    for value in ["Bearer ", "Bearer x", "Basic Og=="] {
        let mut asked = request("GET", "/metrics", "");
        asked.set_header("authorization", value);
        assert_eq!(world.send(asked).await.status, 401, "{value}");
    }
}
