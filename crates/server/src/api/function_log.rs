//! `GET /api/v1/functions/{name}/log?bytes=`: the end of what a function of this server has said.

use model::function::is_name;
use serde_json::json;

use super::runs::number;
use crate::call::{Answer, Call, Reply};
use crate::error::{ApiError, echo};

/// Bytes that are told where nothing is said, and most of them.
const USUAL: u64 = 64 * 1024;
const MOST: u64 = 1024 * 1024;

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.segment(0);
    let missing = || ApiError::not_found(format!("there is no log of a function `{}`", echo(name)));
    let bytes = number(&call, "bytes", 1, MOST)?;
    let functions = call.state.config().functions.as_ref().ok_or_else(missing)?;
    if !is_name(name) {
        return Err(missing());
    }
    let invoker = &functions.invoker;
    let read = invoker.log(call.scope.clone(), name.to_owned(), bytes.unwrap_or(USUAL));
    let read = read.await;
    let read = read.map_err(|error| ApiError::internal(error.to_string()))?;
    let text = read.ok_or_else(missing)?;
    Ok(Reply::ok(
        json!({ "function": name, "log": String::from_utf8_lossy(&text) }),
    ))
}
