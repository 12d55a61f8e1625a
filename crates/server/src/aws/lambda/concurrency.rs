//! How many invocations of a function may run at once: `PutFunctionConcurrency` and its like.

use serde_json::json;

use super::names;
use crate::call::{Answer, Call, Reply};

/// More than any server runs.
const MOST: i64 = 100_000;

pub(super) async fn put(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let fields = call.fields();
    let member = "ReservedConcurrentExecutions";
    let reserved = fields.integer(member, 0, MOST)?;
    let reserved = reserved.ok_or_else(|| fields.missing(member))?;
    let reserved = u32::try_from(reserved).unwrap_or(u32::MAX);
    names::change(&call, &place, |function| {
        function.reserved = Some(reserved);
        Ok(())
    })
    .await?;
    Ok(Reply::ok(json!({ member: reserved })))
}

pub(super) async fn get(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    let function = names::existing(&call, &place).await?.body;
    Ok(match function.reserved {
        Some(reserved) => Reply::ok(json!({ "ReservedConcurrentExecutions": reserved })),
        None => Reply::empty(),
    })
}

pub(super) async fn delete(call: Call) -> Answer {
    let place = names::place(&call)?.unqualified()?;
    names::change(&call, &place, |function| {
        function.reserved = None;
        Ok(())
    })
    .await?;
    Ok(Reply::empty())
}
