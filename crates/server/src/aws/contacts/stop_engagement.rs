//! `StopEngagement`: nothing more is sent; pages that went out can still be answered.

use engine::views::engage::Input;

use super::engagements;
use crate::call::{Answer, Call, Reply};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let reason = call
        .fields()
        .text("Reason", Text::length(0, 255))?
        .map(str::to_owned);
    let engagement = engagements::existing(&call).await?;
    engagements::ask(&call, engagement.id, Input::Stop { reason }).await?;
    Ok(Reply::empty())
}
