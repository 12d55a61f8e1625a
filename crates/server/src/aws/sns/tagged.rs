//! The tags of a topic, named by ARN.

use std::collections::BTreeMap;

use http::StatusCode;
use model::topic::Topic;

use super::names;
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::error::ApiError;
use crate::tags::MAX_TAGS;

pub(super) type Tags = BTreeMap<String, String>;

/// Replaces the tags of the topic that `ResourceArn` names by what `decide` makes of them, and answers them.
pub(super) async fn change(
    call: &Call,
    decide: impl Fn(Tags) -> Result<Tags, ApiError>,
) -> Result<Tags, ApiError> {
    let name = names::topic(call, "ResourceArn")?;
    catalog::edit(
        call.handle(),
        &names::key(call, &name),
        |found: Option<Topic>| {
            let mut topic = found.ok_or_else(|| {
                ApiError::new("ResourceNotFound", "Resource does not exist")
                    .status(StatusCode::NOT_FOUND)
            })?;
            let tags = decide(topic.tags.clone())?;
            if tags == topic.tags {
                return Ok((Edit::Keep, tags));
            }
            topic.tags.clone_from(&tags);
            Ok((Edit::Put(topic), tags))
        },
    )
    .await
}

/// Too many tags.
pub(super) fn too_many() -> ApiError {
    let message = format!("Could not complete request: a topic has at most {MAX_TAGS} tags");
    ApiError::new("TagLimitExceeded", message)
}
