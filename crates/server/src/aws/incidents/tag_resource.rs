//! `TagResource`: the ARN is one percent-encoded segment of the path.

use super::tagged::{self, Change};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let arn = tagged::arn(&call)?;
    if call.fields().raw("tags").is_none() {
        return Err(ApiError::constraint(
            "tags",
            None,
            "Member must not be null",
        ));
    }
    let tags = tagged::read(&call, "tags")?;
    tagged::change(&call, arn, Change::Set(tags)).await?;
    Ok(Reply::empty())
}
