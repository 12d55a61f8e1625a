//! `UntagResource`: `tagKeys` is repeated in the query.

use super::tagged::{self, Change};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let arn = tagged::arn(&call)?;
    let keys: Vec<String> = call.query.all("tagKeys").map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(ApiError::constraint(
            "tagKeys",
            None,
            "Member must not be null",
        ));
    }
    if keys.len() > 50 {
        let shown = format!("[{} elements]", keys.len());
        return Err(ApiError::constraint(
            "tagKeys",
            Some(&shown),
            "Member must have length less than or equal to 50",
        ));
    }
    tagged::change(&call, arn, Change::Remove(keys)).await?;
    Ok(Reply::no_content())
}
