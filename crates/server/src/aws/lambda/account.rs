//! `GetAccountSettings`: what this server takes, and what it has.

use model::function::Function;
use serde_json::json;

use super::{code, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog;

pub(super) async fn handle(call: Call) -> Answer {
    let shelf = code::shelf(&call.state)?;
    let limits = shelf.limits();
    let used = shelf.bytes().await.map_err(code::refused)?;
    let functions = catalog::all::<Function>(call.handle(), &names::key(&call, "")).await?;
    Ok(Reply::ok(json!({
        "AccountLimit": {
            "TotalCodeSize": limits.overall_bytes,
            "CodeSizeUnzipped": limits.unpacked_bytes,
            "CodeSizeZipped": limits.archive_bytes,
            "ConcurrentExecutions": limits.concurrent,
            "UnreservedConcurrentExecutions": limits.concurrent,
        },
        "AccountUsage": { "TotalCodeSize": used, "FunctionCount": functions.len() },
    })))
}
