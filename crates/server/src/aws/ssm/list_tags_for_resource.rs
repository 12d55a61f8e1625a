//! `ListTagsForResource`.

use serde_json::json;

use super::tagged::Tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let found = Tagged::read(&call)?.tags(&call).await?;
    Ok(Reply::ok(json!({ "TagList": tags::write(&found) })))
}
