//! `DescribeAutomationStepExecutions`, in the order of the run or reversed.

use engine::views::automation;
use serde_json::{Value, json};

use super::filters;
use super::{names, runs};
use crate::call::{Answer, Call, Reply};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let id = runs::run_id(&fields)?;
    let filters = filters::read(&fields, &filters::STEP_KEYS)?;
    let reverse = fields.boolean("ReverseOrder")?.unwrap_or(false);
    let limit = fields.page_size("MaxResults", 50, 50)?;
    let run = runs::existing(&call, id).await?;
    let question = json!([id, reverse, call.input.get("Filters")]).to_string();
    let cursor = Cursor::new(&call, "DescribeAutomationStepExecutions", &question);
    let skip = match names::position(&call, &cursor)? {
        Some(text) => text.parse::<usize>().map_err(|_| names::bad_next_token())?,
        None => 0,
    };
    let mut steps = automation::steps(&run);
    steps.retain(|step| filters.iter().all(|filter| filter.fits_step(step)));
    if reverse {
        steps.reverse();
    }
    let more = steps.len() > skip.saturating_add(limit);
    let page: Vec<Value> = steps.into_iter().skip(skip).take(limit).collect();
    let mut body = json!({ "StepExecutions": page });
    if more {
        body["NextToken"] = cursor.token(&skip.saturating_add(limit).to_string()).into();
    }
    Ok(Reply::ok(body))
}
