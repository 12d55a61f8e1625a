//! `ListDocumentVersions`, newest first.

use model::document::{DocumentHead, DocumentVersion};
use serde_json::{Value, json};

use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::page::Cursor;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    let limit = fields.page_size("MaxResults", 50, 50)?;
    let head = documents::existing(&call, &name).await?;
    let cursor = Cursor::new(&call, "ListDocumentVersions", &name);
    let before = names::position(&call, &cursor)?.map(|text| text.parse::<u32>().unwrap_or(0));
    let mut rest: Vec<&DocumentVersion> = head
        .versions
        .iter()
        .filter(|version| before.is_none_or(|before| version.number < before))
        .collect();
    rest.sort_by_key(|version| std::cmp::Reverse(version.number));
    let page: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|version| view(&head, version))
        .collect();
    let mut body = json!({ "DocumentVersions": page });
    if let (true, Some(last)) = (rest.len() > limit, rest.get(limit - 1)) {
        body["NextToken"] = cursor.token(&last.number.to_string()).into();
    }
    Ok(Reply::ok(body))
}

fn view(head: &DocumentHead, version: &DocumentVersion) -> Value {
    let mut body = json!({
        "Name": head.name,
        "DocumentVersion": version.number.to_string(),
        "CreatedDate": epoch(version.created),
        "IsDefaultVersion": version.number == head.default_version,
        "DocumentFormat": version.format,
        "Status": "Active",
    });
    if let Some(name) = &version.name {
        body["VersionName"] = name.as_str().into();
    }
    if let Some(name) = &head.display_name {
        body["DisplayName"] = name.as_str().into();
    }
    body
}
