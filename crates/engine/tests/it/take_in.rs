//! Taking in: once, whole or not at all, whatever dies in between.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use engine::{Arriving, DedupeKey, Input, Message, PutEntry, TakeInError, Taken, TakenIn};
use model::{AggregateId, AggregateKind, ids};
use ports::memory::{Faulty, Moment};
use ports::store::Frames;
use ports::{Clock, ManualClock, MemoryStore};
use response::incident::Incident;
use serde_json::json;
use uuid::Uuid;

use crate::world::{Outside, World, scope, start_time};

fn finding(instance: &str, id: Uuid) -> PutEntry {
    let detail = json!({
        "type": "UnauthorizedAccess:EC2/TorClient", "severity": 8,
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": instance}},
    });
    PutEntry {
        bus: "default".to_owned(),
        source: "aws.guardduty".to_owned(),
        detail_type: "GuardDuty Finding".to_owned(),
        detail: detail.to_string(),
        time: Some("2026-02-01T00:00:00Z".parse().expect("an instant")),
        id: Some(id),
        account: Some("999988887777".to_owned()),
        region: Some("eu-west-3".to_owned()),
        ..PutEntry::default()
    }
}

fn arriving(instance: &str, id: Uuid) -> Arriving {
    Arriving {
        entry: finding(instance, id),
        key: Some(DedupeKey::new("event", &id.to_string())),
    }
}

fn message(key: &str, events: Vec<Arriving>) -> Message {
    Message {
        keys: vec![DedupeKey::new("queue", key)],
        events,
        notes: Vec::new(),
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x4000_8000_0000_0000_0000 + number)
}

async fn triggers(world: &World) -> u64 {
    let mut sum = 0;
    for stored in world.incidents().await {
        let incident = Incident::restore(stored.frames).expect("an incident");
        sum += u64::from(incident.triggers);
    }
    sum
}

fn park(reason: &str) -> (AggregateId, Input) {
    let park = bus::parked::Park {
        source: "findings".to_owned(),
        message_id: "m-1".to_owned(),
        reason: reason.to_owned(),
        tries: 3,
        sent: start_time(),
        size: 3,
        digest: "00".to_owned(),
        attributes: [("content-type".to_owned(), "text/plain".to_owned())].into(),
        body: bus::parked::Body {
            text: "{oh".to_owned(),
            base64: false,
        },
    };
    let to = AggregateId::parked(ids::named(&["parked", "findings", "m-1"]));
    (
        to,
        Input::Parked(Box::new(bus::parked::Input::Park(Box::new(park)))),
    )
}

#[tokio::test]
async fn an_event_keeps_its_envelope() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let taken = world
        .handle
        .take_in(&scope(), message("m-1", vec![arriving("i-1", id(1))]))
        .await;
    assert_eq!(
        taken,
        Ok(TakenIn::Taken(vec![Taken::New { event_id: id(1) }]))
    );
    world.settle().await;
    let incident = world.incidents().await[0].id;
    let stored = world
        .handle
        .load(incident, Frames::Prefix("trigger/".to_owned()))
        .await
        .expect("read")
        .expect("frames");
    let text = stored.frames[0].1.to_string();
    for part in [
        &id(1).to_string(),
        "999988887777",
        "eu-west-3",
        "2026-02-01T00:00:00Z",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn what_comes_twice_is_taken_once() {
    let (world, store) = World::new().await;
    world.install(None).await;
    let new = |number| Taken::New {
        event_id: id(number),
    };
    for (key, events, want) in [
        ("m-1", vec![1, 2], TakenIn::Taken(vec![new(1), new(2)])),
        // The queue brings it again.
        ("m-1", vec![1, 2], TakenIn::Seen),
        // Another message with a known event and a new one, which stands in it twice.
        (
            "m-2",
            vec![2, 3, 3],
            TakenIn::Taken(vec![Taken::Seen, new(3), Taken::Seen]),
        ),
        // Nothing new in it at all.
        ("m-3", vec![1], TakenIn::Taken(vec![Taken::Seen])),
    ] {
        let events = events
            .into_iter()
            .map(|number| arriving(&format!("i-{number}"), id(number)));
        let taken = world
            .handle
            .take_in(&scope(), message(key, events.collect()))
            .await;
        assert_eq!(taken, Ok(want), "{key}");
    }
    world.settle().await;
    assert_eq!(triggers(&world).await, 3);
    // An event that no rule wants is taken at no cost, and may well come again.
    let mut other = finding("i-9", id(9));
    other.source = "aws.health".to_owned();
    let before = store.commits();
    for _ in 0..2 {
        let arriving = Arriving {
            entry: other.clone(),
            key: None,
        };
        let taken = world
            .handle
            .take_in(&scope(), message("m-9", vec![arriving]))
            .await;
        assert_eq!(taken, Ok(TakenIn::Taken(vec![new(9)])));
    }
    assert_eq!(store.commits(), before);
}

#[tokio::test]
async fn a_day_later_it_is_news_again() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let send = |number| {
        let events = vec![Arriving {
            entry: finding("i-1", id(number)),
            key: None,
        }];
        let (handle, scope) = (&world.handle, scope());
        async move { handle.take_in(&scope, message("m-1", events)).await }
    };
    assert!(matches!(send(1).await, Ok(TakenIn::Taken(_))));
    world.settle().await;
    world.clock.advance(Duration::from_secs(24 * 3600 - 300));
    assert_eq!(send(2).await, Ok(TakenIn::Seen));
    world.clock.advance(Duration::from_secs(600));
    assert!(matches!(send(3).await, Ok(TakenIn::Taken(_))));
}

#[tokio::test]
async fn racing_copies_are_taken_once() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let copies = (0..40).map(|number| {
        // Half of them are the same message, all of them bring the same event.
        let key = if number % 2 == 0 {
            "m-1".to_owned()
        } else {
            format!("m-{number}")
        };
        let events = vec![arriving("i-1", id(1))];
        let handle = world.handle.clone();
        async move { handle.take_in(&scope(), message(&key, events)).await }
    });
    let taken = futures_util::future::join_all(copies).await;
    let new = taken
        .iter()
        .filter(
            |taken| matches!(taken, Ok(TakenIn::Taken(all)) if matches!(all[0], Taken::New { .. })),
        )
        .count();
    assert_eq!(new, 1, "{taken:?}");
    assert!(taken.iter().all(Result::is_ok));
    world.settle().await;
    assert_eq!(triggers(&world).await, 1);
}

#[tokio::test]
async fn a_message_with_a_malformed_event_is_not_taken_at_all() {
    let (world, store) = World::new().await;
    world.install(None).await;
    let before = store.commits();
    let mut broken = arriving("i-2", id(2));
    broken.entry.detail = "{\"a\":1},\"account\":\"111111111111\"".to_owned();
    let events = vec![arriving("i-1", id(1)), broken];
    let taken = world.handle.take_in(&scope(), message("m-1", events)).await;
    let error = taken.expect_err("malformed");
    assert!(matches!(error, TakeInError::Malformed { index: 1, .. }));
    assert!(error.is_poison());
    assert_eq!(store.commits(), before);
    world.settle().await;
    assert!(world.incidents().await.is_empty());
}

#[tokio::test]
async fn a_parked_message_waits_for_an_operator() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let (to, input) = park("it is no JSON");
    let poison = Message {
        keys: vec![DedupeKey::new("queue", "m-1")],
        events: Vec::new(),
        notes: vec![(to, input.clone())],
    };
    let taken = world.handle.take_in(&scope(), poison.clone()).await;
    assert_eq!(taken, Ok(TakenIn::Taken(Vec::new())));
    world.settle().await;
    assert_eq!(world.all(AggregateKind::Parked).await.len(), 1);
    assert_eq!(
        world.handle.take_in(&scope(), poison).await,
        Ok(TakenIn::Seen)
    );
    // The retry is one commit with the events that it brings.
    let retried = bus::parked::Input::Retried {
        by: "arn:aws:iam::123456789012:user/ana".to_owned(),
        events: vec![id(1)],
    };
    let retry = Message {
        keys: vec![DedupeKey::new("parked", &to.id.to_string())],
        events: vec![arriving("i-1", id(1))],
        notes: vec![(to, Input::Parked(Box::new(retried)))],
    };
    for want in [
        TakenIn::Taken(vec![Taken::New { event_id: id(1) }]),
        TakenIn::Seen,
    ] {
        let taken = world.handle.take_in(&scope(), retry.clone()).await;
        assert_eq!(taken, Ok(want));
    }
    world.settle().await;
    let stored = world.handle.load(to, Frames::All).await;
    let frames = stored.expect("read").expect("parked").frames;
    let parked = bus::parked::Parked::restore(&frames).expect("restored");
    assert_eq!(parked.status, bus::parked::Status::Retried);
    assert_eq!(bus::parked::Body::restore(&frames), Ok(None));
    assert_eq!(triggers(&world).await, 1);
}

/// A sender that sends until it is told "taken", with a crash at commit `number` (none for 0).
async fn story(number: u64, moment: Moment) -> (usize, u64, usize, u64) {
    let store = Arc::new(MemoryStore::new());
    let clock = ManualClock::new(start_time());
    let outside = Arc::new(Outside::default());
    let setup = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    setup.install(None).await;
    setup.engine.stop().await;
    let faulty = Arc::new(if number == 0 {
        Faulty::counting(Arc::clone(&store))
    } else {
        Faulty::crashing(Arc::clone(&store), number, moment)
    });
    let sent = || {
        let events = vec![arriving("i-1", id(1)), arriving("i-2", id(2))];
        Message {
            notes: vec![park("a third part is no event")],
            ..message("m-1", events)
        }
    };
    let first = World::on(Arc::clone(&faulty), Arc::clone(&outside), clock.clone()).await;
    let told = first.handle.take_in(&scope(), sent()).await;
    first.settle().await;
    let last = if faulty.crashed() {
        first.kill();
        let second = World::on(Arc::clone(&store), outside, clock.clone()).await;
        // The clock of the second process goes on.
        clock.advance(Duration::from_secs(1));
        assert!(clock.now() > start_time());
        // Whether the sender was told or not, it may send again.
        let again = second.handle.take_in(&scope(), sent()).await;
        assert!(again.is_ok(), "{again:?}");
        assert!(told.is_err() || again == Ok(TakenIn::Seen), "{again:?}");
        second.settle().await;
        second
    } else {
        first
    };
    let parked = last.all(AggregateKind::Parked).await.len();
    let incidents = last.incidents().await.len();
    (incidents, triggers(&last).await, parked, faulty.commits())
}

#[tokio::test]
async fn at_every_commit_before_and_after_it_is_delivered_once() {
    let (incidents, triggers, parked, commits) = story(0, Moment::Before).await;
    assert_eq!((incidents, triggers, parked), (2, 2, 1));
    assert!(commits >= 4, "the story has {commits} commits");
    for number in 1..=commits {
        for moment in [Moment::Before, Moment::After] {
            let (incidents, triggers, parked, _) = story(number, moment).await;
            assert_eq!(
                (incidents, triggers, parked),
                (2, 2, 1),
                "crash {moment:?} commit {number} of {commits}"
            );
        }
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_nothing_behind() {
    let (world, _) = World::new().await;
    world.install(None).await;
    let mut polls_of_a_whole_call = 0;
    // The caller is dropped after one poll, after two, ... until the call ends before.
    for polls in 1.. {
        let events = vec![arriving(&format!("i-{polls}"), id(polls))];
        let (handle, scope) = (&world.handle, scope());
        let mut call = Box::pin(handle.take_in(&scope, message(&polls.to_string(), events)));
        let mut ended = false;
        for _ in 0..polls {
            let poll = |cx: &mut Context<'_>| Poll::Ready(call.as_mut().poll(cx).is_ready());
            ended = std::future::poll_fn(poll).await;
            if ended {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(call);
        world.settle().await;
        // Either all of it came to pass or nothing: the sender's repeat makes it whole, once.
        let events = vec![arriving(&format!("i-{polls}"), id(polls))];
        let again = handle
            .take_in(&scope, message(&polls.to_string(), events))
            .await;
        again.expect("taken");
        world.settle().await;
        assert_eq!(world.incidents().await.len() as u128, polls);
        if ended {
            polls_of_a_whole_call = polls;
            break;
        }
    }
    assert!(polls_of_a_whole_call >= 2, "the call does not wait at all");
    assert_eq!(u128::from(triggers(&world).await), polls_of_a_whole_call);
}
