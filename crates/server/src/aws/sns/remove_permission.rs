//! `RemovePermission`: a statement less in the topic's policy.

use model::topic::Topic;

use super::{names, policies};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::topic(&call, "TopicArn")?;
    let label = names::required(&call, "Label")?;
    let arn = names::arn(&call, &name);
    catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |found: Option<Topic>| {
            let mut topic = found.ok_or_else(|| names::not_found("Topic"))?;
            let now = policies::current(topic.policy.as_deref(), &arn, &call.scope.account);
            topic.policy = Some(policies::without(&now, label).to_string());
            Ok((Edit::Put(topic), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}
