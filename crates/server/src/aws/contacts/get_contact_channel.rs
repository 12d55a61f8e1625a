//! `GetContactChannel`.

use super::channels;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let channel = channels::existing(&call).await?;
    Ok(Reply::ok(channels::view(&channel)))
}
