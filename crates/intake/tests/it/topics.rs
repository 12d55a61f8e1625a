//! Topics that call: whom they are believed, and how subscriptions are confirmed.

use std::time::Duration;

use model::AggregateKind;
use serde_json::{Value, json};

use crate::signer::{Made, Signer, TOPIC, URL, signer};
use crate::world::{World, event};

async fn world(more: Value) -> World {
    let mut settings = json!({
        "name": "alerts", "type": "sns", "topics": [TOPIC], "ca_certificates": signer().authority(),
    });
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let world = World::new(vec![settings]).await;
    let file = signer().certificate(&Made::default());
    world
        .outside
        .files
        .lock()
        .unwrap()
        .insert(URL.to_owned(), file);
    world
}

#[tokio::test]
async fn a_signed_event_is_taken_once() {
    let world = world(json!({})).await;
    let message = signer().signed(Signer::notification("m-1", &event(1).to_string()), "2");
    let headers = [("x-amz-sns-message-type", "Notification")];
    for new in [1, 0] {
        let (status, answer) = world.post("alerts", &headers, &message.to_string()).await;
        assert_eq!(
            (status, &answer["accepted"]),
            (200, &json!(new)),
            "{answer}"
        );
    }
    assert_eq!(world.delivered().await, 1);
    // The certificate is fetched once.
    assert_eq!(*world.outside.fetched.lock().unwrap(), [URL]);
    let (status, answer) = world
        .post(
            "alerts",
            &[("x-amz-sns-message-type", "SubscriptionConfirmation")],
            &message.to_string(),
        )
        .await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn what_is_not_believed_is_refused() {
    let world = world(json!({})).await;
    let good = signer().signed(Signer::notification("m-1", &event(1).to_string()), "2");
    let with = |name: &str, value: &str| {
        let mut message = good.clone();
        message[name] = value.into();
        message.to_string()
    };
    let foreign = "https://evil.example.com/SimpleNotificationService-0123.pem";
    let old = signer()
        .signed(Signer::notification("m-1", "x"), "1")
        .to_string();
    for (body, status, word) in [
        (
            with("TopicArn", "arn:aws:sns:us-east-1:123456789012:other"),
            403,
            "topics",
        ),
        (with("Message", "{}"), 403, "signature"),
        (with("SigningCertURL", foreign), 403, "host"),
        (old, 403, "version `1`"),
        ("{}".to_owned(), 400, "no SNS message"),
        (event(1).to_string(), 400, "no SNS message"),
    ] {
        let (got, answer) = world.post("alerts", &[], &body).await;
        let detail = answer["detail"].as_str().unwrap_or_default();
        assert!(
            got == status && detail.contains(word),
            "{word}: {got} {answer}"
        );
    }
    let raw = [("x-amz-sns-rawdelivery", "true")];
    let (status, answer) = world.post("alerts", &raw, &event(1).to_string()).await;
    assert_eq!(status, 403, "{answer}");
    // Nobody was asked anything at the address of a stranger.
    assert!(
        world
            .outside
            .fetched
            .lock()
            .unwrap()
            .iter()
            .all(|url| url == URL)
    );
    let (_, _, state) = world.sources.get("alerts").unwrap();
    assert_eq!((state.refused, state.accepted), (7, 0));
    assert_eq!(world.delivered().await, 0);
    assert!(world.all(AggregateKind::Parked).await.is_empty());
    // A message that is an hour old is too old.
    world.clock.advance(Duration::from_secs(3_700));
    let (status, answer) = world.post("alerts", &[], &good.to_string()).await;
    assert_eq!(status, 403, "{answer}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_had_is_asked_for_again() {
    let world = world(json!({})).await;
    let file = world.outside.files.lock().unwrap().remove(URL).unwrap();
    let message = signer()
        .signed(Signer::notification("m-1", &event(1).to_string()), "2")
        .to_string();
    let (status, _) = world.post("alerts", &[], &message).await;
    assert_eq!(status, 503, "SNS sends it again");
    world
        .outside
        .files
        .lock()
        .unwrap()
        .insert(URL.to_owned(), file);
    let (status, answer) = world.post("alerts", &[], &message).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn raw_delivery_needs_another_credential() {
    let secret = "0123456789abcdef0123";
    let world =
        world(json!({ "credentials": [{ "kind": "basic", "name": "sns", "secret": secret }] }))
            .await;
    let raw = ("x-amz-sns-rawdelivery", "true");
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("sns:{secret}"));
    let basic = format!("Basic {basic}");
    let (status, _) = world.post("alerts", &[raw], &event(1).to_string()).await;
    assert_eq!(status, 401);
    let headers = [raw, ("authorization", basic.as_str())];
    let (status, answer) = world.post("alerts", &headers, &event(1).to_string()).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(1)), "{answer}");
}

#[tokio::test]
async fn pinned_certificates_need_no_fetching() {
    let pinned = signer().certificate(&Made::default());
    let world = world(json!({ "signing_certificates": pinned, "ca_certificates": null })).await;
    let mut message = Signer::notification("m-1", &event(1).to_string());
    message["SigningCertURL"] = "http://quell.example.com/sns/certificate.pem".into();
    let message = signer().signed(message, "2").to_string();
    let (status, answer) = world.post("alerts", &[], &message).await;
    assert_eq!(status, 200, "{answer}");
    assert!(world.outside.fetched.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_subscription_is_confirmed_by_a_call_of_our_own_and_never_by_its_address() {
    let world = world(json!({})).await;
    let arn = format!("{TOPIC}:0123");
    let answers = || world.outside.answers.lock().unwrap();
    answers().insert("ConfirmSubscription", json!({ "SubscriptionArn": arn }));
    let asks = signer()
        .signed(Signer::confirmation("SubscriptionConfirmation"), "2")
        .to_string();
    let (status, _) = world.post("alerts", &[], &asks).await;
    assert_eq!(status, 200);
    let asked = world.outside.asked("ConfirmSubscription");
    assert_eq!(
        asked[0].0,
        json!({ "TopicArn": TOPIC, "Token": "t0ken", "AuthenticateOnUnsubscribe": "true" })
    );
    assert_eq!(
        *world.outside.fetched.lock().unwrap(),
        [URL],
        "the certificate and nothing else"
    );
    // SNS refuses: the operator sees it and can try again.
    answers().insert("ConfirmSubscription", Value::Null);
    world.post("alerts", &[], &asks).await;
    let pending = world.sources.get("alerts").unwrap().2.pending;
    assert_eq!(
        (
            pending.len(),
            pending[0].what,
            pending[0].topic_arn.as_str()
        ),
        (1, "subscribe", TOPIC)
    );
    assert!(!json!(pending).to_string().contains("t0ken"));
    let failed = world.sources.confirm("alerts", TOPIC).await.unwrap_err();
    assert!(
        failed.to_string().contains("ConfirmSubscription"),
        "{failed}"
    );
    answers().insert("ConfirmSubscription", json!({ "SubscriptionArn": arn }));
    assert_eq!(world.sources.confirm("alerts", TOPIC).await, Ok(arn));
    let nothing = world.sources.confirm("alerts", TOPIC).await.unwrap_err();
    assert!(nothing.to_string().contains("waits"), "{nothing}");
    // An end is shown, once it is believed.
    let forged = Signer::confirmation("UnsubscribeConfirmation").to_string();
    let (status, _) = world.post("alerts", &[], &forged).await;
    assert_eq!(status, 403);
    let ends = signer()
        .signed(Signer::confirmation("UnsubscribeConfirmation"), "2")
        .to_string();
    world.post("alerts", &[], &ends).await;
    assert_eq!(
        world.sources.get("alerts").unwrap().2.pending[0].what,
        "unsubscribe"
    );
}
