//! `ListRuleNamesByTarget`, in order of name.

use model::bus::Rule;
use serde_json::json;

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let target = fields.required_text("TargetArn", names::ARN)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let cursor = Cursor::new(&call, "ListRuleNamesByTarget", &format!("{bus}\n{target}"));
    let after = names::position(&call, &cursor)?;
    let rules: Vec<catalog::Kept<Rule>> =
        catalog::all(call.handle(), &names::rule_key(&call, &bus, "")).await?;
    let leads_there = |rule: &Rule| rule.targets.values().any(|have| have.arn == target);
    let rest: Vec<&str> = rules
        .iter()
        .map(|kept| &kept.body)
        .filter(|rule| leads_there(rule) && after.as_ref().is_none_or(|after| rule.name > *after))
        .map(|rule| rule.name.as_str())
        .collect();
    let page: Vec<&str> = rest.iter().copied().take(limit).collect();
    let mut body = json!({ "RuleNames": page });
    if let (true, Some(last)) = (rest.len() > limit, page.last()) {
        body["NextToken"] = cursor.token(last).into();
    }
    Ok(Reply::ok(body))
}
