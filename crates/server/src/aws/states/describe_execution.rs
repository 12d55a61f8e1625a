//! `DescribeExecution`.

use super::{executions, included};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (_, execution) = executions::existing(&call).await?;
    let with_data = included(&call.fields())?;
    let reason = executions::not_redrivable(&call, &execution).await?;
    Ok(Reply::ok(executions::described(
        &execution, with_data, reason,
    )))
}
