//! Webhook integrations: what the parameter store holds is used, and nothing of it comes out.

use std::time::Duration;

use effects::Performer;
use effects::config::Webhook;
use model::effect::IntegrationCall;
use model::{EffectCommand, Outcome, Recovery};
use ports::Effects;
use serde_json::{Value, json};

use crate::http_stub::{Reply, Stub};
use crate::world::{config, done, failed, perform};

const TOKEN: &str = "Bearer tok-0123456789";

fn call(body: Option<&str>) -> EffectCommand {
    EffectCommand::InvokeIntegration(IntegrationCall {
        name: "chat".to_owned(),
        body: body.map(str::to_owned),
        region: "us-east-1".to_owned(),
        assume_role: None,
        timeout_secs: 4,
    })
}

/// A parameter store with one parameter, of this type and value.
async fn store(kind: &'static str, value: String) -> Stub {
    Stub::start(move |request, _| {
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(
            asked,
            json!({"Name": "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/chat", "WithDecryption": true})
        );
        let body = json!({"Parameter": {"Name": "n", "Type": kind, "Value": value}});
        Reply::Answer(200, "application/x-amz-json-1.1", body.to_string())
    })
    .await
}

fn performer(store: &Stub) -> Performer {
    let mut config = config();
    config.aws.endpoint_url = Some(store.url());
    config.webhook = Webhook {
        allow_http: true,
        allow_private: true,
        timeout: Duration::from_millis(500),
        ..Webhook::default()
    };
    Performer::new(config).unwrap()
}

fn integration(receiver: &Stub) -> Value {
    json!({
        "description": "d",
        "url": format!("{}/hook/secret-path?key=secret-key", receiver.url()),
        "headers": {"Authorization": TOKEN, "Content-Type": "application/x-own"},
        "body": "{\"own\":\"secret-body\"}",
    })
}

#[tokio::test]
async fn the_integration_is_posted_and_its_echo_is_without_secrets() {
    let receiver = Stub::start(|request, _| {
        let echo = format!(
            "{} {} {} end",
            request.line,
            request.header("authorization").unwrap_or_default(),
            request.body
        );
        Reply::Answer(201, "text/plain", echo)
    })
    .await;
    let store = store("SecureString", integration(&receiver).to_string()).await;
    let performer = performer(&store);
    for (given, sent) in [(None, "{\"own\":\"secret-body\"}"), (Some("hi"), "hi")] {
        let result = done(perform(&performer, call(given)).await);
        assert_eq!(result["ResponseCode"], 201);
        let response = result["Response"].as_str().unwrap();
        assert!(response.ends_with("end"), "{response}");
        for secret in ["secret-path", "secret-key", "tok-0123", "secret-body"] {
            assert!(!response.contains(secret), "{response}");
        }
        let seen = receiver.seen();
        let seen = seen.last().unwrap();
        assert_eq!(seen.line, "POST /hook/secret-path?key=secret-key");
        assert_eq!(seen.header("authorization"), Some(TOKEN));
        assert_eq!(seen.header("content-type"), Some("application/x-own"));
        assert_eq!(seen.body, sent);
    }
    assert_eq!(performer.recovery(&call(None)), Recovery::Ask);
}

#[tokio::test]
async fn failures_say_nothing_of_the_integration() {
    let receiver =
        Stub::start(|request, _| Reply::Answer(403, "text/plain", format!("no {}", request.line)))
            .await;
    let url = integration(&receiver).to_string();
    let closed = json!({"url": "http://127.0.0.1:9/secret-path"}).to_string();
    let header = json!({"url": receiver.url(), "headers": {"X-Key": "secret\npath"}}).to_string();
    for (kind, value, code, part) in [
        (
            "SecureString",
            url,
            "Http",
            "answered HTTP 403: no POST ***",
        ),
        ("SecureString", closed, "Network", "cannot connect"),
        (
            "SecureString",
            header,
            "ParamValidation",
            "one of its headers",
        ),
        (
            "SecureString",
            "{\"url\": 5, \"secret-path\": 1}".to_owned(),
            "ParamValidation",
            "no JSON object",
        ),
        (
            "String",
            "{\"url\": \"http://secret-path\"}".to_owned(),
            "ParamValidation",
            "no SecureString",
        ),
    ] {
        let store = store(kind, value).await;
        let failure = failed(perform(&performer(&store), call(None)).await);
        assert_eq!(failure.code, code, "{}", failure.message);
        assert!(failure.message.contains(part), "{}", failure.message);
        for secret in ["secret-path", "secret-key", "127.0.0.1"] {
            assert!(!failure.message.contains(secret), "{}", failure.message);
        }
    }
    let missing = Stub::start(|_, _| {
        Reply::Answer(
            400,
            "application/x-amz-json-1.1",
            r#"{"__type":"ParameterNotFound"}"#.to_owned(),
        )
    })
    .await;
    let failure = failed(perform(&performer(&missing), call(None)).await);
    assert_eq!(failure.code, "ParameterNotFound");
}

#[tokio::test]
async fn a_call_without_an_answer_is_not_repeated() {
    for reply in [Reply::Drop, Reply::Hang] {
        let kept = reply.clone();
        let receiver = Stub::start(move |_, _| kept.clone()).await;
        let store = store("SecureString", integration(&receiver).to_string()).await;
        let outcome = perform(&performer(&store), call(None)).await;
        let Outcome::Unknown { reason } = outcome else {
            panic!("{outcome:?}")
        };
        assert!(
            reason.contains("may have got the call") && !reason.contains("secret"),
            "{reason}"
        );
        assert_eq!(receiver.seen().len(), 1);
    }
}
