//! `DescribeAutomationExecutions`, newest first.

use engine::views::{Summary, automation};
use serde_json::{Value, json};

use super::filters::{self, Filter};
use super::{names, runs};
use crate::call::{Answer, Call, Reply};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let filters = filters::read(&fields, &filters::EXECUTION_KEYS)?;
    let limit = fields.page_size("MaxResults", 50, 50)?;
    let question = call
        .input
        .get("Filters")
        .map(Value::to_string)
        .unwrap_or_default();
    let cursor = Cursor::new(&call, "DescribeAutomationExecutions", &question);
    let after = names::position(&call, &cursor)?;
    let wanted = |run: &Summary| {
        let shown = automation::metadata(run);
        filters
            .iter()
            .all(|filter| filter.fits_execution(&shown, &run.request().tags))
    };
    let named = Filter::executions(&filters).filter(|named| named.len() <= limit);
    let page = match named {
        Some(named) => runs::named(&call, &named, wanted).await?,
        None => {
            let place = (after.as_deref(), Filter::parent(&filters));
            runs::page(&call, place, limit, wanted).await?
        }
    };
    let list: Vec<Value> = page.runs.iter().map(automation::metadata).collect();
    let mut body = json!({ "AutomationExecutionMetadataList": list });
    if let Some(next) = page.next {
        body["NextToken"] = cursor.token(&next).into();
    }
    Ok(Reply::ok(body))
}
