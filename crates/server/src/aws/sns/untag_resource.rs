//! `UntagResource`.

use super::tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let keys = tags::read_keys(&call.fields(), "TagKeys")?;
    tagged::change(&call, |mut have| {
        have.retain(|key, _| !keys.contains(key));
        Ok(have)
    })
    .await?;
    Ok(Reply::empty())
}
