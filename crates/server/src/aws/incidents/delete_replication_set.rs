//! `DeleteReplicationSet`: deletes all that Incident Manager keeps for the account.

use super::{names, purge};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "arn", names::ARN)?;
    purge::delete_set(&call, arn).await?;
    Ok(Reply::empty())
}
