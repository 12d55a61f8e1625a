//! `DescribeReplay`.

use super::replays::{self, REPLAY_NAME};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("ReplayName", REPLAY_NAME)?;
    let replay = replays::existing(&call, name).await?;
    Ok(Reply::ok(replays::view(&call, &replay)))
}
