//! Who may call: every refusal of SigV4, in the words of the protocol at hand.

use aws::HttpRequest;
use hmac::{Hmac, KeyInit, Mac};
use jiff::SignedDuration;
use model::Scope;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::world::{ACCOUNT, REGION, World, request, start_time};

fn signed(world: &World) -> HttpRequest {
    world.client().signed_json("AWSEvents.ListRules", "{}")
}

#[tokio::test]
async fn a_signed_call_passes_and_carries_a_request_id() {
    let world = World::new().await;
    let answer = world.send(signed(&world)).await;
    assert_eq!(
        (answer.status, &answer.body),
        (200, &json!({ "Rules": [] }))
    );
    assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(answer.headers["x-amzn-requestid"].len(), 36);
}

/// What it is, how a request is broken, the code and a piece of the message.
type Break = (
    &'static str,
    fn(&mut HttpRequest),
    &'static str,
    &'static str,
);

#[tokio::test]
async fn json_services_refuse_in_aws_words() {
    let world = World::new().await;
    let break_it: [Break; 9] = [
        (
            "no signature",
            |r| r.headers.retain(|(name, _)| name != "authorization"),
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            "other scheme",
            |r| r.set_header("authorization", "Bearer abc"),
            "IncompleteSignatureException",
            "AWS4-HMAC-SHA256",
        ),
        (
            "no signature part",
            |r| {
                edit(r, |text| {
                    text.split(", Signature=")
                        .next()
                        .unwrap_or_default()
                        .to_owned()
                })
            },
            "IncompleteSignatureException",
            "'Signature'",
        ),
        (
            "short scope",
            |r| edit(r, |text| text.replace("/aws4_request", "")),
            "IncompleteSignatureException",
            "slash-delimited",
        ),
        (
            "unknown key",
            |r| edit(r, |text| text.replace("INGEST", "NOBODY")),
            "UnrecognizedClientException",
            "security token included in the request is invalid",
        ),
        (
            "other signature",
            |r| edit(r, |text| text.replace("Signature=", "Signature=0")),
            "InvalidSignatureException",
            "does not match",
        ),
        (
            "other body",
            |r| r.body = "{\"Limit\":1}".into(),
            "InvalidSignatureException",
            "does not match",
        ),
        (
            "other target",
            |r| r.set_header("x-amz-target", "AWSEvents.ListEventBuses"),
            "InvalidSignatureException",
            "does not match",
        ),
        (
            "other region",
            |r| edit(r, |text| text.replace("us-east-1", "eu-west-1")),
            "InvalidSignatureException",
            "does not match",
        ),
    ];
    for (case, change, code, message) in break_it {
        let mut request = signed(&world);
        change(&mut request);
        let answer = world.send(request).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, code),
            "{case}: {}",
            answer.body
        );
        assert!(
            answer.message().contains(message),
            "{case}: {}",
            answer.body
        );
    }
}

fn edit(request: &mut HttpRequest, change: fn(&str) -> String) {
    let text = request
        .header("authorization")
        .unwrap_or_default()
        .to_owned();
    request.set_header("authorization", change(&text));
}

#[tokio::test]
async fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let world = World::new().await;
    for (minutes, status) in [(0, 200), (14, 200), (-14, 200), (16, 400), (-16, 400)] {
        let mut request = request("POST", "/", "{}");
        request.set_header("x-amz-target", "AWSEvents.ListRules");
        let at = start_time() + SignedDuration::from_mins(minutes);
        world.client().sign(&mut request, "events", at);
        let answer = world.send(request).await;
        assert_eq!(answer.status, status, "{minutes} min: {}", answer.body);
        if status == 400 {
            assert_eq!(answer.code(), "InvalidSignatureException");
            assert!(answer.message().contains("Signature"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn static_keys_have_no_session_and_bodies_are_signed() {
    let world = World::new().await;
    let mut client = world.client();
    client.credentials.session_token = Some("token".to_owned());
    let answer = client.json("AWSEvents.ListRules", json!({})).await;
    assert_eq!(answer.code(), "UnrecognizedClientException");

    let client = world.client();
    let mut unsigned = request("POST", "/", "{}");
    unsigned.set_header("x-amz-target", "AWSEvents.ListRules");
    let scope = aws::sigv4::SigningScope {
        unsigned_payload: true,
        ..aws::sigv4::SigningScope::new(REGION, "events")
    };
    aws::sigv4::sign(&mut unsigned, &client.credentials, &scope, start_time());
    assert_eq!(
        world.send(unsigned).await.code(),
        "InvalidSignatureException"
    );
}

#[tokio::test]
async fn odd_regions_are_refused() {
    let world = World::new().await;
    let client = world.client_of("INGEST", "us_east");
    let answer = client.json("AWSEvents.ListRules", json!({})).await;
    assert_eq!(answer.code(), "IncompleteSignatureException");
    assert!(answer.message().contains("valid region"), "{}", answer.body);
}

#[tokio::test]
async fn rest_services_and_the_own_api_refuse_with_403() {
    let world = World::new().await;
    let plain = world.send(request("GET", "/getReplicationSet", "")).await;
    assert_eq!(
        (plain.status, plain.code()),
        (403, "MissingAuthenticationTokenException")
    );
    assert!(plain.headers.contains_key("x-amzn-errortype"));
    let own = world.send(request("GET", "/api/v1/runs", "")).await;
    assert_eq!(
        (own.status, own.code()),
        (403, "MissingAuthenticationTokenException")
    );
    assert_eq!(own.headers["content-type"], "application/problem+json");
    let mut client = world.client();
    client.credentials.secret_access_key = "wrong".to_owned();
    let wrong = client.rest("quell", "GET", "/api/v1/runs", None).await;
    assert_eq!(
        (wrong.status, wrong.code()),
        (403, "InvalidSignatureException")
    );
}

#[tokio::test]
async fn unknown_services_and_operations_say_what_is_served() {
    let world = World::new().await;
    let client = world.client();
    let unknown = client.rest("batch", "GET", "/functions", None).await;
    assert_eq!(
        (unknown.status, unknown.code()),
        (404, "UnknownOperationException")
    );
    assert!(unknown.message().contains("events"), "{}", unknown.body);
    // Each client is answered in its service's own protocol.
    for (service, kind, form) in [
        (
            "s3",
            "application/xml",
            "<Error><Code>UnknownOperationException</Code><Message>service `s3` is",
        ),
        (
            "iam",
            "text/xml",
            "<Error><Type>Sender</Type><Code>UnknownOperationException</Code>",
        ),
        (
            "ec2",
            "text/xml",
            "<Response><Errors><Error><Code>UnknownOperationException</Code>",
        ),
        (
            "dynamodb",
            "application/x-amz-json-1.0",
            "{\"__type\":\"UnknownOperationException\"",
        ),
    ] {
        let answer = client.rest(service, "POST", "/", None).await;
        assert_eq!(answer.headers["content-type"], kind, "{service}");
        assert!(answer.text.contains(form), "{}", answer.text);
    }
    let message = client
        .fails(
            "AmazonSSM.GetParameter",
            json!({}),
            "UnknownOperationException",
        )
        .await;
    assert!(message.contains("StartAutomationExecution"), "{message}");
    let own = client.rest("quell", "GET", "/api/v1/nothing", None).await;
    assert_eq!((own.status, own.code()), (404, "UnknownOperationException"));
    let mut get = request("GET", "/", "");
    get.set_header("x-amz-target", "AWSEvents.ListRules");
    client.sign(&mut get, "events", start_time());
    assert_eq!(world.send(get).await.code(), "UnknownOperationException");
}

#[tokio::test]
async fn the_region_is_the_one_signed_for() {
    let world = World::new().await;
    let east = world.client();
    east.ok(
        "AWSEvents.PutRule",
        json!({ "Name": "r", "EventPattern": "{\"source\":[\"x\"]}" }),
    )
    .await;
    let west = world.client_of("PLAIN", "eu-west-1");
    let rules = west.ok("AWSEvents.ListRules", json!({})).await;
    assert_eq!(rules["Rules"], json!([]));
    let found = world
        .handle
        .resource(&Scope::new(ACCOUNT, REGION), "event-rule", "default/r")
        .await
        .expect("read");
    assert!(found.is_some());
}

/// A presigned request, as the query-string form of SigV4 has it.
fn presigned(world: &World, expires: u32) -> HttpRequest {
    let client = world.client();
    let date = start_time().strftime("%Y%m%d").to_string();
    let moment = start_time().strftime("%Y%m%dT%H%M%SZ").to_string();
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=INGEST%2F{date}%2F{REGION}%2Fquell%2Faws4_request\
         &X-Amz-Date={moment}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host"
    );
    let body = hex::encode(Sha256::digest(b""));
    let canonical = format!("GET\n/api/v1/runs\n{query}\nhost:127.0.0.1:8710\n\nhost\n{body}");
    let digest = hex::encode(Sha256::digest(canonical.as_bytes()));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{moment}\n{date}/{REGION}/quell/aws4_request\n{digest}");
    let mac = |key: &[u8], text: &str| -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
        mac.update(text.as_bytes());
        mac.finalize().into_bytes().to_vec()
    };
    let mut signing = format!("AWS4{}", client.credentials.secret_access_key).into_bytes();
    for part in [date.as_str(), REGION, "quell", "aws4_request"] {
        signing = mac(&signing, part);
    }
    let signature = hex::encode(mac(&signing, &to_sign));
    request(
        "GET",
        &format!("/api/v1/runs?{query}&X-Amz-Signature={signature}"),
        "",
    )
}

#[tokio::test]
async fn presigned_requests_pass_until_they_expire() {
    let world = World::new().await;
    let answer = world.send(presigned(&world, 60)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    world.clock.advance(std::time::Duration::from_secs(61));
    let late = world.send(presigned(&world, 60)).await;
    assert_eq!(
        (late.status, late.code()),
        (403, "InvalidSignatureException")
    );
    assert!(late.message().contains("expired"), "{}", late.body);
}

/// One session of a script, until it is taken away.
struct OneSession(std::sync::Mutex<Option<std::sync::Arc<ports::Session>>>);

impl ports::Sessions for OneSession {
    fn find(&self, access_key_id: &str) -> Option<std::sync::Arc<ports::Session>> {
        let held = self.0.lock().expect("no panic");
        held.clone()
            .filter(|session| session.access_key_id == access_key_id)
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/Responder";

/// A world in which a script holds a session, and that session.
async fn world_with_session() -> (World, std::sync::Arc<OneSession>, aws::Credentials) {
    let session = ports::Session {
        access_key_id: "ASIASCRIPT".to_owned(),
        secret_access_key: "the role's secret".to_owned(),
        session_token: "the session's token".to_owned(),
        role: model::effect::AssumeRole {
            role_arn: ROLE.to_owned(),
            session_name: "quell-run".to_owned(),
            ..Default::default()
        },
    };
    let keys = aws::Credentials {
        session_token: Some(session.session_token.clone()),
        ..aws::Credentials::new(&session.access_key_id, &session.secret_access_key)
    };
    let held = std::sync::Arc::new(OneSession(std::sync::Mutex::new(Some(
        std::sync::Arc::new(session),
    ))));
    let sessions = std::sync::Arc::clone(&held);
    let world = World::with(|config| config.sessions = Some(sessions)).await;
    (world, held, keys)
}

const DOCUMENT: &str = "schemaVersion: '0.3'\nmainSteps:\n- name: Wait\n  action: aws:sleep\n  inputs: {Duration: PT1M}\n";

#[tokio::test]
async fn a_scripts_session_starts_and_reads_runs_and_does_nothing_else() {
    let (world, held, keys) = world_with_session().await;
    world
        .client()
        .ok(
            "AmazonSSM.CreateDocument",
            json!({"Name": "Child", "Content": DOCUMENT, "DocumentType": "Automation", "DocumentFormat": "YAML"}),
        )
        .await;
    let mut script = world.client();
    script.credentials = keys;
    let started = script
        .ok(
            "AmazonSSM.StartAutomationExecution",
            json!({"DocumentName": "Child"}),
        )
        .await;
    let id = started["AutomationExecutionId"].as_str().expect("an id");
    let got = script
        .ok(
            "AmazonSSM.GetAutomationExecution",
            json!({"AutomationExecutionId": id}),
        )
        .await;
    assert_eq!(
        got["AutomationExecution"]["ExecutedBy"],
        "arn:aws:sts::123456789012:assumed-role/Responder/quell-run"
    );
    for (target, body) in [
        ("AmazonSSM.DeleteDocument", json!({"Name": "Child"})),
        (
            "AmazonSSM.CreateDocument",
            json!({"Name": "Other", "Content": DOCUMENT, "DocumentType": "Automation"}),
        ),
        (
            "AmazonSSM.StopAutomationExecution",
            json!({"AutomationExecutionId": id}),
        ),
        (
            "AmazonSSM.SendAutomationSignal",
            json!({"AutomationExecutionId": id, "SignalType": "Approve"}),
        ),
        ("AWSEvents.ListRules", json!({})),
        ("SSMContacts.ListContacts", json!({})),
    ] {
        let answer = script.json(target, body).await;
        assert_eq!(answer.code(), "AccessDeniedException", "{target}");
        assert!(
            answer
                .message()
                .contains("assumed-role/Responder/quell-run"),
            "{target}: {}",
            answer.body
        );
    }
    let operator = script.rest("quell", "GET", "/api/v1/runs", None).await;
    assert_eq!(operator.status, 400, "{}", operator.body);
    assert!(
        operator.message().contains("not authorized"),
        "{}",
        operator.body
    );
    held.0.lock().expect("no panic").take();
    let gone = script
        .json(
            "AmazonSSM.GetAutomationExecution",
            json!({"AutomationExecutionId": id}),
        )
        .await;
    assert_eq!(gone.code(), "UnrecognizedClientException");
}

#[tokio::test]
async fn a_session_needs_its_secret_and_its_token() {
    let (world, _held, keys) = world_with_session().await;
    for (token, secret, code) in [
        (
            None,
            keys.secret_access_key.as_str(),
            "UnrecognizedClientException",
        ),
        (
            Some("another"),
            keys.secret_access_key.as_str(),
            "UnrecognizedClientException",
        ),
        (
            Some("the session's token"),
            "another",
            "InvalidSignatureException",
        ),
    ] {
        let mut script = world.client();
        script.credentials = aws::Credentials {
            session_token: token.map(str::to_owned),
            ..aws::Credentials::new(&keys.access_key_id, secret)
        };
        let answer = script
            .json("AmazonSSM.DescribeAutomationExecutions", json!({}))
            .await;
        assert_eq!(answer.code(), code, "{token:?}");
    }
    // A key of the configuration is nobody's session, whatever token comes with it.
    let mut own = world.client();
    own.credentials.session_token = Some("the session's token".to_owned());
    let answer = own
        .json("AmazonSSM.DescribeAutomationExecutions", json!({}))
        .await;
    assert_eq!(answer.code(), "UnrecognizedClientException");
}
