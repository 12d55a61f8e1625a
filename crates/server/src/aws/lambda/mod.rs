//! `lambda`: functions of this server, the rest-json protocol.
//!
//! Python code in zip archives. Layers, images, networks of the account, code signing, provisioned concurrency, function
//! addresses and event source mappings are not served: their operations are absent, their members refused.

mod account;
mod aliases;
mod code;
mod concurrency;
mod configuration;
mod create_function;
mod delete_function;
mod event_invoke;
mod get_function;
mod invoke;
mod list_functions;
mod names;
mod permissions;
mod settings;
mod tagged;
mod update_function;
mod versions;

pub(crate) use code::routes;

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// An archive of 50 MB in base64, with the configuration beside it; the archive itself is measured when it is read.
const CODE_BODY: usize = 70 * 1024 * 1024;
/// A payload of 6 MB; the payload itself is measured when it is read.
const PAYLOAD_BODY: usize = 6 * 1024 * 1024 + 64 * 1024;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "lambda",
    words: Words {
        malformed: "InvalidRequestContentException",
        internal: "ServiceException",
        fields: false,
    },
    operations: OPERATIONS,
};

const OPERATIONS: &[Operation] = &[
    Operation::new("AddPermission", |call| Box::pin(permissions::add(call))),
    Operation::new("CreateAlias", |call| Box::pin(aliases::create(call))),
    Operation::new("CreateFunction", |call| {
        Box::pin(create_function::handle(call))
    })
    .body_limit(CODE_BODY),
    Operation::new("DeleteAlias", |call| Box::pin(aliases::delete(call))),
    Operation::new("DeleteFunction", |call| {
        Box::pin(delete_function::handle(call))
    }),
    Operation::new("DeleteFunctionConcurrency", |call| {
        Box::pin(concurrency::delete(call))
    }),
    Operation::new("DeleteFunctionEventInvokeConfig", |call| {
        Box::pin(event_invoke::delete(call))
    }),
    Operation::new("GetAccountSettings", |call| Box::pin(account::handle(call))),
    Operation::new("GetAlias", |call| Box::pin(aliases::get(call))),
    Operation::new("GetFunction", |call| Box::pin(get_function::handle(call))),
    Operation::new("GetFunctionConcurrency", |call| {
        Box::pin(concurrency::get(call))
    }),
    Operation::new("GetFunctionConfiguration", |call| {
        Box::pin(get_function::configuration(call))
    }),
    Operation::new("GetFunctionEventInvokeConfig", |call| {
        Box::pin(event_invoke::get(call))
    }),
    Operation::new("GetPolicy", |call| Box::pin(permissions::get(call))),
    Operation::new("Invoke", |call| Box::pin(invoke::handle(call))).body_limit(PAYLOAD_BODY),
    Operation::new("ListAliases", |call| Box::pin(aliases::list(call))),
    Operation::new("ListFunctionEventInvokeConfigs", |call| {
        Box::pin(event_invoke::list(call))
    }),
    Operation::new("ListFunctions", |call| {
        Box::pin(list_functions::handle(call))
    }),
    Operation::new("ListTags", |call| Box::pin(tagged::list(call))),
    Operation::new("ListVersionsByFunction", |call| {
        Box::pin(versions::list(call))
    }),
    Operation::new("PublishVersion", |call| Box::pin(versions::publish(call))),
    Operation::new("PutFunctionConcurrency", |call| {
        Box::pin(concurrency::put(call))
    }),
    Operation::new("PutFunctionEventInvokeConfig", |call| {
        Box::pin(event_invoke::put(call))
    }),
    Operation::new("RemovePermission", |call| {
        Box::pin(permissions::remove(call))
    }),
    Operation::new("TagResource", |call| Box::pin(tagged::tag(call))),
    Operation::new("UntagResource", |call| Box::pin(tagged::untag(call))),
    Operation::new("UpdateAlias", |call| Box::pin(aliases::update(call))),
    Operation::new("UpdateFunctionCode", |call| {
        Box::pin(update_function::code(call))
    })
    .body_limit(CODE_BODY),
    Operation::new("UpdateFunctionConfiguration", |call| {
        Box::pin(update_function::configuration(call))
    }),
    Operation::new("UpdateFunctionEventInvokeConfig", |call| {
        Box::pin(event_invoke::update(call))
    }),
];
