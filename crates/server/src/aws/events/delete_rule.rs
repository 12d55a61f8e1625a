//! `DeleteRule`: only without targets; a rule that is not there is already deleted.

use model::bus::Rule;

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", RULE_NAME)?;
    fields.boolean("Force")?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let key = names::rule_key(&call, &bus, name);
    catalog::edit(call.handle(), &key, |found: Option<Rule>| match found {
        Some(rule) if !rule.targets.is_empty() => Err(ApiError::validation(
            "Rule can't be deleted since it has targets.",
        )),
        _ => Ok((Edit::Delete, ())),
    })
    .await?;
    Ok(Reply::empty())
}
