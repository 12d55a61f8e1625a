//! `CreateStateMachine`: what is there already with the same definition is answered again.

use model::state_machine::StateMachine;
use serde_json::{Value, json};

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let wanted = wanted(&call)?;
    let name = wanted.name.as_str();
    let key = machines::key(&call, name);
    let family = machines::key(&call, "");
    let all: Vec<_> =
        catalog::list::<StateMachine>(call.handle(), &family, None, machines::MAX_MACHINES).await?;
    let full = all.len() >= machines::MAX_MACHINES;
    let arn = names::machine_arn(&call, name);
    catalog::edit(
        call.handle(),
        &key,
        |found: Option<StateMachine>| match found {
            Some(found) if same(&found, &wanted) => Ok((Edit::Keep, ())),
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
            None => Ok((Edit::Put(wanted.clone()), ())),
        },
    )
    .await?;
    let kept = machines::existing(&call, name).await?;
    Ok(Reply::ok(
        json!({"stateMachineArn": arn, "creationDate": epoch(kept.created)}),
    ))
}

/// The machine that is asked for.
fn wanted(call: &Call) -> Result<StateMachine, ApiError> {
    let fields = call.fields();
    let name = names::name(&fields)?.ok_or_else(|| fields.missing("name"))?;
    if fields.raw("versionDescription").is_some() && fields.boolean("publish")? != Some(true) {
        return Err(ApiError::validation(
            "Version description can only be set when publish is true",
        ));
    }
    names::refuse(
        &fields,
        &[
            ("publish", names::NO_VERSIONS),
            (
                "encryptionConfiguration",
                "keys of KMS are not used by this server, leave it out",
            ),
        ],
    )?;
    if fields.one_of("type", &["STANDARD", "EXPRESS"])? == Some("EXPRESS") {
        return Err(ApiError::new(
            "StateMachineTypeNotSupported",
            "This server runs STANDARD state machines",
        ));
    }
    let definition = machines::definition(&fields)?.ok_or_else(|| fields.missing("definition"))?;
    Ok(StateMachine {
        name: name.to_owned(),
        definition,
        role_arn: machines::role(&fields)?.ok_or_else(|| fields.missing("roleArn"))?,
        logging: machines::logging(&fields)?,
        tracing: machines::tracing(&fields)?.unwrap_or(false),
        revision: None,
        tags: super::list_tags_for_resource::read(&fields)?,
    })
}

/// Role and tags are not compared; the definition is, as text.
fn same(found: &StateMachine, wanted: &StateMachine) -> bool {
    let level = |machine: &StateMachine| machine.logging.clone().unwrap_or(Value::Null);
    found.definition == wanted.definition
        && found.tracing == wanted.tracing
        && level(found) == level(wanted)
}
