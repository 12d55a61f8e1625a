//! `GetReplicationSet`.

use serde_json::json;

use super::{account, names};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "arn", names::ARN)?;
    let set = account::named(&call, arn).await?;
    Ok(Reply::ok(json!({ "replicationSet": account::view(&set)? })))
}
