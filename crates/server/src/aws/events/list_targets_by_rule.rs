//! `ListTargetsByRule`, in order of id.

use model::bus::Target;
use serde_json::{Value, json};

use super::names::{self, RULE_NAME};
use crate::call::{Answer, Call, Reply};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Rule", RULE_NAME)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    let bus = names::existing_bus(&call, "EventBusName").await?;
    let rule = names::existing_rule(&call, &bus, name).await?;
    let cursor = Cursor::new(&call, "ListTargetsByRule", &format!("{bus}/{name}"));
    let after = names::position(&call, &cursor)?;
    let behind = rule
        .targets
        .values()
        .filter(|target| after.as_ref().is_none_or(|after| target.id > *after));
    let rest: Vec<&Target> = behind.collect();
    let page: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|target| json!(target))
        .collect();
    let mut body = json!({ "Targets": page });
    if let (true, Some(last)) = (rest.len() > limit, rest.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.id).into();
    }
    Ok(Reply::ok(body))
}
