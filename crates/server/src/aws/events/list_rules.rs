//! `ListRules`, in order of name.

use model::bus::Rule;
use serde_json::{Value, json};

use super::describe_rule;
use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", RULE_NAME)?.unwrap_or_default();
    let limit = fields.page_size("Limit", 100, 100)?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let family = names::rule_key(&call, &bus, prefix);
    let cursor = Cursor::new(&call, "ListRules", &family.name);
    let after = names::position(&call, &cursor)?;
    let mut page: Vec<catalog::Kept<Rule>> =
        catalog::list(call.handle(), &family, after, limit + 1).await?;
    let more = page.len() > limit;
    page.truncate(limit);
    let rules: Vec<Value> = page
        .iter()
        .map(|kept| Value::Object(describe_rule::view(&call, &kept.body)))
        .collect();
    let mut body = json!({ "Rules": rules });
    if let (true, Some(last)) = (more, page.last()) {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
