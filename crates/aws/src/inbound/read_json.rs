//! JSON and CBOR bodies, read in one pass and directed by the model: within the budget, without duplicate keys.

use std::collections::HashSet;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::error::{Place, echo};
use super::scalar::{from_json_text, from_number, wanted};
use super::{Budget, InboundError, wire_name};
use crate::model::{Member, Protocol, Ref, Shape, Structure};
use crate::protocol::cbor;

/// The members of a structure whose body this is; an empty body is `{}`. Members bound elsewhere are not looked for.
pub(super) fn body(
    budget: &Budget<'_>,
    structure: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, InboundError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let value = read(budget, Wanted::Root(structure), &Place::Root, body)?;
    members(budget, value)
}

/// As [`body`], in CBOR.
pub(super) fn cbor_body(
    budget: &Budget<'_>,
    structure: &Structure,
    body: &[u8],
) -> Result<Map<String, Value>, InboundError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let mut reader = cbor::Reader::new(body);
    let node = Node {
        budget,
        wanted: Wanted::Root(structure),
        place: &Place::Root,
        depth: 0,
    };
    let value = node
        .deserialize(&mut reader)
        .and_then(|value| reader.finish().map(|()| value));
    let value = value.map_err(|error| {
        budget.fault.take().unwrap_or_else(|| {
            InboundError::Malformed(format!("the request body is not acceptable CBOR: {error}"))
        })
    })?;
    members(budget, value)
}

fn members(budget: &Budget<'_>, body: Value) -> Result<Map<String, Value>, InboundError> {
    match body {
        Value::Object(map) => Ok(map),
        _ => Err(no_structure(budget)),
    }
}

/// The fault of a body that is something else than its members.
fn no_structure(budget: &Budget<'_>) -> InboundError {
    let wanted = match budget.service.protocol {
        Protocol::Cbor => "CBOR map",
        _ => "JSON object",
    };
    InboundError::Malformed(format!("the request body must be one {wanted}"))
}

/// A value that is a whole body.
pub(super) fn payload(
    budget: &Budget<'_>,
    target: &Ref,
    place: &Place<'_>,
    body: &[u8],
) -> Result<Value, InboundError> {
    read(budget, Wanted::At(target), place, body)
}

/// JSON of any kind, as a header or a form may carry.
pub(super) fn any(
    budget: &Budget<'_>,
    place: &Place<'_>,
    text: &[u8],
) -> Result<Value, InboundError> {
    read(budget, Wanted::Any, place, text)
}

fn read(
    budget: &Budget<'_>,
    wanted: Wanted<'_>,
    place: &Place<'_>,
    body: &[u8],
) -> Result<Value, InboundError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let node = Node {
        budget,
        wanted,
        place,
        depth: 0,
    };
    let value = node
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| {
        budget.fault.take().unwrap_or_else(|| {
            InboundError::Malformed(format!("the request body is not acceptable JSON: {error}"))
        })
    })
}

/// What may stand at a place.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// Anything.
    Any,
    /// What the model says.
    At(&'a Ref),
    /// The members of the whole body.
    Root(&'a Structure),
}

#[derive(Clone, Copy)]
struct Node<'a> {
    budget: &'a Budget<'a>,
    wanted: Wanted<'a>,
    place: &'a Place<'a>,
    depth: usize,
}

/// What the model wants at a place, looked up once.
enum Form<'a> {
    Any,
    Scalar(&'a Shape),
    List(&'a Ref),
    Map(&'a Ref),
    Structure(&'a Structure, bool),
}

impl<'a> Node<'a> {
    fn form(&self) -> Form<'a> {
        let target = match self.wanted {
            Wanted::Any => return Form::Any,
            Wanted::Root(structure) => return Form::Structure(structure, true),
            Wanted::At(target) if target.traits().json_value => return Form::Any,
            Wanted::At(target) => target,
        };
        match self.budget.service.shape(target) {
            Shape::Structure(structure) if structure.document => Form::Any,
            Shape::Structure(structure) => Form::Structure(structure, false),
            Shape::List { member, .. } => Form::List(member),
            Shape::Map { value, .. } => Form::Map(value),
            scalar => Form::Scalar(scalar),
        }
    }

    fn wrong<E: serde::de::Error>(&self) -> E {
        let fault = match self.wanted {
            Wanted::At(target) => self
                .place
                .must_be(wanted(self.budget.service.shape(target), target)),
            Wanted::Any | Wanted::Root(_) => no_structure(self.budget),
        };
        let error = E::custom(&fault);
        *self.budget.fault.borrow_mut() = Some(fault);
        error
    }

    fn scalar<E: serde::de::Error>(
        &self,
        any: Value,
        read: impl FnOnce(&Shape) -> Option<Value>,
    ) -> Result<Value, E> {
        match self.form() {
            Form::Any => Ok(any),
            Form::Scalar(shape) => read(shape).ok_or_else(|| self.wrong()),
            _ => Err(self.wrong()),
        }
    }

    fn number<E: serde::de::Error>(&self, number: Number) -> Result<Value, E> {
        match self.form() {
            Form::Any => Ok(Value::Number(number)),
            Form::Scalar(shape) => from_number(shape, number).ok_or_else(|| self.wrong()),
            _ => Err(self.wrong()),
        }
    }

    fn structure<'de, A: MapAccess<'de>>(
        &self,
        (structure, root): (&'a Structure, bool),
        depth: usize,
        mut members: A,
    ) -> Result<Value, A::Error> {
        let mut out = Map::new();
        let mut unknown: HashSet<String> = HashSet::new();
        let mut nulls = false;
        let bound = root && self.budget.service.protocol == Protocol::RestJson;
        while let Some(key) = members.next_key_seed(MemberName { structure, bound })? {
            match key {
                Key::Member(member) => {
                    let place = Place::Member(self.place, member.name);
                    let value = members.next_value_seed(Node {
                        budget: self.budget,
                        wanted: Wanted::At(&member.target),
                        place: &place,
                        depth,
                    })?;
                    nulls |= value.is_null();
                    if out.insert(member.name.to_string(), value).is_some() {
                        return Err(twice(wire_name(&member.target, member.name)));
                    }
                }
                Key::Unknown(name) => {
                    members.next_value_seed(Node {
                        budget: self.budget,
                        wanted: Wanted::Any,
                        place: self.place,
                        depth,
                    })?;
                    if let Some(name) = unknown.replace(name) {
                        return Err(twice(&name));
                    }
                }
            }
        }
        if nulls {
            out.retain(|_, value| !value.is_null());
        }
        Ok(Value::Object(out))
    }

    fn map<'de, A: MapAccess<'de>>(
        &self,
        wanted: Wanted<'a>,
        depth: usize,
        mut members: A,
    ) -> Result<Value, A::Error> {
        let mut out = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let place = Place::Key(self.place, &name);
            let value = members.next_value_seed(Node {
                budget: self.budget,
                wanted,
                place: &place,
                depth,
            })?;
            if out.contains_key(&name) {
                return Err(twice(&name));
            }
            out.insert(name, value);
        }
        Ok(Value::Object(out))
    }
}

fn twice<E: serde::de::Error>(name: &str) -> E {
    E::custom(format_args!(
        "the key `{}` stands twice in one object",
        echo(name)
    ))
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.budget.count().map_err(D::Error::custom)?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Value, E> {
        self.scalar(Value::Bool(value), |shape| {
            matches!(shape, Shape::Boolean).then_some(Value::Bool(value))
        })
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Value, E> {
        self.number(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => self.number(number),
            // Only CBOR can write these; they stand as text, as in JSON.
            None => self.visit_str(match value {
                value if value.is_nan() => "NaN",
                value if value > 0.0 => "Infinity",
                _ => "-Infinity",
            }),
        }
    }

    /// Only CBOR has bytes.
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Value, E> {
        let encoded = Value::String(STANDARD.encode(bytes));
        self.scalar(encoded.clone(), |shape| {
            matches!(shape, Shape::Blob).then_some(encoded)
        })
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        match self.form() {
            Form::Any => Ok(value.into()),
            Form::Scalar(shape) => from_json_text(shape, value).ok_or_else(|| self.wrong()),
            _ => Err(self.wrong()),
        }
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        match self.form() {
            Form::Any | Form::Scalar(Shape::String { .. }) => Ok(Value::String(value)),
            _ => self.visit_str(&value),
        }
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.budget.deeper(self.depth).map_err(A::Error::custom)?;
        let wanted = match self.form() {
            // Read to its end, so that a limit that is broken is told first.
            Form::Any | Form::Structure(_, true) => Wanted::Any,
            Form::List(member) => Wanted::At(member),
            _ => return Err(self.wrong()),
        };
        let mut list = Vec::new();
        loop {
            let place = Place::Item(self.place, list.len() + 1);
            let item = items.next_element_seed(Node {
                budget: self.budget,
                wanted,
                place: &place,
                depth,
            })?;
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Value, A::Error> {
        let depth = self.budget.deeper(self.depth).map_err(A::Error::custom)?;
        match self.form() {
            Form::Any => self.map(Wanted::Any, depth, members),
            Form::Map(value) => self.map(Wanted::At(value), depth, members),
            Form::Structure(structure, root) => self.structure((structure, root), depth, members),
            _ => Err(self.wrong()),
        }
    }
}

/// Which member a key means.
enum Key<'a> {
    Member(&'a Member),
    Unknown(String),
}

#[derive(Clone, Copy)]
struct MemberName<'a> {
    structure: &'a Structure,
    /// Members may be bound elsewhere, and are then not in the body.
    bound: bool,
}

impl<'de, 'a> DeserializeSeed<'de> for MemberName<'a> {
    type Value = Key<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key<'a>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for MemberName<'a> {
    type Value = Key<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Key<'a>, E> {
        let means = |member: &&Member| {
            wire_name(&member.target, member.name) == name
                && !(self.bound && member.target.traits().location.is_some())
        };
        let found = self.structure.members.iter().find(means);
        Ok(found.map_or_else(|| Key::Unknown(name.to_owned()), Key::Member))
    }
}
