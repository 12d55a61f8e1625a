//! `ListArchives`, in order of name; at most one of its filters.

use model::bus::Archive;
use serde_json::{Value, json};

use super::archives::{self, ARCHIVE_NAME, STATES};
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields.text("NamePrefix", ARCHIVE_NAME)?;
    let source = fields.text("EventSourceArn", names::ARN)?;
    let state = fields.one_of("State", STATES)?;
    let limit = fields.page_size("Limit", 100, 100)?;
    names::one_filter("ListArchives", &[prefix, source, state])?;
    let cursor = Cursor::new(
        &call,
        "ListArchives",
        &json!([prefix, source, state]).to_string(),
    );
    let after = names::position(&call, &cursor)?;
    let family = archives::key(&call, prefix.unwrap_or_default());
    let mut all: Vec<Kept<Archive>> = catalog::all(call.handle(), &family).await?;
    all.retain(|kept| {
        source.is_none_or(|source| kept.body.bus_arn == source)
            && state.is_none_or(|state| state == "ENABLED")
            && after.as_ref().is_none_or(|after| kept.name > *after)
    });
    let mut page = Vec::new();
    for kept in all.iter().take(limit) {
        page.push(Value::Object(archives::summary(&call, kept).await?));
    }
    let mut body = json!({ "Archives": page });
    if let (true, Some(last)) = (all.len() > limit, all.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
