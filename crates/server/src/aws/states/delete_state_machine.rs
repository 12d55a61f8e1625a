//! `DeleteStateMachine`: what runs goes on to its end; what is not there is deleted already.

use model::state_machine::StateMachine;

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::machine(&call, "stateMachineArn")?;
    let key = machines::key(&call, &name);
    catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        Ok((found.map_or(Edit::Keep, |_| Edit::Delete), ()))
    })
    .await?;
    Ok(Reply::empty())
}
