//! Budgets: bytes, depth, values, paths, headers.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::world::{World, request, start_time};

#[tokio::test]
async fn bodies_have_a_limit_per_operation() {
    let world = World::new().await;
    let client = world.client();
    let padded = |bytes: usize| json!({ "NamePrefix": "x".repeat(bytes) });
    let answer = client.json("AWSEvents.ListRules", padded(256 * 1024)).await;
    assert_eq!(
        (answer.status, answer.code()),
        (413, "RequestEntityTooLargeException")
    );
    client
        .fails(
            "AWSEvents.ListRules",
            padded(255 * 1024),
            "ValidationException",
        )
        .await;
    let entry = |bytes: usize| {
        let detail = json!({ "text": "x".repeat(bytes) }).to_string();
        json!({ "Entries": [{ "Source": "app", "DetailType": "t", "Detail": detail }] })
    };
    let put = client.ok("AWSEvents.PutEvents", entry(1000 * 1024)).await;
    assert_eq!(put["FailedEntryCount"], 0);
    let message = client
        .fails(
            "AWSEvents.PutEvents",
            entry(1024 * 1024),
            "ValidationException",
        )
        .await;
    assert_eq!(
        message,
        "Total size of the entries in the request is over the limit."
    );
    let answer = client
        .json("AWSEvents.PutEvents", entry(4 * 1024 * 1024))
        .await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn compressed_bodies_are_refused_where_none_may_come() {
    let world = World::new().await;
    for (encoding, reason) in [
        ("gzip", "`ListRules` takes no compressed body"),
        ("br", "content encoding `br` is not served"),
    ] {
        let mut sent = world.client().signed_json("AWSEvents.ListRules", "{}");
        sent.headers
            .push(("content-encoding".to_owned(), encoding.to_owned()));
        let answer = world.send(sent).await;
        assert_eq!(
            (answer.status, answer.code()),
            (415, "UnsupportedMediaTypeException")
        );
        assert!(answer.message().contains(reason), "{}", answer.message());
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_before_its_body_is_read() {
    let world = World::new().await;
    let mut unknown = world
        .client_of("NOBODY", "us-east-1")
        .signed_json("AWSEvents.PutEvents", "{}");
    unknown.body = vec![b' '; 8 * 1024 * 1024].into();
    let answer = world.send(unknown).await;
    assert_eq!(
        (answer.status, answer.code()),
        (400, "UnrecognizedClientException")
    );
}

#[tokio::test]
async fn bodies_that_are_not_json_are_refused_with_the_place() {
    let world = World::new().await;
    let client = world.client();
    for (body, want) in [
        ("{\"Limit\":", "line 1"),
        ("[]", "one JSON object"),
        ("{\"Limit\":1,\"Limit\":2}", "stands twice"),
        (
            &format!("{{\"x\":{}1{}}}", "[".repeat(70), "]".repeat(70)),
            "64 levels",
        ),
        ("{\"Limit\":\"5\"}", "`limit` must be a whole number"),
    ] {
        let answer = world
            .send(client.signed_json("AWSEvents.ListRules", body))
            .await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "SerializationException"),
            "{body}"
        );
        assert!(answer.message().contains(want), "{}", answer.body);
    }
}

#[tokio::test]
async fn bodies_that_say_they_are_no_json_are_refused() {
    let world = World::new().await;
    let client = world.client();
    for (kind, body, status) in [
        ("text/plain", "{}", 415),
        ("application/x-www-form-urlencoded", "{}", 415),
        ("application/json; charset=utf-8", "{}", 200),
        ("application/x-www-form-urlencoded", "", 200),
    ] {
        let mut request = request("POST", "/", body);
        request.set_header("content-type", kind);
        request.set_header("x-amz-target", "AWSEvents.ListRules");
        client.sign(&mut request, "events", start_time());
        let answer = world.send(request).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.body);
        if status == 415 {
            assert_eq!(answer.code(), "UnsupportedMediaTypeException");
            assert!(answer.message().contains(kind), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn paths_must_be_canonical_and_headers_single() {
    let world = World::new().await;
    for path in [
        "/api//v1/runs",
        "/api/v1/../v1/runs",
        "/api/v1/%2e%2e/runs",
        "/api/v1/./runs",
    ] {
        let answer = world.client().rest("quell", "GET", path, None).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "ValidationException"),
            "{path}"
        );
    }
    let mut twice = world.client().signed_json("AWSEvents.ListRules", "{}");
    twice
        .headers
        .push(("x-amz-target".to_owned(), "AWSEvents.PutRule".to_owned()));
    let answer = world.send(twice).await;
    assert!(answer.message().contains("x-amz-target"), "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_not_waited_for() {
    let world = World::with(|config| config.body_timeout = Duration::from_millis(50)).await;
    let mut signed = request("POST", "/", "");
    signed.set_header("x-amz-target", "AWSEvents.ListRules");
    world.client().sign(&mut signed, "events", start_time());
    let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
    let mut builder = http::Request::builder().method("POST").uri("/");
    for (name, value) in &signed.headers {
        builder = builder.header(name, value);
    }
    let sent = builder.body(Body::from_stream(never)).expect("a request");
    let answer = world.router.clone().oneshot(sent).await.expect("an answer");
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert!(String::from_utf8_lossy(&body).contains("RequestTimeoutException"));
}

#[tokio::test]
async fn health_tells_whether_the_server_is_ready() {
    let world = World::new().await;
    let ok = world.send(request("GET", "/health", "")).await;
    assert_eq!((ok.status, ok.body["status"].as_str()), (200, Some("ok")));
    world.state.readiness().stopping();
    let stopping = world.send(request("GET", "/health", "")).await;
    assert_eq!(
        (stopping.status, stopping.body["status"].as_str()),
        (503, Some("stopping"))
    );
    let refused = world.client().json("AWSEvents.ListRules", json!({})).await;
    assert_eq!(
        (refused.status, refused.code()),
        (503, "ServiceUnavailableException")
    );
}
