//! `UntagResource`: a key that is not there is already removed.

use super::tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let keys = tags::read_keys(&call.fields(), "TagKeys")?;
    tagged::change(&call, |have| Ok(tags::without(have, &keys))).await?;
    Ok(Reply::empty())
}
