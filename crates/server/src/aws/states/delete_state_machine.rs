//! `DeleteStateMachine`: its versions and aliases go with it. What runs goes on to its end; what is not there is deleted
//! already.

use model::resource::Expect;
use model::state_machine::StateMachine;

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::machine(&call, "stateMachineArn")?;
    let key = machines::key(&call, &name);
    catalog::edit_with(call.handle(), &key, |found: Option<StateMachine>| {
        let Some(found) = found else {
            return Ok((Edit::Keep, Vec::new(), ()));
        };
        let versions = found
            .versions
            .iter()
            .map(|number| {
                let version = machines::version_key(&call, &name, *number);
                catalog::change(&version, Expect::Any, None)
            })
            .collect();
        Ok((Edit::Delete, versions, ()))
    })
    .await?;
    Ok(Reply::empty())
}
