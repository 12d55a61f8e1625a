//! `DeleteStateMachine`: its versions and aliases go with it at once; the machine itself stays, in status `DELETING`, until
//! none of its executions runs. What is not there is deleted already.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::resource::Expect;
use model::state_machine::StateMachine;

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

/// How long the caller waits for the machine to be gone, so that most find it gone.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::machine(&call, "stateMachineArn")?;
    let key = machines::key(&call, &name);
    let edit = |found: Option<StateMachine>| {
        let Some(found) = found.filter(|found| !found.deleting) else {
            return Ok((Edit::Keep, Vec::new(), false));
        };
        let versions = found.versions.iter().map(|number| {
            let version = machines::version_key(&call, &name, *number);
            catalog::change(&version, Expect::Any, None)
        });
        let versions = versions.collect();
        // Nobody knows the executions of an Express machine: they last five minutes at most.
        if found.express {
            return Ok((Edit::Delete, versions, false));
        }
        let deleted = StateMachine {
            versions: BTreeSet::new(),
            published: None,
            aliases: BTreeMap::new(),
            deleting: true,
            ..found
        };
        Ok((Edit::Put(deleted), versions, true))
    };
    if catalog::edit_with(call.handle(), &key, edit).await? {
        let removal = call.handle().remove_machine(&call.scope, &name, PATIENCE);
        removal.await;
    }
    Ok(Reply::empty())
}
