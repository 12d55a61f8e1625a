//! `DescribeDocument`.

use serde_json::json;

use super::{documents, names};
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    let head = documents::existing(&call, &name).await?;
    let version = documents::chosen(&fields, &head)?;
    let stored = documents::content(&call, &name, version.number).await?;
    let document = documents::parsed(&stored);
    Ok(Reply::ok(
        json!({ "Document": documents::description(&head, version, document.as_ref()) }),
    ))
}
