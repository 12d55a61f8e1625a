//! Topics: who gets a message, and that nothing of it is lost or doubled.

use std::collections::BTreeMap;
use std::sync::Arc;

use bus::topics::Message;
use engine::{ChatChannel, ResourceChange};
use model::bus::{RULE, Rule};
use model::resource::Expect;
use model::topic::{
    FilterScope, MessageAttribute, Pending, Protocol, SignatureVersion, Subscription, TOPIC, Topic,
};
use serde_json::json;
use uuid::Uuid;

use crate::world::{World, scope};

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:alerts";

fn subscription(id: u128, policy: Option<&str>, filter_scope: FilterScope) -> Subscription {
    Subscription {
        id: Uuid::from_u128(id),
        protocol: Protocol::Https,
        endpoint: format!("https://receiver.example/{id}"),
        pending: None,
        confirmed_by: None,
        authenticated: true,
        authenticate_on_unsubscribe: false,
        raw: false,
        filter_policy: policy.map(str::to_owned),
        filter_scope,
        delivery_policy: None,
        dead_letter: None,
    }
}

fn topic(subscriptions: impl IntoIterator<Item = Subscription>) -> ResourceChange {
    let subscriptions = subscriptions.into_iter().map(|one| (one.id, one));
    let topic = Topic {
        name: "alerts".to_owned(),
        display_name: String::new(),
        policy: None,
        delivery_policy: None,
        signature_version: SignatureVersion::V2,
        tags: BTreeMap::new(),
        subscriptions: subscriptions.collect(),
        deleted: 0,
    };
    ResourceChange {
        scope: scope(),
        kind: TOPIC,
        name: topic.name.clone(),
        expect: Expect::Any,
        body: Some(json!(topic)),
    }
}

fn message(text: &str, kind: Option<&str>) -> Message {
    let attributes = kind.map(|kind| {
        let attribute = MessageAttribute {
            data_type: "String".to_owned(),
            value: kind.to_owned(),
        };
        ("kind".to_owned(), attribute)
    });
    Message::new(text, None, None, attributes.into_iter().collect()).expect("a message")
}

#[tokio::test]
async fn a_message_goes_to_all_confirmed_subscribers_that_want_it() {
    let (world, _) = World::new().await;
    let pending = Subscription {
        pending: Some(Pending {
            nonce: "n".to_owned(),
            expires: jiff::Timestamp::MAX,
        }),
        ..subscription(4, None, FilterScope::MessageAttributes)
    };
    let all = [
        subscription(1, None, FilterScope::MessageAttributes),
        subscription(2, Some(r#"{"kind":["a"]}"#), FilterScope::MessageAttributes),
        subscription(3, Some(r#"{"x":{"y":[1]}}"#), FilterScope::MessageBody),
        pending,
    ];
    world.put(vec![topic(all)]).await;
    world.handle.show_in_chat(&[ChatChannel {
        name: "security".to_owned(),
        topics: vec![ARN.to_owned()],
    }]);
    for (text, kind, want) in [
        ("plain", None, 1),
        ("of a kind", Some("a"), 2),
        ("of another", Some("b"), 1),
        (r#"{"x":{"y":1}}"#, Some("a"), 3),
    ] {
        let messages = [message(text, kind)];
        let published = world.handle.publish(&scope(), "alerts", &messages).await;
        assert_eq!(published.expect("published").map(|ids| ids.len()), Some(1));
        world.settle().await;
        assert_eq!(world.outside.count(text), want, "{text}");
    }
    assert_eq!(world.outside.count("security"), 4, "each is shown in chat");
    let absent = world
        .handle
        .publish(&scope(), "absent", &[message("x", None)])
        .await;
    assert_eq!(absent.expect("an answer"), None);
}

#[tokio::test]
async fn subscriptions_and_what_was_published_outlive_the_process() {
    let (world, store) = World::new().await;
    let filtered = subscription(2, Some(r#"{"kind":["a"]}"#), FilterScope::MessageAttributes);
    world
        .put(vec![topic([
            subscription(1, None, FilterScope::default()),
            filtered,
        ])])
        .await;
    world.kill();
    let before = [message("before", Some("a"))];
    let published = world.handle.publish(&scope(), "alerts", &before).await;
    published.expect("it was accepted");
    // The entropy of a test's world comes from its clock.
    world.clock.advance(std::time::Duration::from_secs(1));
    let next = World::on(
        Arc::clone(&store),
        Arc::clone(&world.outside),
        world.clock.clone(),
    )
    .await;
    next.settle().await;
    assert_eq!(next.outside.count("before"), 2);
    let after = [message("after", None)];
    let published = next.handle.publish(&scope(), "alerts", &after).await;
    published.expect("it was accepted");
    next.settle().await;
    assert_eq!(next.outside.count("after"), 1, "the filter still holds");
}

#[tokio::test]
async fn a_rule_delivers_to_a_topic_of_this_server_and_leaves_others_to_aws() {
    let (world, _) = World::new().await;
    let rule: Rule = serde_json::from_value(json!({
        "name": "findings", "bus": "default", "state": "ENABLED",
        "event_pattern": "{\"source\":[\"aws.guardduty\"]}",
        "targets": {
            "here": { "Id": "here", "Arn": ARN, "Input": "\"told\"" },
            "there": { "Id": "there", "Arn": "arn:aws:sns:us-east-1:123456789012:other" },
        },
    }))
    .expect("a rule");
    let rule = ResourceChange {
        scope: scope(),
        kind: RULE,
        name: "default/findings".to_owned(),
        expect: Expect::Absent,
        body: Some(json!(rule)),
    };
    let one = subscription(1, None, FilterScope::default());
    world.put(vec![rule, topic([one])]).await;
    world.finding("i-1").await;
    world.settle().await;
    assert_eq!(world.outside.count("\"told\""), 1);
    assert_eq!(world.outside.count("deliver Publish"), 1);
}
