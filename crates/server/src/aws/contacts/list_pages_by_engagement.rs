//! `ListPagesByEngagement`, in the order in which the pages were started.

use engine::views::view;
use serde_json::json;

use super::engagements;
use super::names;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let engagement = engagements::existing(&call).await?;
    let page = names::page(&call, "ListPagesByEngagement", &engagement.arn)?;
    let (shown, next) = page.cut(view::pages(&engagement, None));
    let mut body = json!({ "Pages": shown });
    if let Some(token) = next {
        body["NextToken"] = token.into();
    }
    Ok(Reply::ok(body))
}
