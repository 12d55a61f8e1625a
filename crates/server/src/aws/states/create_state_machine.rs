//! `CreateStateMachine`: what is there already with the same definition is answered again.

use std::collections::{BTreeMap, BTreeSet};

use model::state_machine::StateMachine;
use serde_json::json;

use super::versions::{self, Publishing};
use super::{encryption, logging, machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let publishing = versions::read(&call.fields())?;
    let wanted = wanted(&call)?;
    let name = wanted.name.as_str();
    let key = machines::key(&call, name);
    let family = machines::key(&call, "");
    let all: Vec<_> =
        catalog::list::<StateMachine>(call.handle(), &family, None, machines::MAX_MACHINES).await?;
    let full = all.len() >= machines::MAX_MACHINES;
    let arn = names::machine_arn(&call, name);
    let published =
        catalog::edit_with(
            call.handle(),
            &key,
            |found: Option<StateMachine>| match found {
                Some(found) if found.deleting => Err(names::machine_deleting(&arn)),
                Some(found) if same(&found, &wanted) => settled(&call, found, (true, &publishing)),
                Some(_) => Err(ApiError::new(
                    "StateMachineAlreadyExists",
                    format!("State Machine Already Exists: '{arn}'"),
                )),
                None if full => Err(ApiError::new(
                    "StateMachineLimitExceeded",
                    format!(
                        "State Machine Limit Exceeded: at most {}",
                        machines::MAX_MACHINES
                    ),
                )),
                None => settled(&call, wanted.clone(), (false, &publishing)),
            },
        )
        .await?;
    let kept = machines::existing(&call, name).await?;
    let mut body = json!({"stateMachineArn": arn, "creationDate": epoch(kept.created)});
    if let Some(number) = published {
        body["stateMachineVersionArn"] = names::version_arn(&call, name, number).into();
    }
    Ok(Reply::ok(body))
}

/// A change of a machine with what goes along with it, and the version that holds it.
pub(super) type Settled = (Edit<StateMachine>, Vec<engine::ResourceChange>, Option<u32>);

/// What is written of a machine: itself unless it is there `unchanged`, and a version where one is asked for.
pub(super) fn settled(
    call: &Call,
    mut machine: StateMachine,
    (unchanged, publishing): (bool, &Publishing),
) -> Result<Settled, ApiError> {
    let (number, change) = if publishing.asked {
        let (number, change) =
            versions::publish(call, &mut machine, publishing.description.clone())?;
        (Some(number), change)
    } else {
        (None, None)
    };
    let edit = if unchanged && change.is_none() {
        Edit::Keep
    } else {
        Edit::Put(machine)
    };
    Ok((edit, change.into_iter().collect(), number))
}

/// The machine that is asked for.
fn wanted(call: &Call) -> Result<StateMachine, ApiError> {
    let fields = call.fields();
    let name = names::name(&fields)?.ok_or_else(|| fields.missing("name"))?;
    let express = fields.one_of("type", &["STANDARD", "EXPRESS"])? == Some("EXPRESS");
    let definition =
        machines::definition(&fields, express)?.ok_or_else(|| fields.missing("definition"))?;
    Ok(StateMachine {
        name: name.to_owned(),
        definition,
        role_arn: machines::role(&fields)?.ok_or_else(|| fields.missing("roleArn"))?,
        logging: logging::read(&fields)?,
        tracing: machines::tracing(&fields)?.unwrap_or(false),
        updated: None,
        revision: None,
        tags: super::list_tags_for_resource::read(&fields)?,
        express,
        last_version: 0,
        versions: BTreeSet::new(),
        published: None,
        aliases: BTreeMap::new(),
        encryption: encryption::read(&fields)?,
        deleting: false,
    })
}

/// Role and tags are not compared; the definition is, as text.
fn same(found: &StateMachine, wanted: &StateMachine) -> bool {
    let level = |machine: &StateMachine| machine.logging.clone().unwrap_or_else(logging::off);
    found.definition == wanted.definition
        && found.express == wanted.express
        && found.tracing == wanted.tracing
        && level(found) == level(wanted)
}
