//! `RemoveTargets`: ids that are not there are already removed.

use model::bus::Rule;
use serde_json::json;

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Rule", RULE_NAME)?;
    let ids = fields.required_texts("Ids", (1, 100), RULE_NAME)?;
    fields.boolean("Force")?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let key = names::rule_key(&call, &bus, name);
    catalog::edit(call.handle(), &key, |found: Option<Rule>| {
        let mut rule = found.ok_or_else(|| names::no_rule(&bus, name))?;
        let before = rule.targets.len();
        rule.targets.retain(|id, _| !ids.contains(&id.as_str()));
        Ok((
            if rule.targets.len() == before {
                Edit::Keep
            } else {
                Edit::Put(rule)
            },
            (),
        ))
    })
    .await?;
    Ok(Reply::ok(
        json!({ "FailedEntryCount": 0, "FailedEntries": [] }),
    ))
}
