//! `DescribeApiDestination`.

use serde_json::Value;

use super::api_destinations::{self, NAME};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let name = call.fields().required_text("Name", NAME)?;
    let kept = api_destinations::existing(&call, name, "describe").await?;
    let state = api_destinations::state(&call, &kept.body).await?;
    let mut shown = api_destinations::summary(&call, &kept, state);
    if let Some(description) = &kept.body.description {
        shown.insert("Description".to_owned(), description.as_str().into());
    }
    Ok(Reply::ok(Value::Object(shown)))
}
