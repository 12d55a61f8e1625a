//! A start with much left over: everything is taken up once, while the first of it is already under way.

use std::sync::{Arc, Mutex};

use engine::Input;
use model::{AggregateId, ids};
use ports::memory::Faulty;
use ports::store::{Frames, NewInput, Turn};
use ports::{ManualClock, Store};
use serde_json::{Value, json};
use store::SqliteStore;

use crate::world::{World, call, scope, start_time};

/// More than one page of what a start reads at once.
const LEFT_OVER: usize = 700;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_left_over_is_taken_up_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("quell.sqlite");
    let store = Arc::new(SqliteStore::open(&path, store::Options::default()).expect("a store"));
    let clock = ManualClock::new(start_time());
    let outside = Arc::default();
    let first = World::on(Arc::clone(&store), Arc::clone(&outside), clock.clone()).await;
    first
        .document("Contain", json!([call("Tag", "CreateTags")]))
        .await;
    first.install(Some("Contain")).await;
    first.kill();
    first.engine.stop().await;
    // As a process leaves them that accepts events and dies.
    let inbox_new = (0..LEFT_OVER).map(accepted).collect();
    let turn = Turn {
        inbox_new,
        ..Turn::default()
    };
    store.commit(turn).await.expect("accepted");

    let consumed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&consumed);
    let watched = Faulty::counting(store).watched(move |_, turn: &Turn| {
        let mut seen = seen.lock().expect("no panic held it");
        seen.extend(turn.inbox_done.iter().copied());
    });
    let second = World::on(Arc::new(watched), outside, clock).await;
    second.settle().await;
    let mut consumed = consumed.lock().expect("no panic held it").clone();
    let all = consumed.len();
    consumed.sort_unstable();
    consumed.dedup();
    assert_eq!(all, consumed.len(), "no inbox row is consumed twice");
    assert_eq!(
        second.outside.count("CreateTags"),
        LEFT_OVER,
        "each runbook ran once"
    );
    assert_eq!(second.outside.count("mail ana@example.com"), LEFT_OVER);
    for number in 0..LEFT_OVER {
        let id = incident(number);
        let timeline = Frames::Prefix("event/".to_owned());
        let stored = second.handle.load(id, timeline).await.expect("read");
        let frames = stored.expect("an incident").frames;
        let told = |kind: &str| {
            let of_kind = |body: &Value| body["eventType"].as_str().is_some_and(|it| it == kind);
            frames.iter().filter(|(_, body)| of_kind(body)).count()
        };
        assert_eq!(told("SSM Automation Execution Step for Incident"), 1);
        assert_eq!(told("SSM Contacts Page for Incident"), 1);
    }
}

fn incident(number: usize) -> AggregateId {
    AggregateId::incident(ids::named(&["left over", &number.to_string()]))
}

/// An accepted trigger of the plan that `World::install` makes.
fn accepted(number: usize) -> NewInput {
    let trigger = json!({
        "plan": {
            "name": "compromised",
            "incidentTemplate": {"title": "Compromised instance", "impact": 1},
            "engagements": [crate::world::contact_arn("ladder")],
            "actions": [{"ssmAutomation": {
                "documentName": "Contain", "roleArn": "arn:aws:iam::123456789012:role/r",
            }}],
        },
        "plan_arn": "arn:aws:ssm-incidents::123456789012:response-plan/compromised",
        "source": "aws.events",
        "detected": start_time(),
        "dedupe": {"type": "key", "key": format!("i-{number}")},
        "caller_arn": "arn:aws:iam::123456789012:user/test",
        "region": scope().region,
    });
    let trigger = serde_json::from_value(trigger).expect("a trigger");
    let input = Input::Incident(Box::new(response::incident::Input::Trigger(Box::new(
        trigger,
    ))));
    let mut body = serde_json::to_value(input).expect("an input");
    body["v"] = 1.into();
    NewInput {
        aggregate: incident(number),
        scope: scope().global(),
        body,
        at: start_time(),
    }
}
