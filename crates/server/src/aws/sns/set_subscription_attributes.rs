//! `SetSubscriptionAttributes`.

use model::topic::Topic;

use super::{names, subscriptions};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let (name, id) = subscriptions::place(&call)?;
    let attribute = names::required(&call, "AttributeName")?;
    let value = names::text(&call, "AttributeValue")?.unwrap_or_default();
    catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |found: Option<Topic>| {
            let missing = || names::not_found("Subscription");
            let mut topic = found.ok_or_else(missing)?;
            let one = topic.subscriptions.get_mut(&id).ok_or_else(missing)?;
            subscriptions::set(one, attribute, value)?;
            let one = one.clone();
            subscriptions::check(&topic, &one)?;
            Ok((Edit::Put(topic), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}
