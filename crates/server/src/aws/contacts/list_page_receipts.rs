//! `ListPageReceipts`, by type and then time.

use engine::views::view;
use serde_json::json;

use super::engagements;
use super::names;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (_, found) = engagements::page(&call).await?;
    let page = names::page(&call, "ListPageReceipts", &found.arn)?;
    let (shown, next) = page.cut(view::receipts(&found));
    let mut body = json!({ "Receipts": shown });
    if let Some(token) = next {
        body["NextToken"] = token.into();
    }
    Ok(Reply::ok(body))
}
