//! `AddTagsToResource`.

use super::tagged::Tagged;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let more = tags::read(&call.fields(), "Tags")?;
    let resource = Tagged::read(&call)?;
    resource
        .change(&call, |have| {
            let message = "The resource can have at most 50 tags.";
            tags::merged(have.clone(), &more)
                .ok_or_else(|| ApiError::new("TooManyTagsError", message))
        })
        .await?;
    Ok(Reply::empty())
}
