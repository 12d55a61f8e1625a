//! `UntagResource`.

use model::state_machine::StateMachine;

use super::list_tags_for_resource::missing;
use super::names::Tagged;
use super::{activities, machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let keys = tags::read_keys(&call.fields(), "tagKeys")?;
    let name = match names::tagged(&call)? {
        Tagged::Machine(name) => name,
        Tagged::Activity(name) => {
            let have = activities::tags(&call, &name).await?;
            activities::tag(&call, &name, tags::without(have, &keys)).await?;
            return Ok(Reply::empty());
        }
    };
    let key = machines::key(&call, &name);
    catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let mut machine = found.ok_or_else(|| missing(&call, &name))?;
        machine.tags = tags::without(machine.tags, &keys);
        Ok((Edit::Put(machine), ()))
    })
    .await?;
    Ok(Reply::empty())
}
