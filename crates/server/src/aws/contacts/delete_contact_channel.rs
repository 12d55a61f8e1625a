//! `DeleteContactChannel`: plans that name it keep its ARN and pass over it when they run.

use model::contact::ContactChannel;

use super::channels;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let (arn, key) = channels::named(&call)?;
    catalog::edit(call.handle(), &key, |found: Option<ContactChannel>| {
        found
            .map(|_| (Edit::Delete, ()))
            .ok_or_else(|| channels::missing(&arn))
    })
    .await?;
    Ok(Reply::empty())
}
