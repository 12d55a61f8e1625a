//! `SetTopicAttributes`.

use model::topic::Topic;

use super::{attributes, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::topic(&call, "TopicArn")?;
    let attribute = names::required(&call, "AttributeName")?;
    let value = names::text(&call, "AttributeValue")?.unwrap_or_default();
    catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |found: Option<Topic>| {
            let mut topic = found.ok_or_else(|| names::not_found("Topic"))?;
            attributes::set(&mut topic, attribute, value)?;
            Ok((Edit::Put(topic), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}
