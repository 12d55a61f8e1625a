//! Tags of contacts.

use std::collections::BTreeMap;

use model::contact::{Contact, Tag, check_tags};

use super::names::{self, CONTACT_TYPE};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::tags;

/// The ARN of what carries tags.
const ARN: Text = Text::length(1, 1011);

/// Reads `Tags`; absent is empty.
pub(super) fn read(fields: &Fields<'_>) -> Result<Vec<Tag>, ApiError> {
    let tags = into_list(tags::read(fields, "Tags")?);
    check_tags(&tags).map_err(names::refused)?;
    Ok(tags)
}

fn into_list(tags: BTreeMap<String, String>) -> Vec<Tag> {
    tags.into_iter()
        .map(|(key, value)| Tag { key, value })
        .collect()
}

/// Replaces the tags of the contact that `ResourceARN` names by what `decide` makes of them, and answers them.
pub(super) async fn change(
    call: &Call,
    decide: impl Fn(BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ApiError>,
) -> Result<Vec<Tag>, ApiError> {
    let fields = call.fields();
    let arn = fields.required_text("ResourceARN", ARN)?;
    let missing = || names::missing(CONTACT_TYPE, arn);
    let alias = names::own_tail(call, arn, "contact").ok_or_else(missing)?;
    catalog::edit(
        call.handle(),
        &names::contact_key(call, &alias),
        |found: Option<Contact>| {
            let mut contact = found.ok_or_else(missing)?;
            let have = contact
                .tags
                .iter()
                .map(|tag| (tag.key.clone(), tag.value.clone()))
                .collect();
            let tags = into_list(decide(have)?);
            if tags == contact.tags {
                return Ok((Edit::Keep, tags));
            }
            contact.tags.clone_from(&tags);
            Ok((Edit::Put(contact), tags))
        },
    )
    .await
}
