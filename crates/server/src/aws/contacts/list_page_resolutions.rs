//! `ListPageResolutions`: the way from the contact engaged down to the person paged.

use engine::views::view;
use serde_json::json;

use super::engagements;
use super::names;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (engagement, found) = engagements::page(&call).await?;
    let page = names::page(&call, "ListPageResolutions", &found.arn)?;
    let (shown, next) = page.cut(view::page_resolutions(&engagement, &found));
    let mut body = json!({ "PageResolutions": shown });
    if let Some(token) = next {
        body["NextToken"] = token.into();
    }
    Ok(Reply::ok(body))
}
