//! `UpdateDocumentDefaultVersion`.

use model::document::DocumentHead;
use serde_json::json;

use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::{Text, is_word};

/// A version by number: the words for versions are not taken here.
const NUMBER: Text = Text::length(1, 9).matching("(^[1-9][0-9]*$)", |text| {
    is_word(text, "") && text.parse::<u32>().is_ok_and(|n| n > 0)
});

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    let wanted = fields.required_text("DocumentVersion", NUMBER)?;
    let key = names::head_key(&call, &name);
    let version = catalog::edit(call.handle(), &key, |found: Option<DocumentHead>| {
        let mut head = found.ok_or_else(|| names::no_document(&name))?;
        let version = documents::numbered(&head, wanted)?.clone();
        head.default_version = version.number;
        Ok((Edit::Put(head), version))
    })
    .await?;
    let mut body = json!({ "Name": name, "DefaultVersion": version.number.to_string() });
    if let Some(name) = version.name {
        body["DefaultVersionName"] = name.into();
    }
    Ok(Reply::ok(json!({ "Description": body })))
}
