//! `ListSubscriptions` and `ListSubscriptionsByTopic`.

use model::topic::{Subscription, Topic};
use serde_json::{Value, json};

use super::names::{self, PAGE};
use super::subscriptions;
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::page::Cursor;

/// All of the account and region, in order of topic and id.
pub(super) async fn handle(call: Call) -> Answer {
    let cursor = Cursor::new(&call, "ListSubscriptions", "");
    let after = names::position(&call, &cursor)?;
    let topics = catalog::all::<Topic>(call.handle(), &names::key(&call, "")).await?;
    let topics: Vec<Topic> = topics.into_iter().map(|kept| kept.body).collect();
    Ok(page(&call, &topics, (&cursor, after)))
}

/// Those of one topic.
pub(super) async fn by_topic(call: Call) -> Answer {
    let topic = names::existing(&call, "TopicArn").await?;
    let cursor = Cursor::new(&call, "ListSubscriptionsByTopic", &topic.name);
    let after = names::position(&call, &cursor)?;
    Ok(page(&call, &[topic], (&cursor, after)))
}

fn page(call: &Call, topics: &[Topic], (cursor, after): (&Cursor, Option<String>)) -> Reply {
    let now = call.handle().now();
    let alive = |one: &&Subscription| one.pending.as_ref().is_none_or(|p| p.expires > now);
    let all = topics.iter().flat_map(|topic| {
        let alive = topic.subscriptions.values().filter(alive);
        alive.map(move |one| (format!("{}/{}", topic.name, one.id), topic, one))
    });
    let behind = |position: &String| after.as_ref().is_none_or(|after| position > after);
    let found: Vec<_> = all
        .filter(|(position, ..)| behind(position))
        .take(PAGE + 1)
        .collect();
    let shown = found.iter().take(PAGE);
    let listed: Vec<Value> = shown
        .map(|(_, topic, one)| subscriptions::listed(&call.scope, &topic.name, one))
        .collect();
    let mut body = json!({ "Subscriptions": listed });
    if found.len() > PAGE
        && let Some((last, ..)) = found.get(PAGE - 1)
    {
        body["NextToken"] = cursor.token(last).into();
    }
    Reply::ok(body)
}
