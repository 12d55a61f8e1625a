//! `GetTopicAttributes`.

use serde_json::json;

use super::{attributes, names};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let topic = names::existing(&call, "TopicArn").await?;
    let arn = names::arn(&call, &topic.name);
    let shown = attributes::show(&topic, &arn, &call.scope.account);
    Ok(Reply::ok(json!({ "Attributes": shown })))
}
