//! An object's members as the text that they came as.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::{DecodeError, Problem};

/// The members of one JSON object, in their order, each name once.
#[derive(Debug, Clone, Default)]
pub(super) struct Members<'a> {
    list: Vec<(String, &'a str)>,
    repeated: Option<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut list: Vec<(String, &'de str)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    list.push((name, value.get()));
                }
                let mut names: Vec<&str> = list.iter().map(|(name, _)| name.as_str()).collect();
                names.sort_unstable();
                let repeated = names.windows(2).find_map(|two| match two {
                    [first, second] if first == second => Some((*first).to_owned()),
                    _ => None,
                });
                Ok(Members { list, repeated })
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'a> Members<'a> {
    /// The members of an object's text; `None` when it is JSON of another kind, or no JSON.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Refuses an object that names a member twice.
    pub(super) fn unambiguous(&self, place: &str) -> Result<(), DecodeError> {
        let Some(name) = &self.repeated else {
            return Ok(());
        };
        let name = model::text::one_line(name, 100);
        Err(Problem::Repeated { name }.at(place))
    }

    /// The member's JSON text; `null` counts as absent.
    pub(super) fn raw(&self, name: &str) -> Option<&'a str> {
        self.list
            .iter()
            .find(|(have, raw)| have == name && *raw != "null")
            .map(|(_, raw)| *raw)
    }

    /// Whether it is there and not null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Whether all are there.
    pub(super) fn has_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.has(name))
    }

    /// The member's value when it is a string.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        string(self.raw(name)?)
    }

    /// The member's value when it is a string that is not empty.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The member as text: a string's value, or a number's or truth's letters.
    pub(super) fn scalar(&self, name: &str) -> Option<String> {
        let raw = self.raw(name)?;
        if raw.starts_with(['{', '[']) {
            return None;
        }
        string(raw).or_else(|| Some(raw.to_owned()))
    }

    /// The member's number, where it is a whole one that is not negative.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        serde_json::from_str(self.raw(name)?).ok()
    }

    /// The member's own members when it is an object.
    pub(super) fn object(&self, name: &str) -> Option<Members<'a>> {
        Self::of(self.raw(name)?)
    }

    /// The texts of the member's items when it is a list.
    pub(super) fn list(&self, name: &str) -> Option<Vec<&'a str>> {
        items(self.raw(name)?)
    }

    /// The member's items that are strings, at most `most`.
    pub(super) fn strings(&self, name: &str, most: usize) -> Vec<String> {
        let items = self.list(name).unwrap_or_default();
        items.into_iter().filter_map(string).take(most).collect()
    }

    /// The member that the format needs, a string that is not empty.
    pub(super) fn need(
        &self,
        name: &str,
        format: &'static str,
        place: &str,
    ) -> Result<String, DecodeError> {
        let field = || name.to_owned();
        match self.raw(name) {
            None => Err(Problem::Missing {
                field: field(),
                format,
            }
            .at(place)),
            Some(raw) => string(raw).filter(|text| !text.is_empty()).ok_or_else(|| {
                let wanted = "a string that is not empty";
                Problem::Wrong {
                    field: field(),
                    wanted,
                }
                .at(place)
            }),
        }
    }

    /// A text that holds a document: a string's value. Some that stand between have opened it already: then it is what
    /// they made of it.
    pub(super) fn document(
        &self,
        name: &str,
        format: &'static str,
        place: &str,
    ) -> Result<String, DecodeError> {
        match self.raw(name) {
            Some(raw) if raw.starts_with(['{', '[']) => Ok(raw.to_owned()),
            _ => self.need(name, format, place),
        }
    }

    /// Name and JSON text of each member.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.list.iter().map(|(name, raw)| (name.as_str(), *raw))
    }
}

/// The value of a JSON string's text.
pub(super) fn string(raw: &str) -> Option<String> {
    raw.starts_with('"')
        .then(|| serde_json::from_str(raw).ok())?
}

/// The texts of a list's items.
pub(super) fn items(raw: &str) -> Option<Vec<&str>> {
    let list: Vec<&RawValue> = serde_json::from_str(raw).ok()?;
    Some(list.into_iter().map(RawValue::get).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_letters() {
        let text = r#"{ "n" : 1.50e1, "s":"a\u0041", "gone":null, "l":["x",2], "o":{"k":true} }"#;
        let members = Members::of(text).unwrap();
        assert_eq!(members.raw("n"), Some("1.50e1"));
        assert_eq!(members.scalar("n").as_deref(), Some("1.50e1"));
        assert_eq!(members.text("s").as_deref(), Some("aA"));
        assert!(!members.has("gone"));
        assert_eq!(members.strings("l", 9), ["x"]);
        assert_eq!(
            members.object("o").unwrap().scalar("k").as_deref(),
            Some("true")
        );
        assert!(members.unambiguous("body").is_ok());
        assert!(Members::of("[1]").is_none());
        assert!(Members::of("{} x").is_none());
    }

    #[test]
    fn a_name_twice_is_refused() {
        let error = Members::of(r#"{"a":1,"b":2,"\u0061":3}"#)
            .unwrap()
            .unambiguous("body.x");
        assert_eq!(
            error.unwrap_err().to_string(),
            "`body.x` names `a` twice; send every member once"
        );
    }
}
