//! `ListTagsForResource`.

use serde_json::json;

use super::tagged;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = tagged::arn(&call)?;
    let tags = tagged::tags(&call, arn).await?;
    Ok(Reply::ok(json!({ "tags": tags })))
}
