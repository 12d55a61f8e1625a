//! `UpdateStateMachine`: executions that run go on with the definition they began with.

use model::state_machine::StateMachine;
use serde_json::json;

use super::create_state_machine::settled;
use super::{encryption, logging, machines, names, versions};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::machine(&call, "stateMachineArn")?;
    let publishing = versions::read(&fields)?;
    let encryption = encryption::read(&fields)?;
    let express = machines::existing(&call, &name).await?.body.express;
    let definition = machines::definition(&fields, express)?;
    let role = machines::role(&fields)?;
    let logging = logging::read(&fields)?;
    let tracing = machines::tracing(&fields)?;
    let given = [role.is_some(), logging.is_some(), tracing.is_some()];
    if definition.is_none() && !encryption && !given.contains(&true) {
        return Err(ApiError::new(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
        ));
    }
    let revision = call.handle().new_id();
    let arn = names::machine_arn(&call, &name);
    let key = machines::key(&call, &name);
    let at = call.handle().now();
    let edit = |found: Option<StateMachine>| {
        let found = found
            .filter(|found| found.express == express)
            .ok_or_else(|| names::no_machine(&arn))?;
        machines::refuse_deleted(&call, &found)?;
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
        machine.encryption |= encryption;
        let unchanged = machine == found;
        if !unchanged {
            machine.revision = Some(revision);
            machine.updated = Some(at);
            machine.published = None;
        }
        let held = machine.revision;
        let (edit, changes, number) = settled(&call, machine, (unchanged, &publishing))?;
        Ok((edit, changes, (held, number)))
    };
    let (held, number) = catalog::edit_with(call.handle(), &key, edit).await?;
    let kept = machines::existing(&call, &name).await?;
    let mut body = json!({"updateDate": epoch(kept.updated)});
    if let Some(revision) = held {
        body["revisionId"] = revision.to_string().into();
    }
    if let Some(number) = number {
        body["stateMachineVersionArn"] = names::version_arn(&call, &name, number).into();
    }
    Ok(Reply::ok(body))
}
