//! `DeactivateContactChannel`.

use model::contact::ContactChannel;

use super::channels;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let (arn, key) = channels::named(&call)?;
    catalog::edit(call.handle(), &key, |found: Option<ContactChannel>| {
        let mut channel = found.ok_or_else(|| channels::missing(&arn))?;
        channel.deactivate();
        Ok((Edit::Put(channel), ()))
    })
    .await?;
    Ok(Reply::empty())
}
