//! `ssm`: documents and automation, AWS JSON 1.1.

mod add_tags_to_resource;
mod attachments;
mod create_document;
mod delete_document;
mod describe_automation_executions;
mod describe_automation_step_executions;
mod describe_document;
mod describe_document_permission;
mod documents;
mod filters;
mod get_automation_execution;
mod get_document;
mod get_execution_preview;
mod list_document_versions;
mod list_documents;
mod list_tags_for_resource;
mod modify_document_permission;
mod names;
mod objects;
mod remove_tags_from_resource;
mod requires;
pub(crate) mod runs;
mod send_automation_signal;
mod start_automation_execution;
mod start_execution_preview;
mod stop_automation_execution;
mod tagged;
mod update_document;
mod update_document_default_version;

pub(crate) use start_automation_execution::read_parameters;

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "ssm",
    words: Words {
        internal: "InternalServerError",
        ..Words::USUAL
    },
    operations: OPERATIONS,
};

const OPERATIONS: &[Operation] = &[
    Operation::new("AddTagsToResource", |call| {
        Box::pin(add_tags_to_resource::handle(call))
    }),
    Operation::new("CreateDocument", |call| {
        Box::pin(create_document::handle(call))
    }),
    Operation::new("DeleteDocument", |call| {
        Box::pin(delete_document::handle(call))
    }),
    Operation::new("DescribeAutomationExecutions", |call| {
        Box::pin(describe_automation_executions::handle(call))
    }),
    Operation::new("DescribeAutomationStepExecutions", |call| {
        Box::pin(describe_automation_step_executions::handle(call))
    }),
    Operation::new("DescribeDocument", |call| {
        Box::pin(describe_document::handle(call))
    }),
    Operation::new("DescribeDocumentPermission", |call| {
        Box::pin(describe_document_permission::handle(call))
    }),
    Operation::new("GetAutomationExecution", |call| {
        Box::pin(get_automation_execution::handle(call))
    }),
    Operation::new("GetDocument", |call| Box::pin(get_document::handle(call))),
    Operation::new("GetExecutionPreview", |call| {
        Box::pin(get_execution_preview::handle(call))
    }),
    Operation::new("ListDocumentVersions", |call| {
        Box::pin(list_document_versions::handle(call))
    }),
    Operation::new("ListDocuments", |call| {
        Box::pin(list_documents::handle(call))
    }),
    Operation::new("ListTagsForResource", |call| {
        Box::pin(list_tags_for_resource::handle(call))
    }),
    Operation::new("ModifyDocumentPermission", |call| {
        Box::pin(modify_document_permission::handle(call))
    }),
    Operation::new("RemoveTagsFromResource", |call| {
        Box::pin(remove_tags_from_resource::handle(call))
    }),
    Operation::new("SendAutomationSignal", |call| {
        Box::pin(send_automation_signal::handle(call))
    }),
    Operation::new("StartAutomationExecution", |call| {
        Box::pin(start_automation_execution::handle(call))
    }),
    Operation::new("StartExecutionPreview", |call| {
        Box::pin(start_execution_preview::handle(call))
    }),
    Operation::new("StopAutomationExecution", |call| {
        Box::pin(stop_automation_execution::handle(call))
    }),
    Operation::new("UpdateDocument", |call| {
        Box::pin(update_document::handle(call))
    }),
    Operation::new("UpdateDocumentDefaultVersion", |call| {
        Box::pin(update_document_default_version::handle(call))
    }),
];
