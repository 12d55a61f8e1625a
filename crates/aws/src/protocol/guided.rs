//! Reads JSON and CBOR bodies straight into boto3's form, directed by the model: no tree in between.
//!
//! Works with any serde format that describes itself. A timestamp arrives as number or text, a blob as text (already
//! base64) or bytes.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value, json};

use super::fields::{FieldTables, Form, Held, Last};
use super::{MAX_DEPTH, float_answer, timestamp_answer};
use crate::model::{Ref, Service, Shape, Structure};

/// What reading needs beside the body.
pub(super) struct Guide<'s> {
    service: &'s Service,
    /// What the body is written in, for messages.
    format: &'static str,
    tables: FieldTables<'s>,
    held: Held,
    /// Why the body does not fit the model; `None` when the format itself is broken.
    misfit: Option<String>,
}

impl<'s> Guide<'s> {
    pub(super) fn new(service: &'s Service, format: &'static str) -> Self {
        Self {
            service,
            format,
            tables: FieldTables::new(service, Form::Keys),
            held: Held::default(),
            misfit: None,
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// What does not fit the model, or the format's own error.
    pub(super) fn value<'de, D: Deserializer<'de>>(
        &mut self,
        target: &'s Ref,
        from: D,
    ) -> Result<Value, String> {
        let seed = Seed {
            shape: self.service.shape(target),
            index: target.shape,
            guide: self,
            depth: 0,
        };
        let read = seed.deserialize(from);
        read.map_err(|error| self.fault(&error))
    }

    /// Reads the members of a structure that no reference leads to.
    ///
    /// # Errors
    /// As [`Guide::value`].
    pub(super) fn members<'de, D: Deserializer<'de>>(
        &mut self,
        structure: &'s Structure,
        from: D,
    ) -> Result<Map<String, Value>, String> {
        let read = from.deserialize_any(Members {
            guide: self,
            structure,
        });
        read.map_err(|error| self.fault(&error))
    }

    /// Reads a value of which the model says nothing.
    ///
    /// # Errors
    /// As [`Guide::value`].
    pub(super) fn free<'de, D: Deserializer<'de>>(&mut self, from: D) -> Result<Value, String> {
        let seed = Seed {
            shape: &FREE,
            index: u32::MAX,
            guide: self,
            depth: 0,
        };
        let read = seed.deserialize(from);
        read.map_err(|error| self.fault(&error))
    }

    /// Why a body could not be read.
    pub(super) fn fault(&mut self, error: &dyn fmt::Display) -> String {
        let format = self.format;
        self.misfit
            .take()
            .unwrap_or_else(|| format!("the answer is not {format}: {error}"))
    }

    fn misfit<E: serde::de::Error>(&mut self, reason: String) -> E {
        let error = E::custom(&reason);
        self.misfit.get_or_insert(reason);
        error
    }
}

/// What a value has that the model says nothing of: text and bytes stay as they are.
static FREE: Shape = Shape::Blob;

struct Seed<'g, 's> {
    guide: &'g mut Guide<'s>,
    shape: &'s Shape,
    index: u32,
    depth: usize,
}

impl<'s> Seed<'_, 's> {
    /// The seed of a value inside of this one.
    fn inner(&mut self, target: &Ref, shape: &'s Shape) -> Seed<'_, 's> {
        Seed {
            guide: self.guide,
            shape,
            index: target.shape,
            depth: self.depth + 1,
        }
    }

    /// The seed of a value inside of this one of which the model says nothing.
    fn free(&mut self) -> Seed<'_, 's> {
        Seed {
            guide: self.guide,
            shape: &FREE,
            index: u32::MAX,
            depth: self.depth + 1,
        }
    }

    fn too_deep<E: serde::de::Error>(&mut self) -> E {
        self.guide.misfit(format!(
            "the answer is nested deeper than {MAX_DEPTH} levels"
        ))
    }

    /// A scalar where the model wants something with parts.
    fn scalar_misfit<E: serde::de::Error>(&mut self) -> Option<E> {
        let (what, kind) = match self.shape {
            Shape::Structure(structure) if !structure.document => ("structure", "object"),
            Shape::List { .. } => ("list", "array"),
            Shape::Map { .. } => ("map", "object"),
            _ => return None,
        };
        let format = self.guide.format;
        let reason = format!("a {what} of the answer is not a {format} {kind}");
        Some(self.guide.misfit(reason))
    }

    fn number<E: serde::de::Error>(mut self, number: Number) -> Result<Value, E> {
        match self.shape {
            Shape::Timestamp => Ok(timestamp_answer(&number.to_string())),
            _ => self.scalar_misfit().map_or(Ok(Value::Number(number)), Err),
        }
    }

    fn structure<'de, A: MapAccess<'de>>(
        &mut self,
        structure: &'s Structure,
        mut entries: A,
    ) -> Result<Map<String, Value>, A::Error> {
        let fields = self.guide.tables.of(self.index, structure);
        let frame = self.guide.held.open(&fields);
        let (mut last, mut unknown) = (Last::default(), None);
        while let Some(key) = entries.next_key::<Key<'de>>()? {
            let Some((field, next)) = fields.find(last, key.as_str()) else {
                let given = entries.next_value::<Option<IgnoredAny>>()?.is_some();
                if structure.union && given && unknown.is_none() && key.as_str() != "__type" {
                    unknown = Some(key.as_str().to_owned());
                }
                continue;
            };
            last = next;
            let value = entries.next_value_seed(self.inner(&field.member.target, field.shape))?;
            if value.is_null() {
                continue;
            }
            if let Some(twin) = fields.twin(field) {
                self.guide.held.put(frame, twin.place, value.clone());
            }
            self.guide.held.put(frame, field.place, value);
        }
        let mut out = self.guide.held.close(frame, &fields);
        if let (true, Some(name)) = (out.is_empty(), unknown) {
            out.insert("SDK_UNKNOWN_MEMBER".to_owned(), json!({"name": name}));
        }
        Ok(out)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(mut self, from: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(self.too_deep());
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(mut self, flag: bool) -> Result<Value, E> {
        self.scalar_misfit().map_or(Ok(flag.into()), Err)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.number(number.into())
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.number(number.into())
    }

    fn visit_f64<E: serde::de::Error>(mut self, number: f64) -> Result<Value, E> {
        match Number::from_f64(number) {
            Some(number) => self.number(number),
            // What JSON cannot write is text, as in the other protocols.
            None => {
                let name = match number {
                    number if number.is_nan() => "NaN",
                    number if number > 0.0 => "Infinity",
                    _ => "-Infinity",
                };
                self.scalar_misfit().map_or(Ok(name.into()), Err)
            }
        }
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Value, E> {
        if let Some(misfit) = self.scalar_misfit() {
            return Err(misfit);
        }
        Ok(match self.shape {
            Shape::Timestamp => timestamp_answer(text),
            Shape::Float | Shape::Double => float_answer(text),
            Shape::Integer { .. } | Shape::Long { .. } => text
                .trim()
                .parse::<i64>()
                .map_or_else(|_| text.into(), Value::from),
            Shape::Boolean => text.trim().eq_ignore_ascii_case("true").into(),
            _ => text.into(),
        })
    }

    fn visit_bytes<E: serde::de::Error>(mut self, bytes: &[u8]) -> Result<Value, E> {
        self.scalar_misfit()
            .map_or_else(|| Ok(STANDARD.encode(bytes).into()), Err)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<Value, A::Error> {
        match self.shape {
            Shape::List { member, .. } => {
                let shape = self.guide.service.shape(member);
                let mut items = Vec::new();
                while let Some(item) = elements.next_element_seed(self.inner(member, shape))? {
                    items.push(item);
                }
                Ok(Value::Array(items))
            }
            Shape::Structure(structure) if !structure.document => Err(self
                .scalar_misfit()
                .unwrap_or_else(|| A::Error::custom("not an object"))),
            Shape::Map { .. } => Err(self
                .scalar_misfit()
                .unwrap_or_else(|| A::Error::custom("not an object"))),
            _ => {
                let mut items = Vec::new();
                while let Some(item) = elements.next_element_seed(self.free())? {
                    items.push(item);
                }
                Ok(Value::Array(items))
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        match self.shape {
            Shape::Structure(structure) if !structure.document => {
                self.structure(structure, entries).map(Value::Object)
            }
            Shape::Map { value, .. } => {
                let shape = self.guide.service.shape(value);
                let mut map = Map::new();
                while let Some(key) = entries.next_key::<String>()? {
                    let item = entries.next_value_seed(self.inner(value, shape))?;
                    // A list or map in a map is never null; other values may be, where JSON says so.
                    let dense = matches!(shape, Shape::List { .. } | Shape::Map { .. });
                    if !item.is_null() || !(dense || self.guide.format == "CBOR") {
                        map.insert(key, item);
                    }
                }
                Ok(Value::Object(map))
            }
            Shape::List { .. } => Err(self
                .scalar_misfit()
                .unwrap_or_else(|| A::Error::custom("not an array"))),
            _ => {
                let mut map = Map::new();
                while let Some(key) = entries.next_key::<String>()? {
                    let item = entries.next_value_seed(self.free())?;
                    map.insert(key, item);
                }
                Ok(Value::Object(map))
            }
        }
    }
}

struct Members<'g, 's> {
    guide: &'g mut Guide<'s>,
    structure: &'s Structure,
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Self::Value, A::Error> {
        let mut seed = Seed {
            guide: self.guide,
            shape: &FREE,
            index: u32::MAX,
            depth: 0,
        };
        seed.structure(self.structure, entries)
    }
}

/// A key, borrowed from the body where it can be.
enum Key<'de> {
    Borrowed(&'de str),
    Owned(String),
}

impl Key<'_> {
    fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a name")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Key<'de>, E> {
                Ok(Key::Borrowed(text))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key::Owned(text.to_owned()))
            }
        }
        from.deserialize_str(KeyVisitor)
    }
}
