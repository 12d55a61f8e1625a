//! `UpdateStateMachine`: executions that run go on with the definition they began with.

use model::state_machine::StateMachine;
use serde_json::json;

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::machine(&call, "stateMachineArn")?;
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
    let definition = machines::definition(&fields)?;
    let role = machines::role(&fields)?;
    let logging = machines::logging(&fields)?;
    let tracing = machines::tracing(&fields)?;
    if definition.is_none() && role.is_none() && logging.is_none() && tracing.is_none() {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ));
    }
    let revision = call.handle().new_id();
    let arn = names::machine_arn(&call, &name);
    let key = machines::key(&call, &name);
    let changed = catalog::edit(call.handle(), &key, |found: Option<StateMachine>| {
        let found = found.ok_or_else(|| names::no_machine(&arn))?;
        let mut machine = found.clone();
        if let Some(definition) = &definition {
            machine.definition.clone_from(definition);
        }
        if let Some(role) = &role {
            machine.role_arn.clone_from(role);
        }
        if let Some(logging) = &logging {
            machine.logging = Some(logging.clone());
        }
        machine.tracing = tracing.unwrap_or(machine.tracing);
        if machine == found {
            return Ok((Edit::Keep, found.revision));
        }
        machine.revision = Some(revision);
        Ok((Edit::Put(machine), Some(revision)))
    })
    .await?;
    let kept = machines::existing(&call, &name).await?;
    let mut body = json!({"updateDate": epoch(kept.updated)});
    if let Some(revision) = changed {
        body["revisionId"] = revision.to_string().into();
    }
    Ok(Reply::ok(body))
}
