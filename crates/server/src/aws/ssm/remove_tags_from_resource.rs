//! `RemoveTagsFromResource`.

use super::tagged::Tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let keys = tags::read_keys(&call.fields(), "TagKeys")?;
    let resource = Tagged::read(&call)?;
    resource
        .change(&call, |have| Ok(tags::without(have.clone(), &keys)))
        .await?;
    Ok(Reply::empty())
}
