//! `EnableRule` and `DisableRule`.

use model::bus::{Rule, RuleState};

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn enable(call: Call) -> Answer {
    set(&call, RuleState::Enabled).await
}

pub(super) async fn disable(call: Call) -> Answer {
    set(&call, RuleState::Disabled).await
}

async fn set(call: &Call, state: RuleState) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", RULE_NAME)?;
    let bus = names::existing_bus(call, "EventBusName").await?;
    let key = names::rule_key(call, &bus, name);
    catalog::edit(call.handle(), &key, |found: Option<Rule>| {
        let rule = found.ok_or_else(|| names::no_rule(&bus, name))?;
        Ok((Edit::Put(Rule { state, ..rule }), ()))
    })
    .await?;
    Ok(Reply::empty())
}
