//! `RemovePermission`: one statement of a bus's policy, or all of it.

use model::bus::Bus;
use serde_json::Value;

use super::names;
use super::put_permission::STATEMENT_ID;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let all = fields.boolean("RemoveAllPermissions")?.unwrap_or(false);
    let id = fields.text("StatementId", STATEMENT_ID)?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    if id.is_none() && !all {
        return Err(ApiError::validation(
            "Parameter StatementId must be specified, or RemoveAllPermissions be true.",
        ));
    }
    catalog::edit(
        call.handle(),
        &names::bus_key(&call, &bus),
        |found: Option<Bus>| {
            let mut found = names::stored_or_default(found, &bus)?;
            let policy = found.policy.take();
            if let (false, Some(id)) = (all, id) {
                found.policy = without(policy, id)?;
            }
            Ok((Edit::Put(found), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}

/// A policy without one statement; none if it was the last.
fn without(policy: Option<Value>, id: &str) -> Result<Option<Value>, ApiError> {
    let Some(Value::Object(mut policy)) = policy else {
        return Err(ApiError::not_found("EventBus does not have a policy."));
    };
    let mut statements = match policy.remove("Statement") {
        Some(Value::Array(statements)) => statements,
        Some(one) => vec![one],
        None => Vec::new(),
    };
    let before = statements.len();
    statements.retain(|have| have.get("Sid").and_then(Value::as_str) != Some(id));
    if statements.len() == before {
        return Err(ApiError::not_found(
            "Statement with the provided id does not exist.",
        ));
    }
    if statements.is_empty() {
        return Ok(None);
    }
    policy.insert("Statement".to_owned(), Value::Array(statements));
    Ok(Some(Value::Object(policy)))
}
