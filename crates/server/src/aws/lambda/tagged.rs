//! Tags: `TagResource`, `UntagResource`, `ListTags`.

use std::collections::BTreeMap;

use serde_json::json;

use super::names::{self, Place};
use crate::call::{Answer, Call, Reply};
use crate::decode::{Fields, Text};
use crate::error::ApiError;
use crate::tags::{self, MAX_TAGS};

/// The tags of a request; absent is empty.
pub(super) fn read(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, ApiError> {
    let rules = (tags::KEY, tags::VALUE);
    let given = fields
        .text_map("Tags", (0, 1000), rules)?
        .unwrap_or_default();
    if let Some(key) = given
        .keys()
        .find(|key| key.to_ascii_lowercase().starts_with("aws:"))
    {
        return Err(names::invalid(format!(
            "The tag key `{key}` begins with aws:, which is not for callers"
        )));
    }
    if given.len() > MAX_TAGS {
        return Err(too_many());
    }
    Ok(given)
}

fn too_many() -> ApiError {
    names::invalid(format!("A function has at most {MAX_TAGS} tags"))
}

fn place(call: &Call) -> Result<Place, ApiError> {
    let text = call
        .fields()
        .required_text("Resource", Text::length(1, 256))?;
    if !text.starts_with("arn:") {
        return Err(names::invalid(format!(
            "`{}` is not the ARN of a function",
            crate::error::echo(text)
        )));
    }
    let place = names::read(call, "resource", text)?;
    match place.qualifier {
        None => Ok(place),
        Some(_) => Err(names::invalid(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        )),
    }
}

pub(super) async fn tag(call: Call) -> Answer {
    let place = place(&call)?;
    let given = read(&call.fields())?;
    names::change(&call, &place, |function| {
        let tags = std::mem::take(&mut function.tags);
        function.tags = tags::merged(tags, &given).ok_or_else(too_many)?;
        Ok(())
    })
    .await?;
    Ok(Reply::empty())
}

pub(super) async fn untag(call: Call) -> Answer {
    let place = place(&call)?;
    let keys = tags::read_keys(&call.fields(), "TagKeys")?;
    names::change(&call, &place, |function| {
        function.tags = tags::without(std::mem::take(&mut function.tags), &keys);
        Ok(())
    })
    .await?;
    Ok(Reply::empty())
}

pub(super) async fn list(call: Call) -> Answer {
    let place = place(&call)?;
    let function = names::existing(&call, &place).await?.body;
    Ok(Reply::ok(json!({ "Tags": function.tags })))
}
