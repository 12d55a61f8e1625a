//! `DescribeStateMachine`.

use serde_json::Value;

use super::{machines, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::machine(&call, "stateMachineArn")?;
    let kept = machines::existing(&call, &name).await?;
    let mut body = machines::described(&call, &kept.body);
    body.insert("status".to_owned(), "ACTIVE".into());
    body.insert("type".to_owned(), "STANDARD".into());
    body.insert("creationDate".to_owned(), epoch(kept.created));
    Ok(Reply::ok(Value::Object(body)))
}
