//! `TagResource`.

use model::state_machine::StateMachine;

use super::list_tags_for_resource::{missing, read, too_many};
use super::names::Tagged;
use super::{activities, machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let more = read(&call.fields())?;
    let name = match names::tagged(&call)? {
        Tagged::Machine(name) => name,
        Tagged::Activity(name) => {
            let held = activities::tags(&call, &name).await?;
            let tags = tags::merged(held, &more).ok_or_else(too_many)?;
            activities::tag(&call, &name, tags).await?;
            return Ok(Reply::empty());
        }
    };
    let key = machines::key(&call, &name);
    catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let mut machine = found.ok_or_else(|| missing(&call, &name))?;
        machine.tags = tags::merged(machine.tags, &more).ok_or_else(too_many)?;
        Ok((Edit::Put(machine), ()))
    })
    .await?;
    Ok(Reply::empty())
}
