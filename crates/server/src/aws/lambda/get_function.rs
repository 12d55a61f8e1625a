//! `GetFunction` and `GetFunctionConfiguration`.

use model::function::Function;
use serde_json::json;

use super::names::{self, Place};
use super::{code, configuration};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

/// The version that a request means; of an alias the first one.
pub(super) fn version(call: &Call, function: &Function, place: &Place) -> Result<String, ApiError> {
    let found = function.resolve(place.qualifier(), 1.0);
    found.ok_or_else(|| place.missing(call))
}

pub(super) async fn configuration(call: Call) -> Answer {
    let place = names::place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    let version = version(&call, &function, &place)?;
    let qualified = place.qualifier.is_some();
    Ok(Reply::ok(configuration::shown(
        &call, &function, &version, qualified,
    )?))
}

pub(super) async fn handle(call: Call) -> Answer {
    let place = names::place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    let name = version(&call, &function, &place)?;
    let qualified = place.qualifier.is_some();
    let version = function
        .version(&name)
        .ok_or_else(|| place.missing(&call))?;
    let location = code::link(&call, &version.code.digest).await?;
    let mut answer = json!({
        "Configuration": configuration::shown(&call, &function, &name, qualified)?,
        "Code": { "RepositoryType": "S3", "Location": location },
    });
    if !function.tags.is_empty() {
        answer["Tags"] = json!(function.tags);
    }
    if let Some(reserved) = function.reserved {
        answer["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(Reply::ok(answer))
}
