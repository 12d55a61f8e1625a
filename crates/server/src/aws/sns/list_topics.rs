//! `ListTopics`.

use model::topic::Topic;
use serde_json::{Value, json};

use super::names::{self, PAGE};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let cursor = Cursor::new(&call, "ListTopics", "");
    let after = names::position(&call, &cursor)?;
    let family = names::key(&call, "");
    let found = catalog::list::<Topic>(call.handle(), &family, after, PAGE + 1).await?;
    let shown = found.iter().take(PAGE);
    let topics: Vec<Value> = shown
        .map(|kept| json!({ "TopicArn": names::arn(&call, &kept.name) }))
        .collect();
    let mut body = json!({ "Topics": topics });
    if found.len() > PAGE
        && let Some(last) = found.get(PAGE - 1)
    {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
