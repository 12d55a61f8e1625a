//! Deliveries over crashes, API destinations, and the numbers of targets.

use std::sync::Arc;
use std::time::Duration;

use engine::PutEntry;
use model::AggregateKind;
use model::bus::{RULE, Rule};
use model::connection::{API_DESTINATION, CONNECTION};
use ports::memory::{Faulty, Moment};
use ports::store::Series;
use ports::{ManualClock, MemoryStore};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{Answer, Outside, World, put, scope, start_time};

const DEAD: &str = "arn:aws:sqs:us-east-1:123456789012:dead";

/// A rule for source `app` with these targets.
async fn rule(world: &World, targets: Value) {
    let rule: Rule = serde_json::from_value(json!({
        "name": "r", "bus": "default", "state": "ENABLED",
        "event_pattern": "{\"source\":[\"app\"]}", "targets": targets,
    }))
    .expect("a rule");
    world
        .put(vec![put(scope(), RULE, "default/r", json!(rule))])
        .await;
}

/// Puts an event; whether it was taken.
async fn event(world: &World) -> bool {
    let entry = PutEntry {
        bus: "default".to_owned(),
        source: "app".to_owned(),
        detail_type: "t".to_owned(),
        detail: "{\"who\":\"ana\",\"n\":7}".to_owned(),
        ..PutEntry::default()
    };
    world.handle.put_events(&scope(), vec![entry]).await.is_ok()
}

fn function() -> Value {
    json!({ "f": { "Id": "f", "Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
                   "RetryPolicy": { "MaximumRetryAttempts": 1 }, "DeadLetterConfig": { "Arn": DEAD } } })
}

/// The story with a crash at commit `number`: a target that nobody hears of again, a retry, the dead-letter queue.
/// Answers what reached the outside, what is left, and how many commits there were.
async fn story(number: u64, moment: Moment) -> (usize, usize, Vec<Value>, u64) {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = Arc::new(Outside::default());
    outside.answer("deliver Invoke", Answer::Unknown);
    let setup = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    rule(&setup, function()).await;
    setup.engine.stop().await;
    let faulty = Arc::new(match number {
        0 => Faulty::counting(Arc::clone(&store)),
        number => Faulty::crashing(Arc::clone(&store), number, moment),
    });
    let first = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    let before = store.commits();
    let acknowledged = event(&first).await;
    let held = store.commits() > before;
    first.settle().await;
    first.fast_forward(Duration::from_secs(60)).await;
    let last = if faulty.crashed() {
        first.kill();
        let second = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
        if !acknowledged && !held {
            // Nobody was told that it was taken, and it was not: its sender sends it again.
            event(&second).await;
        }
        second.settle().await;
        second.fast_forward(Duration::from_secs(60)).await;
        second
    } else {
        first
    };
    let left = last.all(AggregateKind::Delivery).await;
    let roots = left.iter().map(|stored| stored.frames[0].1.clone());
    (
        outside.count("deliver Invoke"),
        outside.count("deliver SendMessage"),
        roots.collect(),
        faulty.commits(),
    )
}

#[tokio::test]
async fn no_crash_loses_an_event_on_its_way_to_a_target_or_its_queue() {
    let (invoked, buried, left, commits) = story(0, Moment::Before).await;
    assert!(invoked >= 2 && buried == 1, "{invoked} {buried}");
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["status"], "dead_lettered");
    assert!(commits >= 4, "{commits}");
    for number in 1..=commits {
        for moment in [Moment::Before, Moment::After] {
            let (invoked_now, buried_now, left, _) = story(number, moment).await;
            let at = format!("{moment:?} {number}");
            assert!(invoked_now >= 2, "{at}: {invoked_now}");
            assert!((1..=2).contains(&buried_now), "{at}: {buried_now}");
            assert_eq!(left.len(), 1, "{at}: {left:?}");
            assert_eq!(left[0]["status"], "dead_lettered", "{at}: {left:?}");
        }
    }
}

#[tokio::test]
async fn what_became_of_events_is_counted_by_target() {
    let (world, _) = World::new().await;
    let mut targets = function();
    targets["q"] = json!({ "Id": "q", "Arn": "arn:aws:sns:us-east-1:123456789012:t" });
    rule(&world, targets).await;
    world.outside.answer("deliver Invoke", Answer::Unknown);
    event(&world).await;
    world.settle().await;
    world.fast_forward(Duration::from_secs(120)).await;
    let measured = async |target: &str| {
        let series = Series {
            scope: scope(),
            bus: "default".to_owned(),
            rule: "r".to_owned(),
            target: target.to_owned(),
        };
        let minute = start_time().as_second() / 60;
        let found = world.handle.measured(&series, minute - 1, minute + 60);
        let mut all = bus::measures::Measures::default();
        for (_, one) in found.await.expect("readable") {
            all.add(&one);
        }
        all
    };
    let failed = measured("f").await;
    assert_eq!(
        (
            failed.delivered,
            failed.failed,
            failed.retried,
            failed.dead_lettered
        ),
        (0, 1, 1, 1)
    );
    let well = measured("q").await;
    assert_eq!((well.delivered, well.failed, well.retried), (1, 0, 0));
    assert_eq!(
        world.all(AggregateKind::Delivery).await.len(),
        1,
        "what ended well is not kept"
    );
}

#[tokio::test]
async fn api_destinations_get_the_parameters_of_the_original_event() {
    let (world, _) = World::new().await;
    let id = Uuid::from_u128(7);
    let place = "arn:aws:events:us-east-1:123456789012";
    let arn = format!("{place}:api-destination/hook/{id}");
    let target = |dead: bool| {
        let mut target = json!({ "Id": "api", "Arn": arn, "InputPath": "$.detail.who",
            "HttpParameters": { "PathParameterValues": ["$.detail.n", "fixed"],
                "HeaderParameters": { "X-Who": "$.detail.who", "X-None": "$.detail.none" },
                "QueryStringParameters": { "type": "$.detail-type" } } });
        if dead {
            target["DeadLetterConfig"] = json!({ "Arn": DEAD });
        }
        json!({ "api": target })
    };
    rule(&world, target(true)).await;
    event(&world).await;
    world.settle().await;
    assert_eq!(
        world.outside.names(),
        ["deliver SendMessage"],
        "there is no such destination"
    );
    let connection = json!({ "name": "c", "id": id, "secret_id": "s", "state": "AUTHORIZED",
                             "authorization": "API_KEY", "shown": {} });
    let destination = json!({ "name": "hook", "id": id, "connection_arn": format!("{place}:connection/c/{id}"),
                              "endpoint": "https://example.com/*/*", "method": "POST", "rate_per_second": 300 });
    world
        .put(vec![
            put(scope(), CONNECTION, "c", connection),
            put(scope(), API_DESTINATION, "hook", destination),
        ])
        .await;
    rule(&world, target(false)).await;
    event(&world).await;
    world.settle().await;
    let commands = world.outside.commands.lock().expect("no panic held it");
    let Some(model::EffectCommand::InvokeApiDestination(call)) = commands.last() else {
        panic!("{commands:?}")
    };
    assert_eq!(call.destination_arn, arn);
    assert_eq!(call.path, ["7", "fixed"]);
    assert_eq!(json!(call.headers), json!({ "X-Who": "ana" }));
    assert_eq!(json!(call.query), json!({ "type": "t" }));
    assert_eq!(call.body, "\"ana\"");
}
