//! `UntagResource`.

use super::tagged::{self, Change};
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let arn = tagged::arn(&call)?;
    let keys = call
        .fields()
        .required_texts("tagKeys", (1, 50), Text::length(0, usize::MAX))?;
    let keys = keys.into_iter().map(str::to_owned).collect();
    tagged::change(&call, arn, Change::Remove(keys)).await?;
    Ok(Reply::empty())
}
