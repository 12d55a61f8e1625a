//! `CreateDocument`: version 1 of an Automation document.

use model::document::{DocumentHead, DocumentVersion};
use serde_json::json;

use super::{documents, names};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit, Kept, Key};
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;
use crate::tags;

/// Most documents of one account and region.
const MAX_DOCUMENTS: usize = 500;
const RESERVED: [&str; 3] = ["aws", "amazon", "amzn"];
const DISPLAY_NAME: Text =
    Text::length(0, 1024).matching("^[\\w\\.\\-\\:\\/ ]*$", |text| is_word(text, "_.-:/ "));
const TARGET_TYPE: Text = Text::length(0, 200).matching("^\\/[\\w\\.\\-\\:\\/]*$", |text| {
    text.is_empty() || (text.starts_with('/') && is_word(text, "_.-:/"))
});

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = fields.required_text("Name", names::NEW_NAME)?;
    require_free_prefix(name)?;
    require_automation(&fields)?;
    names::refuse_unserved(&fields, &["Attachments", "Requires"])?;
    let version_name = fields.text("VersionName", names::VERSION_NAME)?;
    let display_name = fields
        .text("DisplayName", DISPLAY_NAME)?
        .filter(|text| !text.is_empty());
    let target_type = fields
        .text("TargetType", TARGET_TYPE)?
        .filter(|text| !text.is_empty());
    let tags = tags::read(&fields, "Tags")?;
    if tags.len() > tags::MAX_TAGS {
        return Err(ApiError::validation("`tags` has more than 50 tags."));
    }
    let checked = documents::checked(&fields)?;
    require_room(&call).await?;
    let at = call.handle().now();
    let version = DocumentVersion {
        number: 1,
        name: version_name.map(str::to_owned),
        created: at,
        hash: checked.hash,
        format: checked.content.format.clone(),
    };
    let head = DocumentHead {
        name: name.to_owned(),
        document_type: "Automation".to_owned(),
        default_version: 1,
        latest_version: 1,
        versions: vec![version.clone()],
        owner: call.scope.account.clone(),
        created: at,
        target_type: target_type.map(str::to_owned),
        display_name: display_name.map(str::to_owned),
        shared_with: Vec::new(),
        tags,
    };
    let body = catalog::to_body(&checked.content)?;
    let text = catalog::change(
        &names::content_key(&call, name, 1),
        model::resource::Expect::Any,
        Some(body),
    );
    catalog::edit_with(
        call.handle(),
        &names::head_key(&call, name),
        |found: Option<DocumentHead>| {
            if found.is_some() {
                let message = format!("Document with same name {name} already exists");
                return Err(ApiError::new("DocumentAlreadyExists", message));
            }
            Ok((Edit::Put(head.clone()), vec![text.clone()], ()))
        },
    )
    .await?;
    Ok(Reply::ok(
        json!({ "DocumentDescription": documents::description(&head, &version, Some(&checked.document)) }),
    ))
}

fn require_free_prefix(name: &str) -> Result<(), ApiError> {
    let lower = name.to_ascii_lowercase();
    if RESERVED.iter().any(|prefix| lower.starts_with(prefix)) {
        let message =
            "`name` begins with a prefix that is reserved: aws, amazon, amzn. Choose another name.";
        return Err(ApiError::validation(message));
    }
    Ok(())
}

fn require_automation(fields: &Fields<'_>) -> Result<(), ApiError> {
    let given = fields
        .text("DocumentType", Text::length(0, 64))?
        .unwrap_or("Automation");
    if given == "Automation" {
        return Ok(());
    }
    let rule =
        "Member must satisfy enum value set: [Automation] (Quell serves no other type of document)";
    Err(ApiError::constraint("documentType", Some(given), rule))
}

async fn require_room(call: &Call) -> Result<(), ApiError> {
    let family = Key {
        name: String::new(),
        ..names::head_key(call, "")
    };
    let page: Vec<Kept<DocumentHead>> =
        catalog::list(call.handle(), &family, None, MAX_DOCUMENTS).await?;
    if page.len() >= MAX_DOCUMENTS {
        return Err(ApiError::new(
            "DocumentLimitExceeded",
            "You can have at most 500 active SSM documents.",
        ));
    }
    Ok(())
}
