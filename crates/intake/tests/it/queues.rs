//! A queue: nothing is deleted before its commit, poison is parked at its third try, trouble is waited out.

use std::time::Duration;

use model::AggregateKind;
use serde_json::{Value, json};

use crate::world::{World, event};

fn queue() -> Value {
    json!({
        "name": "findings", "type": "sqs", "format": "eventbridge", "receivers": 1,
        "queue_url": "https://sqs.us-east-1.amazonaws.com/123456789012/findings",
    })
}

fn message(id: &str, body: &str, receives: u32) -> Value {
    json!({
        "MessageId": id, "ReceiptHandle": format!("handle-{id}"), "Body": body,
        "Attributes": { "ApproximateReceiveCount": receives.to_string(), "SentTimestamp": "1772333999000" },
    })
}

fn deleted(world: &World) -> Vec<String> {
    let asked = world.outside.asked("DeleteMessageBatch");
    let entries = asked
        .iter()
        .flat_map(|(params, _)| params["Entries"].as_array().cloned().unwrap_or_default());
    entries
        .map(|entry| {
            entry["ReceiptHandle"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn what_is_taken_is_deleted_after_its_commit() {
    let world = World::new(vec![queue()]).await;
    let before = world.outside.asked.lock().unwrap().len();
    assert_eq!(before, 0, "nothing is asked before the start");
    let (one, two) = (event(1).to_string(), event(2).to_string());
    let polls = [
        json!([message("a", &one, 1), message("b", &two, 1)]),
        // Another message with the first event, and the first message once more.
        json!([message("c", &one, 1), message("a", &one, 2)]),
    ];
    world.outside.polls.lock().unwrap().extend(polls);
    world.sources.start().await.unwrap();
    world
        .until("four deletions", || {
            (deleted(&world).len() == 4).then_some(())
        })
        .await;
    assert_eq!(world.delivered().await, 2);
    let (_, commits) = world.outside.asked("DeleteMessageBatch")[0].clone();
    let (_, at_poll) = world.outside.asked("ReceiveMessage")[0].clone();
    assert!(commits > at_poll, "deleted before the commit");
    let (_, _, state) = world.sources.get("findings").unwrap();
    assert_eq!(
        (state.received, state.accepted, state.duplicates),
        (4, 2, 2)
    );
    assert_eq!(state.lag_ms, Some(1_000));
    assert!(!state.failing && state.parked == 0);
    world.sources.stop().await;
    world.engine.stop().await;
}

#[tokio::test]
async fn poison_comes_again_twice_and_is_then_parked() {
    let world = World::new(vec![queue()]).await;
    let polls = (1..=3).map(|receives| json!([message("p", "{oh", receives)]));
    world.outside.polls.lock().unwrap().extend(polls);
    world.sources.start().await.unwrap();
    world
        .until("its deletion", || {
            (deleted(&world).len() == 1).then_some(())
        })
        .await;
    let pauses: Vec<Value> = world
        .outside
        .asked("ChangeMessageVisibilityBatch")
        .into_iter()
        .map(|(params, _)| params["Entries"][0]["VisibilityTimeout"].clone())
        .collect();
    assert_eq!(pauses, [json!(2), json!(4)]);
    let parked = world.all(AggregateKind::Parked).await;
    assert_eq!(parked.len(), 1);
    let shown = engine::views::parked::Parked::restore(&parked[0].frames).unwrap();
    assert_eq!((shown.tries, shown.message_id.as_str()), (3, "p"));
    assert!(shown.reason.contains("no JSON"), "{}", shown.reason);
    world.sources.stop().await;
}

#[tokio::test]
async fn when_no_more_is_kept_the_oldest_stay_and_the_queue_keeps_what_comes() {
    let world = World::new(Vec::new()).await;
    // The world keeps three; each of these comes for the third time.
    let poison = |id: &str| message(id, &format!("{{{id}"), 3);
    let polls = ["p1", "p2", "p3", "p4"].map(|id| json!([poison(id)]));
    world.outside.polls.lock().unwrap().extend(polls);
    world.sources.start().await.unwrap();
    let source = crate::world::settings(queue());
    world.sources.create(source.clone()).await.unwrap();
    let full = world
        .until("no room", || {
            let (_, _, state) = world.sources.get("findings").unwrap();
            let error = state.last_error.filter(|_| state.failing)?;
            error.message.contains("intake.max_parked").then_some(error)
        })
        .await;
    let start = "3 messages are parked already, the most that are kept (`intake.max_parked`): retry or discard some; this one: ";
    assert!(full.message.starts_with(start), "{}", full.message);
    let kept = |parked: Vec<ports::store::Stored>| {
        let mut ids: Vec<_> = parked
            .iter()
            .map(|stored| shown(stored).message_id)
            .collect();
        ids.sort();
        ids
    };
    let parked = world.all(AggregateKind::Parked).await;
    assert_eq!(deleted(&world), ["handle-p1", "handle-p2", "handle-p3"]);
    // An operator makes room; it is seen a little later.
    let oldest = parked
        .iter()
        .find(|stored| shown(stored).message_id == "p1");
    let oldest = oldest.unwrap();
    let discard = engine::views::parked::Input::Discard {
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        note: None,
    };
    let discard = engine::Input::Parked(Box::new(discard));
    let discarded = world.handle.ask(oldest.id, &oldest.scope, discard).await;
    discarded.unwrap();
    assert_eq!(kept(parked), ["p1", "p2", "p3"]);
    world.clock.advance(Duration::from_secs(11));
    let again = json!([poison("p4")]);
    world.outside.polls.lock().unwrap().push_back(again);
    world.sources.replace(source).await.unwrap();
    world
        .until("the fourth", || (deleted(&world).len() == 4).then_some(()))
        .await;
    assert_eq!(
        kept(world.all(AggregateKind::Parked).await),
        ["p1", "p2", "p3", "p4"]
    );
    world.sources.stop().await;
}

fn shown(stored: &ports::store::Stored) -> engine::views::parked::Parked {
    engine::views::parked::Parked::restore(&stored.frames).unwrap()
}

#[tokio::test]
async fn a_queue_that_fails_is_polled_again_after_a_rest() {
    let world = World::new(vec![queue()]).await;
    world.outside.polls.lock().unwrap().push_back(Value::Null);
    world
        .outside
        .answers
        .lock()
        .unwrap()
        .insert("DeleteMessageBatch", Value::Null);
    let later = json!([message("a", &event(1).to_string(), 1)]);
    world.outside.polls.lock().unwrap().push_back(later);
    world.sources.start().await.unwrap();
    // `{"Messages": null}` is an empty answer; what fails here is the deletion, which is told and left.
    let error = world
        .until("the failure", || {
            let (_, _, state) = world.sources.get("findings").unwrap();
            state.last_error
        })
        .await;
    assert!(
        error.message.starts_with("DeleteMessageBatch: Timeout"),
        "{error:?}"
    );
    assert_eq!(world.delivered().await, 1);
    world.clock.advance(Duration::from_secs(1));
    world.sources.stop().await;
}

#[tokio::test]
async fn sources_are_made_changed_and_removed_while_it_runs() {
    let world = World::new(Vec::new()).await;
    world.sources.start().await.unwrap();
    let made = crate::world::settings(queue());
    world.sources.create(made.clone()).await.unwrap();
    let again = world.sources.create(made.clone()).await.unwrap_err();
    assert!(again.to_string().contains("already"), "{again}");
    world
        .until("a poll", || {
            (!world.outside.asked("ReceiveMessage").is_empty()).then_some(())
        })
        .await;
    let mut changed = made;
    changed.enabled = false;
    world.sources.replace(changed).await.unwrap();
    let (settings, _, _) = world.sources.get("findings").unwrap();
    assert!(!settings.enabled);
    world.sources.remove("findings").await.unwrap();
    let missing = world.sources.remove("findings").await.unwrap_err();
    assert!(missing.to_string().contains("no source"), "{missing}");
    // A change of another bus is refused while it does not exist: events would match nothing.
    world.sources.stop().await;
}
