//! `TagResource`.

use super::names;
use super::tagged::Tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let more = tags::read(&call.fields(), "Tags")?;
    let resource = Tagged::read(&call)?;
    resource
        .change(&call, |have| {
            tags::merged(have.clone(), &more)
                .ok_or_else(|| names::limit_exceeded("50 tags on one resource"))
        })
        .await?;
    Ok(Reply::empty())
}
