//! `DescribePage`.

use engine::views::view;

use super::engagements;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let (engagement, page) = engagements::page(&call).await?;
    Ok(Reply::ok(view::describe_page(&engagement, &page)))
}
