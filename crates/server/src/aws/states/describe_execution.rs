//! `DescribeExecution`.

use super::executions;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (_, execution) = executions::existing(&call).await?;
    Ok(Reply::ok(executions::described(&execution)))
}
