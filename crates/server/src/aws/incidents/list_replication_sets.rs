//! `ListReplicationSets`: none or one.

use serde_json::json;

use super::account;
use super::names;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    names::usual_page(&call, "ListReplicationSets", "")?;
    let arns: Vec<String> = account::current(&call)
        .await?
        .into_iter()
        .map(|set| set.arn)
        .collect();
    Ok(Reply::ok(json!({ "replicationSetArns": arns })))
}
