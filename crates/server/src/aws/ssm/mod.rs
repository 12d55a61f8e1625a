//! `ssm`: documents and automation, AWS JSON 1.1.

mod add_tags_to_resource;
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
mod list_document_versions;
mod list_documents;
mod list_tags_for_resource;
mod modify_document_permission;
mod names;
mod remove_tags_from_resource;
pub(crate) mod runs;
mod send_automation_signal;
mod start_automation_execution;
mod stop_automation_execution;
mod tagged;
mod update_document;
mod update_document_default_version;

use crate::aws::{JsonOperation, Operations, Service};
use crate::dialect;

/// The service.
pub(crate) const SERVICE: Service = Service {
    signing_name: "ssm",
    dialect: dialect::SSM,
    operations: Operations::Json {
        prefix: "AmazonSSM",
        table: OPERATIONS,
    },
};

const OPERATIONS: &[JsonOperation] = &[
    JsonOperation::new("AddTagsToResource", |call| {
        Box::pin(add_tags_to_resource::handle(call))
    }),
    JsonOperation::new("CreateDocument", |call| {
        Box::pin(create_document::handle(call))
    }),
    JsonOperation::new("DeleteDocument", |call| {
        Box::pin(delete_document::handle(call))
    }),
    JsonOperation::new("DescribeAutomationExecutions", |call| {
        Box::pin(describe_automation_executions::handle(call))
    }),
    JsonOperation::new("DescribeAutomationStepExecutions", |call| {
        Box::pin(describe_automation_step_executions::handle(call))
    }),
    JsonOperation::new("DescribeDocument", |call| {
        Box::pin(describe_document::handle(call))
    }),
    JsonOperation::new("DescribeDocumentPermission", |call| {
        Box::pin(describe_document_permission::handle(call))
    }),
    JsonOperation::new("GetAutomationExecution", |call| {
        Box::pin(get_automation_execution::handle(call))
    }),
    JsonOperation::new("GetDocument", |call| Box::pin(get_document::handle(call))),
    JsonOperation::new("ListDocumentVersions", |call| {
        Box::pin(list_document_versions::handle(call))
    }),
    JsonOperation::new("ListDocuments", |call| {
        Box::pin(list_documents::handle(call))
    }),
    JsonOperation::new("ListTagsForResource", |call| {
        Box::pin(list_tags_for_resource::handle(call))
    }),
    JsonOperation::new("ModifyDocumentPermission", |call| {
        Box::pin(modify_document_permission::handle(call))
    }),
    JsonOperation::new("RemoveTagsFromResource", |call| {
        Box::pin(remove_tags_from_resource::handle(call))
    }),
    JsonOperation::new("SendAutomationSignal", |call| {
        Box::pin(send_automation_signal::handle(call))
    }),
    JsonOperation::new("StartAutomationExecution", |call| {
        Box::pin(start_automation_execution::handle(call))
    }),
    JsonOperation::new("StopAutomationExecution", |call| {
        Box::pin(stop_automation_execution::handle(call))
    }),
    JsonOperation::new("UpdateDocument", |call| {
        Box::pin(update_document::handle(call))
    }),
    JsonOperation::new("UpdateDocumentDefaultVersion", |call| {
        Box::pin(update_document_default_version::handle(call))
    }),
];
