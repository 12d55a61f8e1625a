//! `ListTagsForResource`.

use serde_json::json;

use super::tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let tags = tagged::change(&call, Ok).await?;
    Ok(Reply::ok(json!({ "Tags": tags::write(&tags) })))
}
