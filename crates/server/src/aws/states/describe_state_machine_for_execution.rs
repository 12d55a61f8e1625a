//! `DescribeStateMachineForExecution`: the definition that an execution runs, whatever the machine's is now.

use serde_json::{Value, json};

use super::{executions, logging, machines};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;

pub(super) async fn handle(call: Call) -> Answer {
    let (_, execution) = executions::existing(&call).await?;
    let start = execution.start();
    let mut body = json!({
        "stateMachineArn": start.machine_arn,
        "name": start.machine_name,
        "definition": start.definition,
        "roleArn": start.role_arn,
        "updateDate": epoch(start.updated.unwrap_or(execution.times().0)),
        "loggingConfiguration": logging::shown(start.logging.as_ref()),
        "tracingConfiguration": {"enabled": start.tracing},
    });
    if let Some(read) = machines::variable_references(&start.definition, start.express) {
        body["variableReferences"] = read;
    }
    if let Some(member) = start.member() {
        body["mapRunArn"] = member.map_run_arn().into();
        body["label"] = member.label().into();
    }
    if let Some(revision) = &start.revision {
        body["revisionId"] = Value::String(revision.clone());
    }
    Ok(Reply::ok(body))
}
