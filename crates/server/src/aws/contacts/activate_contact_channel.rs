//! `ActivateContactChannel`: wrong codes are counted, and after too many a new code is needed.

use model::contact::ContactChannel;

use super::channels;
use super::names::{self, ANY};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let code = call.fields().required_text("ActivationCode", ANY)?;
    let (arn, key) = channels::named(&call)?;
    let now = call.handle().now();
    // The edit itself succeeds with a wrong code too: the count of tries must be kept.
    let outcome = catalog::edit(call.handle(), &key, |found: Option<ContactChannel>| {
        let mut channel = found.ok_or_else(|| channels::missing(&arn))?;
        let before = channel.clone();
        let outcome = channel.activate(code, now);
        let edit = if channel == before {
            Edit::Keep
        } else {
            Edit::Put(channel)
        };
        Ok((edit, outcome))
    })
    .await?;
    outcome.map_err(names::refused)?;
    Ok(Reply::empty())
}
