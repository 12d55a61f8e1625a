//! `TagResource`.

use super::{names, tagged};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    if call.fields().raw("Tags").is_none() {
        return Err(ApiError::constraint(
            "tags",
            None,
            "Member must not be null",
        ));
    }
    let more = tagged::read(&call.fields())?
        .into_iter()
        .map(|tag| (tag.key, tag.value))
        .collect();
    tagged::change(&call, |have| {
        tags::merged(have, &more)
            .ok_or_else(|| names::quota("a resource has at most 50 tags: remove some first"))
    })
    .await?;
    Ok(Reply::empty())
}
