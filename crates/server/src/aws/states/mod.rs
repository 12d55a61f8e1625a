//! `states`: Step Functions, AWS JSON 1.0.

mod activities;
mod aliases;
mod create_state_machine;
mod delete_state_machine;
mod describe_execution;
mod describe_state_machine;
mod describe_state_machine_for_execution;
mod encryption;
pub(crate) mod executions;
mod get_execution_history;
mod list_executions;
mod list_state_machines;
mod list_tags_for_resource;
mod logging;
pub(crate) mod machines;
mod map_runs;
mod mocks;
pub(crate) mod names;
mod redrive_execution;
mod send_task;
mod start_execution;
mod stop_execution;
mod tag_resource;
mod test_state;
mod untag_resource;
mod update_state_machine;
mod validate_state_machine_definition;
mod versions;

use crate::aws::{Operation, Service};
use crate::decode::Fields;
use crate::error::ApiError;
use crate::voice::Words;

/// Whether an answer is to hold inputs, outputs and definitions (`includedData`).
fn included(fields: &Fields<'_>) -> Result<bool, ApiError> {
    let kinds = ["ALL_DATA", "METADATA_ONLY"];
    Ok(fields.one_of("includedData", &kinds)? != Some("METADATA_ONLY"))
}

/// Largest body with a definition, which has up to 1 MiB, escaped.
const DEFINITION_LIMIT: usize = 4 * 1024 * 1024;
/// Largest body with an input or a task's output, which has up to 256 KiB, escaped.
const PAYLOAD_LIMIT: usize = 1024 * 1024;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "states",
    words: Words::USUAL,
    operations: OPERATIONS,
};

const OPERATIONS: &[Operation] = &[
    Operation::new("CreateActivity", |call| Box::pin(activities::create(call))),
    Operation::new("CreateStateMachine", |call| {
        Box::pin(create_state_machine::handle(call))
    })
    .body_limit(DEFINITION_LIMIT),
    Operation::new("CreateStateMachineAlias", |call| {
        Box::pin(aliases::create(call))
    }),
    Operation::new("DeleteActivity", |call| Box::pin(activities::delete(call))),
    Operation::new("DeleteStateMachine", |call| {
        Box::pin(delete_state_machine::handle(call))
    }),
    Operation::new("DeleteStateMachineAlias", |call| {
        Box::pin(aliases::delete(call))
    }),
    Operation::new("DeleteStateMachineVersion", |call| {
        Box::pin(versions::delete(call))
    }),
    Operation::new("DescribeActivity", |call| {
        Box::pin(activities::describe(call))
    }),
    Operation::new("DescribeExecution", |call| {
        Box::pin(describe_execution::handle(call))
    }),
    Operation::new("DescribeMapRun", |call| Box::pin(map_runs::describe(call))),
    Operation::new("DescribeStateMachine", |call| {
        Box::pin(describe_state_machine::handle(call))
    }),
    Operation::new("DescribeStateMachineAlias", |call| {
        Box::pin(aliases::describe(call))
    }),
    Operation::new("DescribeStateMachineForExecution", |call| {
        Box::pin(describe_state_machine_for_execution::handle(call))
    }),
    Operation::new("GetActivityTask", |call| Box::pin(activities::take(call))),
    Operation::new("GetExecutionHistory", |call| {
        Box::pin(get_execution_history::handle(call))
    }),
    Operation::new("ListActivities", |call| Box::pin(activities::list(call))),
    Operation::new("ListExecutions", |call| {
        Box::pin(list_executions::handle(call))
    }),
    Operation::new("ListMapRuns", |call| Box::pin(map_runs::list(call))),
    Operation::new("ListStateMachineAliases", |call| {
        Box::pin(aliases::list(call))
    }),
    Operation::new("ListStateMachineVersions", |call| {
        Box::pin(versions::list(call))
    }),
    Operation::new("ListStateMachines", |call| {
        Box::pin(list_state_machines::handle(call))
    }),
    Operation::new("ListTagsForResource", |call| {
        Box::pin(list_tags_for_resource::handle(call))
    }),
    Operation::new("PublishStateMachineVersion", |call| {
        Box::pin(versions::create(call))
    }),
    Operation::new("RedriveExecution", |call| {
        Box::pin(redrive_execution::handle(call))
    }),
    Operation::new("SendTaskFailure", |call| Box::pin(send_task::failure(call)))
        .body_limit(PAYLOAD_LIMIT),
    Operation::new("SendTaskHeartbeat", |call| {
        Box::pin(send_task::heartbeat(call))
    }),
    Operation::new("SendTaskSuccess", |call| Box::pin(send_task::success(call)))
        .body_limit(PAYLOAD_LIMIT),
    Operation::new("StartExecution", |call| {
        Box::pin(start_execution::handle(call))
    })
    .body_limit(PAYLOAD_LIMIT),
    Operation::new("StartSyncExecution", |call| {
        Box::pin(start_execution::sync(call))
    })
    .body_limit(PAYLOAD_LIMIT),
    Operation::new("StopExecution", |call| {
        Box::pin(stop_execution::handle(call))
    }),
    Operation::new("TagResource", |call| Box::pin(tag_resource::handle(call))),
    Operation::new("TestState", |call| Box::pin(test_state::handle(call)))
        .body_limit(DEFINITION_LIMIT),
    Operation::new("UntagResource", |call| {
        Box::pin(untag_resource::handle(call))
    }),
    Operation::new("UpdateMapRun", |call| Box::pin(map_runs::update(call))),
    Operation::new("UpdateStateMachine", |call| {
        Box::pin(update_state_machine::handle(call))
    })
    .body_limit(DEFINITION_LIMIT),
    Operation::new("UpdateStateMachineAlias", |call| {
        Box::pin(aliases::update(call))
    }),
    Operation::new("ValidateStateMachineDefinition", |call| {
        Box::pin(validate_state_machine_definition::handle(call))
    })
    .body_limit(DEFINITION_LIMIT),
];
