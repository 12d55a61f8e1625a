//! What Quell does not have: partner event sources and global endpoints. Questions for them are answered truly (there
//! are none), and making one is refused.

use serde_json::json;

use crate::call::{Answer, Call, Reply};
use crate::decode::Text;
use crate::error::ApiError;

const NAME: Text = Text::length(1, 256);

/// Partner event sources, in every form.
pub(super) async fn partner(_: Call) -> Answer {
    Err(ApiError::new(
        "OperationDisabledException",
        "Quell has no partner event sources. Events of other products come in by PutEvents, or by a source of Quell's own.",
    ))
}

/// `CreateEndpoint`.
pub(super) async fn create_endpoint(_: Call) -> Answer {
    Err(ApiError::new(
        "OperationDisabledException",
        "Quell has no global endpoints: it runs in one place, and PutEvents goes to its own address.",
    ))
}

/// `DescribeEndpoint`, `UpdateEndpoint`, `DeleteEndpoint`.
pub(super) async fn named_endpoint(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    Err(ApiError::not_found(format!(
        "Endpoint {} does not exist.",
        crate::error::echo(name)
    )))
}

/// `ListEndpoints`.
pub(super) async fn list_endpoints(_: Call) -> Answer {
    Ok(Reply::ok(json!({ "Endpoints": [] })))
}
