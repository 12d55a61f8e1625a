//! Typed reading of request members, with AWS's messages for what breaks a constraint.
//!
//! Places are spelled as AWS spells them: members in lower camel case, list members as `entries.2.member.detail`.
//! `null` is the same as absent, unknown members are passed over, as AWS does both.

mod constraint;
mod instant;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::error::ApiError;

use constraint::check_count;
pub(crate) use constraint::{Text, is_word};
pub(crate) use instant::epoch;
use instant::from_epoch;

/// The members of one object of a request.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    place: String,
}

impl<'a> Fields<'a> {
    /// The members of the request itself.
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self {
            map,
            place: String::new(),
        }
    }

    /// All members as given.
    pub(crate) fn map(&self) -> &'a Map<String, Value> {
        self.map
    }

    /// Where a member stands.
    pub(crate) fn place(&self, name: &str) -> String {
        let mut spelled = String::with_capacity(self.place.len() + name.len() + 1);
        if !self.place.is_empty() {
            spelled.push_str(&self.place);
            spelled.push('.');
        }
        let mut letters = name.chars();
        if let Some(first) = letters.next() {
            spelled.extend(first.to_lowercase());
        }
        spelled.push_str(letters.as_str());
        spelled
    }

    /// A member as given.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// The error for a member that must be there.
    pub(crate) fn missing(&self, name: &str) -> ApiError {
        ApiError::constraint(&self.place(name), None, "Member must not be null")
    }

    fn wrong_type(&self, name: &str, wanted: &str) -> ApiError {
        ApiError::malformed(format!("`{}` must be {wanted}", self.place(name)))
    }

    /// A string member.
    pub(crate) fn text(&self, name: &str, rule: Text) -> Result<Option<&'a str>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| self.wrong_type(name, "a string"))?;
        rule.check(&self.place(name), text)?;
        Ok(Some(text))
    }

    /// A string member that no message may show.
    pub(crate) fn secret_text(&self, name: &str, rule: Text) -> Result<Option<&'a str>, ApiError> {
        let Some(text) = self.text(name, Text::length(0, usize::MAX))? else {
            return Ok(None);
        };
        rule.check_secret(&self.place(name), text)?;
        Ok(Some(text))
    }

    /// A string member that must be there.
    pub(crate) fn required_text(&self, name: &str, rule: Text) -> Result<&'a str, ApiError> {
        self.text(name, rule)?.ok_or_else(|| self.missing(name))
    }

    /// A string member of a closed list.
    pub(crate) fn one_of(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name, Text::length(0, usize::MAX))? else {
            return Ok(None);
        };
        let known = words.iter().find(|word| **word == text).copied();
        known.map(Some).ok_or_else(|| {
            let rule = format!("Member must satisfy enum value set: [{}]", words.join(", "));
            ApiError::constraint(&self.place(name), Some(text), &rule)
        })
    }

    /// A string member of a closed list that must be there.
    pub(crate) fn required_one_of(
        &self,
        name: &str,
        words: &[&'static str],
    ) -> Result<&'static str, ApiError> {
        self.one_of(name, words)?.ok_or_else(|| self.missing(name))
    }

    /// A whole number from `min` to `max`.
    pub(crate) fn integer(&self, name: &str, min: i64, max: i64) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let number = value
            .as_i64()
            .ok_or_else(|| self.wrong_type(name, "a whole number"))?;
        let rule = if number < min {
            format!("Member must have value greater than or equal to {min}")
        } else if number > max {
            format!("Member must have value less than or equal to {max}")
        } else {
            return Ok(Some(number));
        };
        Err(ApiError::constraint(
            &self.place(name),
            Some(&number.to_string()),
            &rule,
        ))
    }

    /// A page size: `default` when absent.
    pub(crate) fn page_size(
        &self,
        name: &str,
        max: i64,
        default: usize,
    ) -> Result<usize, ApiError> {
        let size = self.integer(name, 1, max)?;
        Ok(size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(default))
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        value
            .as_bool()
            .map(Some)
            .ok_or_else(|| self.wrong_type(name, "true or false"))
    }

    /// An instant: epoch seconds with a fraction, or ISO 8601 text.
    pub(crate) fn timestamp(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let parsed = match value {
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_f64().and_then(from_epoch),
            _ => None,
        };
        parsed
            .map(Some)
            .ok_or_else(|| self.wrong_type(name, "a timestamp: seconds since 1970 as a number"))
    }

    /// An instant that must be there.
    pub(crate) fn required_timestamp(&self, name: &str) -> Result<Timestamp, ApiError> {
        self.timestamp(name)?.ok_or_else(|| self.missing(name))
    }

    /// An object member.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let map = value
            .as_object()
            .ok_or_else(|| self.wrong_type(name, "an object"))?;
        Ok(Some(Fields {
            map,
            place: self.place(name),
        }))
    }

    /// An object member that must be there.
    pub(crate) fn required_object(&self, name: &str) -> Result<Fields<'a>, ApiError> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// A list member of `min` to `max` elements, with the place of each.
    pub(crate) fn list(
        &self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Option<Vec<(String, &'a Value)>>, ApiError> {
        let Some(value) = self.raw(name) else {
            return Ok(None);
        };
        let items = value
            .as_array()
            .ok_or_else(|| self.wrong_type(name, "a list"))?;
        let place = self.place(name);
        check_count(&place, items.len(), min, max)?;
        let placed = items
            .iter()
            .enumerate()
            .map(|(at, item)| (format!("{place}.{}.member", at + 1), item));
        Ok(Some(placed.collect()))
    }

    /// A list of strings.
    pub(crate) fn texts(
        &self,
        name: &str,
        count: (usize, usize),
        rule: Text,
    ) -> Result<Option<Vec<&'a str>>, ApiError> {
        let Some(items) = self.list(name, count.0, count.1)? else {
            return Ok(None);
        };
        let texts = items.into_iter().map(|(place, item)| {
            let text = item
                .as_str()
                .ok_or_else(|| ApiError::malformed(format!("`{place}` must be a string")))?;
            rule.check(&place, text).map(|()| text)
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A list of strings that must be there.
    pub(crate) fn required_texts(
        &self,
        name: &str,
        count: (usize, usize),
        rule: Text,
    ) -> Result<Vec<&'a str>, ApiError> {
        self.texts(name, count, rule)?
            .ok_or_else(|| self.missing(name))
    }

    /// A list of objects.
    pub(crate) fn objects(
        &self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Option<Vec<Fields<'a>>>, ApiError> {
        let Some(items) = self.list(name, min, max)? else {
            return Ok(None);
        };
        let objects = items
            .into_iter()
            .map(|(place, item)| match item.as_object() {
                Some(map) => Ok(Fields { map, place }),
                None => Err(ApiError::malformed(format!("`{place}` must be an object"))),
            });
        objects.collect::<Result<_, _>>().map(Some)
    }

    /// A list of objects that must be there.
    pub(crate) fn required_objects(
        &self,
        name: &str,
        min: usize,
        max: usize,
    ) -> Result<Vec<Fields<'a>>, ApiError> {
        self.objects(name, min, max)?
            .ok_or_else(|| self.missing(name))
    }

    /// A map of strings to strings.
    pub(crate) fn text_map(
        &self,
        name: &str,
        count: (usize, usize),
        rules: (Text, Text),
    ) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let Some(fields) = self.object(name)? else {
            return Ok(None);
        };
        check_count(&fields.place, fields.map.len(), count.0, count.1)?;
        let mut map = BTreeMap::new();
        for key in fields.map.keys() {
            rules.0.check(&fields.place, key)?;
            let value = fields
                .raw(key)
                .and_then(Value::as_str)
                .ok_or_else(|| fields.wrong_type(key, "a string"))?;
            rules.1.check(&format!("{}.{key}", fields.place), value)?;
            map.insert(key.clone(), value.to_owned());
        }
        Ok(Some(map))
    }

    /// The one member set of a union.
    pub(crate) fn union(&self, members: &[&'static str]) -> Result<&'static str, ApiError> {
        let mut set = members
            .iter()
            .copied()
            .filter(|name| self.raw(name).is_some());
        match (set.next(), set.next()) {
            (Some(name), None) => Ok(name),
            _ => Err(ApiError::validation(format!(
                "`{}` must have exactly one of: {}",
                self.place,
                members.join(", ")
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn failure<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.expect_err("must be refused").message().to_owned()
    }

    #[test]
    fn messages_name_place_and_constraint() {
        let value = json!({
            "Name": "a b", "Empty": "", "Long": "abcdef", "Kind": "X", "Limit": 0, "Flag": "yes", "When": "soon",
            "Items": [{"Id": 5}], "Many": [1, 2, 3], "Null": null, "Map": {"k": 1}
        });
        let fields = Fields::new(value.as_object().expect("object"));
        let name = Text::length(1, 5).matching("[a-z]+", |text| is_word(text, ""));
        let at = "1 validation error detected: Value ";
        let items = fields.required_objects("Items", 1, 2).expect("objects");
        let cases = [
            (
                failure(fields.required_text("Name", name)),
                "'a b' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z]+",
            ),
            (
                failure(fields.required_text("Empty", name)),
                "'' at 'empty' failed to satisfy constraint: Member must have length greater than or equal to 1",
            ),
            (
                failure(fields.required_text("Long", name)),
                "'abcdef' at 'long' failed to satisfy constraint: Member must have length less than or equal to 5",
            ),
            (
                failure(fields.required_text("Null", name)),
                "null at 'null' failed to satisfy constraint: Member must not be null",
            ),
            (
                failure(fields.one_of("Kind", &["A", "B"])),
                "'X' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A, B]",
            ),
            (
                failure(fields.integer("Limit", 1, 100)),
                "'0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1",
            ),
            (
                failure(fields.list("Many", 0, 2)),
                "'[3 elements]' at 'many' failed to satisfy constraint: Member must have length less than or equal to 2",
            ),
            (
                failure(items[0].required_text("Arn", name)),
                "null at 'items.1.member.arn' failed to satisfy constraint: Member must not be null",
            ),
        ];
        for (got, want) in cases {
            assert_eq!(got, format!("{at}{want}"));
        }
        assert_eq!(
            failure(fields.boolean("Flag")),
            "`flag` must be true or false"
        );
        assert_eq!(
            failure(items[0].text("Id", name)),
            "`items.1.member.id` must be a string"
        );
        assert!(failure(fields.timestamp("When")).starts_with("`when` must be a timestamp"));
        let any = Text::length(0, 10);
        assert_eq!(
            failure(fields.text_map("Map", (0, 5), (any, any))),
            "`map.k` must be a string"
        );
    }

    #[test]
    fn instants_round_trip() {
        for (text, wire) in [
            ("2024-05-01T10:00:00Z", "1714557600"),
            ("2024-05-01T10:00:00.25Z", "1714557600.25"),
        ] {
            let at: Timestamp = text.parse().expect("instant");
            assert_eq!(epoch(at).to_string(), wire);
            let value = json!({ "T": epoch(at), "S": text });
            let fields = Fields::new(value.as_object().expect("object"));
            assert_eq!(fields.timestamp("T").expect("number"), Some(at));
            assert_eq!(fields.timestamp("S").expect("text"), Some(at));
        }
        let value = json!({ "T": 1e300 });
        assert!(
            Fields::new(value.as_object().expect("object"))
                .timestamp("T")
                .is_err()
        );
    }

    #[test]
    fn unions_want_exactly_one() {
        let value = json!({ "a": {}, "b": null });
        let fields = Fields::new(value.as_object().expect("object"));
        assert_eq!(fields.union(&["a", "b"]).expect("one"), "a");
        assert!(fields.union(&["b"]).is_err());
        let value = json!({ "a": {}, "b": {} });
        assert!(
            Fields::new(value.as_object().expect("object"))
                .union(&["a", "b"])
                .is_err()
        );
    }
}
