//! Tags in the `[{Key, Value}]` form of the JSON services, under the limits all of them share.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Most tags on one resource.
pub(crate) const MAX_TAGS: usize = 50;
/// A tag's key.
pub(crate) const KEY: Text = Text::length(1, 128);
/// A tag's value; `ssm-contacts` alone wants at least one character.
pub(crate) const VALUE: Text = Text::length(0, 256);

/// Reads a list of tags; absent is empty.
pub(crate) fn read(
    fields: &Fields<'_>,
    member: &str,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in fields.objects(member, 0, 1000)?.unwrap_or_default() {
        let key = tag.required_text("Key", KEY)?;
        let value = tag.text("Value", VALUE)?.unwrap_or_default();
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(ApiError::constraint(
                &tag.place("Key"),
                Some(key),
                "Member must not begin with aws:",
            ));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::validation(format!(
                "`{}` names the tag key `{key}` twice",
                fields.place(member)
            )));
        }
    }
    Ok(tags)
}

/// Reads the keys of tags to remove.
pub(crate) fn read_keys(fields: &Fields<'_>, member: &str) -> Result<Vec<String>, ApiError> {
    let keys = fields.required_texts(member, (0, 1000), KEY)?;
    Ok(keys.into_iter().map(str::to_owned).collect())
}

/// Adds tags; `None` if that would be too many.
pub(crate) fn merged(
    mut have: BTreeMap<String, String>,
    more: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    have.extend(more.iter().map(|(key, value)| (key.clone(), value.clone())));
    (have.len() <= MAX_TAGS).then_some(have)
}

/// The tags without those of some keys; a key that is not there is removed already.
pub(crate) fn without(
    mut have: BTreeMap<String, String>,
    keys: &[String],
) -> BTreeMap<String, String> {
    have.retain(|key, _| !keys.contains(key));
    have
}

/// The wire form.
pub(crate) fn write(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_refuses() {
        let good = json!({ "Tags": [{ "Key": "a", "Value": "" }, { "Key": "b", "Value": "2" }] });
        let tags = read(&Fields::new(good.as_object().expect("object")), "Tags").expect("tags");
        assert_eq!(write(&tags), good["Tags"]);
        for bad in [
            json!({ "Tags": [{ "Key": "aws:x", "Value": "" }] }),
            json!({ "Tags": [{ "Key": "", "Value": "" }] }),
            json!({ "Tags": [{ "Value": "" }] }),
            json!({ "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] }),
            json!({ "Tags": [{ "Key": "a", "Value": "x".repeat(257) }] }),
            json!({ "Tags": "a" }),
        ] {
            assert!(
                read(&Fields::new(bad.as_object().expect("object")), "Tags").is_err(),
                "{bad}"
            );
        }
        let full: BTreeMap<String, String> =
            (0..50).map(|n| (n.to_string(), String::new())).collect();
        assert!(merged(full.clone(), &tags).is_none());
        assert_eq!(
            merged(full.clone(), &BTreeMap::from([("1".into(), "x".into())]))
                .expect("same keys")
                .len(),
            50
        );
    }
}
