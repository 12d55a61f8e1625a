//! `ListTagsForResource`, and tags in the service's own form: members `key` and `value`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::Tagged;
use super::{activities, machines, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::Fields;
use crate::error::ApiError;
use crate::tags::{KEY, MAX_TAGS, VALUE};

pub(super) async fn handle(call: Call) -> Answer {
    let tags = match names::tagged(&call)? {
        Tagged::Activity(name) => activities::tags(&call, &name).await?,
        Tagged::Machine(name) => {
            let kept = machines::existing(&call, &name).await;
            kept.map_err(|_| missing(&call, &name))?.body.tags
        }
    };
    let tags: Vec<Value> = tags
        .iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect();
    Ok(Reply::ok(json!({"tags": tags})))
}

/// The exception for a resource with tags that is not there.
pub(super) fn missing(call: &Call, name: &str) -> ApiError {
    let message = format!("Resource not found: '{}'", names::machine_arn(call, name));
    ApiError::new("ResourceNotFound", message)
}

/// The request's `tags`.
pub(super) fn read(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in fields.objects("tags", 0, 1_000)?.unwrap_or_default() {
        let key = tag.required_text("key", KEY)?;
        let value = tag.text("value", VALUE)?.unwrap_or_default();
        tags.insert(key.to_owned(), value.to_owned());
    }
    if tags.len() > MAX_TAGS {
        return Err(too_many());
    }
    Ok(tags)
}

pub(super) fn too_many() -> ApiError {
    ApiError::new(
        "TooManyTags",
        format!("A resource has at most {MAX_TAGS} tags"),
    )
}
