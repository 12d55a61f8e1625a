//! `GetDocument`: a version's text, byte for byte in its own format, converted in the other one.

use engine::views::documents::{Format, convert};
use serde_json::json;

use super::{attachments, documents, names, requires};
use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    let wanted = match fields.one_of("DocumentFormat", &["YAML", "JSON", "TEXT"])? {
        Some("YAML") => Format::Yaml,
        Some("TEXT") => {
            return Err(ApiError::validation(
                "Automation documents are JSON or YAML, not TEXT.",
            ));
        }
        _ => Format::Json,
    };
    let head = documents::existing(&call, &name).await?;
    let version = documents::chosen(&fields, &head)?;
    let stored = documents::content(&call, &name, version.number).await?;
    let own = Format::parse(&stored.format).unwrap_or(Format::Yaml);
    let content = convert(&stored.content, own, wanted)
        .map_err(|mistake| ApiError::internal(format!("{name}: {mistake}")))?;
    let mut body = json!({
        "Name": head.name,
        "CreatedDate": epoch(version.created),
        "DocumentVersion": version.number.to_string(),
        "Status": "Active",
        "Content": content,
        "DocumentType": head.document_type,
        "DocumentFormat": wanted.as_str(),
    });
    if !version.attachments.is_empty() {
        body["AttachmentsContent"] = attachments::contents(version);
    }
    if !version.requires.is_empty() {
        body["Requires"] = requires::shown(version);
    }
    if let Some(name) = &version.name {
        body["VersionName"] = name.as_str().into();
    }
    if let Some(name) = &head.display_name {
        body["DisplayName"] = name.as_str().into();
    }
    Ok(Reply::ok(body))
}
