//! `TagResource`.

use super::tagged;
use crate::call::{Answer, Call, Reply};
use crate::tags;

pub(super) async fn handle(call: Call) -> Answer {
    let more = tags::read(&call.fields(), "Tags")?;
    tagged::change(&call, |have| {
        tags::merged(have, &more).ok_or_else(tagged::too_many)
    })
    .await?;
    Ok(Reply::empty())
}
