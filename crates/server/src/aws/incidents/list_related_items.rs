//! `ListRelatedItems`, oldest first. An incident that is not there has none.

use engine::views::view;
use serde_json::{Value, json};

use super::names::{self, ARN};
use super::record;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = call.fields().required_text("incidentRecordArn", ARN)?;
    let page = names::usual_page(&call, "ListRelatedItems", arn)?;
    let items = record::find(&call, arn)
        .await?
        .map(|incident| incident.related)
        .unwrap_or_default();
    let (from, to) = (page.offset(), page.offset() + page.size);
    let shown: Vec<Value> = items
        .iter()
        .skip(from)
        .take(page.size)
        .map(view::related_item)
        .collect();
    let mut body = json!({ "relatedItems": shown });
    if to < items.len() {
        body["nextToken"] = page.token(&to.to_string()).into();
    }
    Ok(Reply::ok(body))
}
