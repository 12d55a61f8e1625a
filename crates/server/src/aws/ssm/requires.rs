//! Documents that a document needs: they must be there when it is created, and when it is run.

use model::document::{DocumentHead, DocumentVersion, Requirement};
use serde_json::{Value, json};

use super::names;
use crate::call::Call;
use crate::catalog;
use crate::decode::{Fields, Text, is_word};
use crate::error::ApiError;

/// Most documents that one needs.
const MAX_REQUIRED: usize = 20;
const REQUIRE_TYPE: Text =
    Text::length(1, 128).matching("^[a-zA-Z0-9_\\-.]{1,128}$", |text| is_word(text, "_-."));

/// Reads `Requires`.
pub(super) fn read(fields: &Fields<'_>) -> Result<Vec<Requirement>, ApiError> {
    let given = fields.objects("Requires", 1, MAX_REQUIRED)?;
    let one = |one: &Fields<'_>| {
        let text = |found: Option<&str>| found.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Requirement {
            name: one.required_text("Name", names::NAME)?.to_owned(),
            version: text(one.text("Version", names::VERSION)?),
            require_type: text(one.text("RequireType", REQUIRE_TYPE)?),
            version_name: text(one.text("VersionName", names::VERSION_NAME)?),
        })
    };
    given.unwrap_or_default().iter().map(one).collect()
}

/// What of the required documents is not there, in words.
pub(super) async fn missing(
    call: &Call,
    required: &[Requirement],
) -> Result<Option<String>, ApiError> {
    for one in required {
        let (name, in_arn) = names::plain_name(&one.name);
        let key = names::head_key(call, &name);
        let found = catalog::read::<DocumentHead>(call.handle(), &key).await?;
        let shown = crate::error::echo(&one.name);
        let Some(head) = found.map(|kept| kept.body) else {
            return Ok(Some(format!(
                "The required document `{shown}` does not exist: create it first."
            )));
        };
        let wanted = Requirement {
            version: one.version.clone().or(in_arn),
            ..one.clone()
        };
        if !head.fits(&wanted) {
            return Ok(Some(format!(
                "The required document `{shown}` has no version that fits: wanted are version {} and version name {}.",
                wanted.version.as_deref().unwrap_or("any"),
                wanted.version_name.as_deref().unwrap_or("any"),
            )));
        }
        let kind = one.require_type.as_deref();
        if kind.is_some_and(|kind| kind != head.document_type) {
            return Ok(Some(format!(
                "The required document `{shown}` is of type {}, not of the RequireType that is asked for.",
                head.document_type
            )));
        }
    }
    Ok(None)
}

/// `Requires` as it was given.
pub(super) fn shown(version: &DocumentVersion) -> Value {
    let one = |one: &Requirement| {
        let mut body = json!({ "Name": one.name });
        let optional = [
            ("Version", &one.version),
            ("RequireType", &one.require_type),
            ("VersionName", &one.version_name),
        ];
        for (member, value) in optional {
            if let Some(value) = value {
                body[member] = value.as_str().into();
            }
        }
        body
    };
    version.requires.iter().map(one).collect()
}
