//! Webhooks against a stub, and the guard.

use std::collections::BTreeMap;
use std::time::Duration;

use effects::Performer;
use effects::config::Webhook;
use model::EffectCommand;
use model::effect::WebhookPost;

use crate::http_stub::{Reply, Stub};
use crate::world::{background, config, done, failed, perform};

fn post(url: String) -> EffectCommand {
    EffectCommand::PostWebhook(WebhookPost {
        url,
        headers: BTreeMap::from([(
            "x-amz-sns-message-type".to_owned(),
            "Notification".to_owned(),
        )]),
        body: r#"{"Type":"Notification"}"#.to_owned(),
        content_type: "text/plain; charset=UTF-8".to_owned(),
    })
}

fn open() -> Performer {
    let mut config = config();
    config.webhook = Webhook {
        allow_http: true,
        allow_private: true,
        timeout: Duration::from_millis(500),
        ..Webhook::default()
    };
    Performer::new(config).unwrap()
}

#[tokio::test]
async fn a_post_arrives_with_its_headers() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/plain", "thanks".into())).await;
    let result = done(perform(&open(), post(format!("{}/hook?a=b", stub.url()))).await);
    assert_eq!(result["StatusCode"], 200);
    assert_eq!(result["Body"], "thanks");
    let seen = &stub.seen()[0];
    assert_eq!(seen.line, "POST /hook?a=b");
    assert_eq!(
        seen.header("content-type"),
        Some("text/plain; charset=UTF-8")
    );
    assert_eq!(seen.header("x-amz-sns-message-type"), Some("Notification"));
    assert_eq!(
        seen.header("host"),
        Some(format!("127.0.0.1:{}", stub.port).as_str())
    );
    assert_eq!(seen.body, r#"{"Type":"Notification"}"#);
}

#[tokio::test]
async fn passing_trouble_is_told_from_refusals_and_nothing_is_posted_twice() {
    for (status, transient) in [
        (500, true),
        (503, true),
        (408, true),
        (429, true),
        (400, false),
        (404, false),
    ] {
        let stub =
            Stub::start(move |_, _| Reply::Answer(status, "text/plain", "later".into())).await;
        let failure = failed(perform(&open(), post(stub.url())).await);
        assert_eq!(
            (failure.status, failure.transient),
            (Some(status), transient)
        );
        assert_eq!(stub.seen().len(), 1, "{status}");
    }
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("Network", true)
    );

    let stub =
        Stub::start(|_, _| Reply::Answer(410, "text/plain", "gone\r\nfor good".into())).await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!(
        (failure.code.as_str(), failure.status, failure.transient),
        ("Http", Some(410), false)
    );
    assert!(
        failure.message.ends_with("gone  for good"),
        "{}",
        failure.message
    );
    assert_eq!(stub.seen().len(), 1);

    let stub = Stub::start(|_, _| Reply::Hang).await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("Timeout", true)
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let inside = Stub::start(|_, _| Reply::Answer(200, "text/plain", "secret".into())).await;
    let target = inside.url();
    let stub =
        Stub::start(move |_, _| Reply::With(302, ("location", target.clone()), String::new()))
            .await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!((failure.status, failure.transient), (Some(302), false));
    assert!(inside.seen().is_empty());
}

#[tokio::test]
async fn endless_answers_are_cut_off() {
    let stub =
        Stub::start(|_, _| Reply::Answer(200, "text/plain", "x".repeat((1 << 20) + 1))).await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!((failure.code.as_str(), failure.transient), ("Http", false));
    assert_eq!(stub.seen().len(), 1);
}

#[tokio::test]
async fn endless_headers_are_cut_off() {
    let stub =
        Stub::start(|_, _| Reply::With(200, ("x-long", "x".repeat(1 << 20)), String::new())).await;
    let failure = failed(perform(&open(), post(stub.url())).await);
    assert_eq!(failure.code, "Network", "{}", failure.message);
}

#[tokio::test]
async fn the_guard_lets_no_connection_inside() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/plain", "inside".into())).await;
    let port = stub.port;
    let mut config = config();
    config.webhook = Webhook {
        allow_http: true,
        ..Webhook::default()
    };
    let guarded = Performer::new(config).unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "017700000001",
        "0.0.0.0",
        "0",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "example.com@127.0.0.1",
        "user:password@localhost",
        "10.0.0.1",
        "192.168.0.1",
        "172.16.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "100.64.0.1",
        "[fe80::1]",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{port}/");
            let failure = failed(perform(&guarded, post(url.clone())).await);
            assert_eq!(
                failure.code, "ParamValidation",
                "{url}: {}",
                failure.message
            );
            assert!(!failure.transient, "{url}");
        }
    }
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn faults_of_the_post_are_named() {
    let strict = Performer::new(config()).unwrap();
    for (url, needle) in [
        ("http://example.com/", "plain http"),
        ("gopher://example.com/", "only https"),
        ("not an address", "`url`"),
        ("https://example.com:25/", "port 25"),
        ("", "`url`"),
    ] {
        let failure = failed(perform(&strict, post(url.to_owned())).await);
        assert_eq!(failure.code, "ParamValidation");
        assert!(
            failure.message.contains(needle),
            "{url}: {}",
            failure.message
        );
    }
    for (name, value) in [
        ("host", "evil"),
        ("x\r\ny", "v"),
        ("x", "a\r\nb: c"),
        ("content-length", "0"),
        ("", "v"),
    ] {
        let EffectCommand::PostWebhook(mut bad) = post("http://127.0.0.1:9/".to_owned()) else {
            unreachable!()
        };
        bad.headers.insert(name.to_owned(), value.to_owned());
        let failure = failed(perform(&open(), EffectCommand::PostWebhook(bad)).await);
        assert_eq!(
            failure.code, "ParamValidation",
            "{name}: {}",
            failure.message
        );
    }
}

/// More deliveries to a receiver that hangs than there are places in all must not keep one to another from arriving.
#[tokio::test]
async fn a_receiver_that_hangs_holds_up_no_other() {
    let hanging = Stub::start(|_, _| Reply::Hang).await;
    let quick = Stub::start(|_, _| Reply::Answer(200, "text/plain", "ok".into())).await;
    let mut config = config();
    config.webhook = Webhook {
        allow_http: true,
        allow_private: true,
        timeout: Duration::from_secs(60),
        ..Webhook::default()
    };
    let performer = Performer::new(config).unwrap();
    for _ in 0..400 {
        let (performer, command) = (performer.clone(), post(hanging.url()));
        background(async move {
            perform(&performer, command).await;
        });
    }
    // Until those that have a place have sent their posts.
    while hanging.seen().len() < 16 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let all = async {
        for _ in 0..20 {
            done(perform(&performer, post(quick.url())).await);
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all)
        .await
        .expect("the quick receiver is reached at once");
    assert_eq!((quick.seen().len(), hanging.seen().len()), (20, 16));
}
