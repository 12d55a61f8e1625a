//! `Unsubscribe`: what is not there is no mistake.

use super::subscriptions;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (topic, id) = subscriptions::place(&call)?;
    subscriptions::remove(call.handle(), &call.scope, (&topic, id)).await?;
    Ok(Reply::empty())
}
