//! `DescribeDocumentPermission`: the accounts a document is shared with.

use serde_json::{Value, json};

use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    require_share(&call)?;
    let limit = fields.page_size("MaxResults", 200, 200)?;
    let head = documents::existing(&call, &name).await?;
    let cursor = Cursor::new(&call, "DescribeDocumentPermission", &name);
    let after = names::position(&call, &cursor)?;
    let rest: Vec<&String> = head
        .shared_with
        .iter()
        .filter(|account| after.as_ref().is_none_or(|after| *account > after))
        .collect();
    let page: Vec<&String> = rest.iter().copied().take(limit).collect();
    let details: Vec<Value> = page
        .iter()
        .map(|account| json!({ "AccountId": account, "SharedDocumentVersion": "$DEFAULT" }))
        .collect();
    let mut body = json!({ "AccountIds": page, "AccountSharingInfoList": details });
    if let (true, Some(last)) = (rest.len() > limit, page.last()) {
        body["NextToken"] = cursor.token(last).into();
    }
    Ok(Reply::ok(body))
}

/// The only kind of permission there is.
pub(super) fn require_share(call: &Call) -> Result<(), ApiError> {
    let given = call
        .fields()
        .required_text("PermissionType", crate::decode::Text::length(0, 64))?;
    if given == "Share" {
        return Ok(());
    }
    Err(ApiError::new(
        "InvalidPermissionType",
        "The permission type isn't supported. Share is the only supported permission type.",
    ))
}
