//! `GetSubscriptionAttributes`.

use model::topic::subscription_arn;
use serde_json::json;

use super::{names, subscriptions};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (topic, one) = subscriptions::existing(&call).await?;
    let topic_arn = names::arn(&call, &topic.name);
    let arn = subscription_arn(&topic_arn, one.id);
    let shown = subscriptions::show(&topic, &one, (&topic_arn, &arn), &call.scope.account);
    Ok(Reply::ok(json!({ "Attributes": shown })))
}
