//! `CreateDocument`: version 1 of an Automation document.

use model::document::{DocumentHead, DocumentVersion};
use model::resource::Expect;
use serde_json::json;

use super::{attachments, documents, names, requires};
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
    let requires = requires::read(&fields)?;
    let checked = documents::checked(&fields)?;
    if let Some(missing) = requires::missing(&call, &requires).await? {
        return Err(ApiError::new("InvalidDocumentContent", missing));
    }
    let attached = attachments::read(&call, &fields, &checked.document).await?;
    let version = DocumentVersion {
        number: 1,
        name: fields
            .text("VersionName", names::VERSION_NAME)?
            .map(str::to_owned),
        created: call.handle().now(),
        hash: checked.hash,
        format: checked.content.format.clone(),
        attachments: attached.iter().map(|one| one.attachment.clone()).collect(),
        requires,
    };
    let head = new_head(&call, name, &version)?;
    require_room(&call).await?;
    let body = catalog::to_body(&checked.content)?;
    let text = catalog::change(&names::content_key(&call, name, 1), Expect::Any, Some(body));
    let mut writes = attachments::writes(&call, (name, 1), &attached)?;
    writes.push(text);
    let key = names::head_key(&call, name);
    catalog::edit_with(call.handle(), &key, |found: Option<DocumentHead>| {
        if found.is_some() {
            let message = format!("Document with same name {name} already exists");
            return Err(ApiError::new("DocumentAlreadyExists", message));
        }
        Ok((Edit::Put(head.clone()), writes.clone(), ()))
    })
    .await?;
    let description = documents::description(&head, &version, Some(&checked.document));
    Ok(Reply::ok(json!({ "DocumentDescription": description })))
}

/// The head of a document whose only version is this one.
fn new_head(call: &Call, name: &str, version: &DocumentVersion) -> Result<DocumentHead, ApiError> {
    let fields = call.fields();
    let tags = tags::read(&fields, "Tags")?;
    if tags.len() > tags::MAX_TAGS {
        return Err(ApiError::validation("`tags` has more than 50 tags."));
    }
    let given = |member, rule| {
        let text = fields.text(member, rule)?;
        Ok::<_, ApiError>(text.filter(|text| !text.is_empty()).map(str::to_owned))
    };
    Ok(DocumentHead {
        name: name.to_owned(),
        document_type: "Automation".to_owned(),
        default_version: version.number,
        latest_version: version.number,
        versions: vec![version.clone()],
        owner: call.scope.account.clone(),
        created: version.created,
        target_type: given("TargetType", TARGET_TYPE)?,
        display_name: given("DisplayName", DISPLAY_NAME)?,
        shared_with: Vec::new(),
        tags,
    })
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
