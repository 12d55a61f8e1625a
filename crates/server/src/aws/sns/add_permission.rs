//! `AddPermission`: a statement more in the topic's policy.

use model::topic::Topic;

use super::{names, policies};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::topic(&call, "TopicArn")?;
    let label = names::required(&call, "Label")?;
    let words = |member: &str| fields.required_texts(member, (1, 20), Text::length(1, 64));
    let (accounts, actions) = (words("AWSAccountId")?, words("ActionName")?);
    let arn = names::arn(&call, &name);
    catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |found: Option<Topic>| {
            let mut topic = found.ok_or_else(|| names::not_found("Topic"))?;
            let now = policies::current(topic.policy.as_deref(), &arn, &call.scope.account);
            let policy = policies::with(&now, label, (&accounts, &actions), &arn)?.to_string();
            policies::check("Label", &policy)?;
            topic.policy = Some(policy);
            Ok((Edit::Put(topic), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}
