//! `DeleteTopic`: with all its subscriptions; a topic that is not there is no mistake.

use model::topic::Topic;

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::topic(&call, "TopicArn")?;
    catalog::edit(
        call.handle(),
        &names::key(&call, &name),
        |_: Option<Topic>| Ok((Edit::<Topic>::Delete, ())),
    )
    .await?;
    Ok(Reply::empty())
}
