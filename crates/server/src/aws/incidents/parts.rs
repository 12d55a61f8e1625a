//! Parts of a request that have the same form on the wire and in the model.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decode::Fields;
use crate::error::{ApiError, echo};

/// Reads a member whose model type has the wire's own names.
///
/// # Errors
/// Malformed, naming the member and what serde found.
pub(in crate::aws) fn part<T: DeserializeOwned>(
    fields: &Fields<'_>,
    member: &str,
) -> Result<Option<T>, ApiError> {
    let Some(value) = fields.raw(member) else {
        return Ok(None);
    };
    serde_json::from_value(without_nulls(value))
        .map(Some)
        .map_err(|error| {
            let reason = error.to_string();
            ApiError::malformed(format!(
                "`{}` cannot be read: {}",
                fields.place(member),
                echo(&reason)
            ))
        })
}

/// The value without members that are `null`, which mean the same as absent ones. Depth is bounded by the body's.
pub(in crate::aws) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let members = map.iter().filter(|(_, value)| !value.is_null());
            members
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use model::plan::{Action, ChatChannel};
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_read_and_mistakes_named() {
        let body = json!({
            "chatChannel": { "empty": {}, "chatbotSns": null },
            "two": { "empty": {}, "chatbotSns": ["a"] },
            "actions": [{ "ssmAutomation": { "documentName": "Doc", "parameters": {}, "documentVersion": "" } }],
            "other": [{ "lambda": {} }],
        });
        let fields = Fields::new(body.as_object().expect("object"));
        assert_eq!(
            part::<ChatChannel>(&fields, "chatChannel").expect("read"),
            Some(ChatChannel::Empty {})
        );
        assert_eq!(part::<ChatChannel>(&fields, "absent").expect("read"), None);
        for (member, wanted) in [
            ("two", "`two`"),
            ("actions", "missing field `roleArn`"),
            ("other", "unknown variant `lambda`"),
        ] {
            let error = match member {
                "two" => part::<ChatChannel>(&fields, member).map(|_| ()),
                _ => part::<Vec<Action>>(&fields, member).map(|_| ()),
            };
            let message = error.expect_err(member).message().to_owned();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
