//! XML bodies of requests, read in one pass and directed by the model.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error::{Place, echo};
use super::scalar::{from_text, wanted};
use super::{Budget, InboundError, wire_name};
use crate::model::{Member, Ref, Shape, Structure};
use crate::protocol::xml;

/// The members of a structure whose document this is, whatever its root is called; an empty body is none. Members
/// bound elsewhere are not looked for.
pub(super) fn body(
    budget: &Budget<'_>,
    structure: &Structure,
    place: &Place<'_>,
    body: &[u8],
) -> Result<Map<String, Value>, InboundError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let mut reader = xml::Reader::new(body).map_err(fault)?;
    reader.root().map_err(fault)?;
    let mut document = Document { budget, reader };
    let members = document.structure((structure, true), place, 1)?;
    document.reader.finish().map_err(fault)?;
    Ok(members)
}

fn fault(reason: String) -> InboundError {
    InboundError::of_xml(&reason)
}

struct Document<'a, 'x> {
    budget: &'a Budget<'a>,
    reader: xml::Reader<'x>,
}

impl<'x> Document<'_, 'x> {
    fn child(&mut self) -> Result<Option<&'x str>, InboundError> {
        self.reader.child().map_err(fault)
    }

    fn skip(&mut self) -> Result<(), InboundError> {
        self.reader.skip().map_err(fault)
    }

    fn text(&mut self) -> Result<Cow<'x, str>, InboundError> {
        self.reader.text().map_err(fault)
    }

    /// The members found in the open element, which is left. `root` tells whether members may be bound elsewhere.
    fn structure(
        &mut self,
        (structure, root): (&Structure, bool),
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Map<String, Value>, InboundError> {
        let mut out = Map::new();
        for member in &structure.members {
            if member.target.traits().xml_attribute {
                let name = wire_name(&member.target, member.name);
                let local = name.rsplit_once(':').map_or(name, |(_, local)| local);
                let text = self.reader.attribute(local).map(str::to_owned);
                if let Some(text) = text {
                    let place = Place::Member(place, member.name);
                    let value = self.scalar(&member.target, &text, &place)?;
                    out.insert(member.name.to_string(), value);
                }
            }
        }
        while let Some(child) = self.child()? {
            let Some(member) = member_of(self.budget, structure, root, child) else {
                self.skip()?;
                continue;
            };
            self.member(member, &mut out, place, depth)?;
        }
        Ok(out)
    }

    /// A child that is a member, or one element of a flattened member.
    fn member(
        &mut self,
        member: &Member,
        out: &mut Map<String, Value>,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(), InboundError> {
        let place = Place::Member(place, member.name);
        let target = &member.target;
        let flattened = target.traits().flattened;
        match self.budget.service.shape(target) {
            Shape::List {
                member: element, ..
            } if flattened => {
                let list = out
                    .entry(member.name.to_string())
                    .or_insert_with(|| Value::Array(Vec::new()));
                let Value::Array(items) = list else {
                    return Ok(());
                };
                let place = Place::Item(&place, items.len() + 1);
                items.push(self.value(element, &place, depth)?);
            }
            Shape::Map { key, value } if flattened => {
                let (key, item) = self.entry((key, value), &place, depth)?;
                let map = out
                    .entry(member.name.to_string())
                    .or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(map) = map
                    && let Some((key, _)) = insert_new(map, key, item)
                {
                    return Err(twice(&key));
                }
            }
            _ => {
                let value = self.value(target, &place, depth)?;
                let name = member.name.to_string();
                if let Some((name, _)) = insert_new(out, name, value) {
                    return Err(twice(&name));
                }
            }
        }
        Ok(())
    }

    /// The open element as a value; it is left.
    fn value(
        &mut self,
        target: &Ref,
        place: &Place<'_>,
        depth: usize,
    ) -> Result<Value, InboundError> {
        let malformed = |reason: String| {
            InboundError::Malformed(format!("the request body is not acceptable XML: {reason}"))
        };
        self.budget.count().map_err(malformed)?;
        let depth = self.budget.deeper(depth).map_err(malformed)?;
        match self.budget.service.shape(target) {
            Shape::Structure(structure) => self
                .structure((structure, false), place, depth)
                .map(Value::Object),
            Shape::List { member, .. } => {
                let mut items = Vec::new();
                while self.child()?.is_some() {
                    let place = Place::Item(place, items.len() + 1);
                    items.push(self.value(member, &place, depth)?);
                }
                Ok(Value::Array(items))
            }
            Shape::Map { key, value } => {
                let mut map = Map::new();
                while self.child()?.is_some() {
                    let (key, item) = self.entry((key, value), place, depth)?;
                    if let Some((key, _)) = insert_new(&mut map, key, item) {
                        return Err(twice(&key));
                    }
                }
                Ok(Value::Object(map))
            }
            _ => {
                let text = self.text()?;
                self.scalar(target, &text, place)
            }
        }
    }

    /// An entry of a map, whose element is left.
    fn entry(
        &mut self,
        (key, value): (&Ref, &Ref),
        place: &Place<'_>,
        depth: usize,
    ) -> Result<(String, Value), InboundError> {
        let (key_name, value_name) = (wire_name(key, "key"), wire_name(value, "value"));
        let (mut found, mut item) = (None, None);
        while let Some(child) = self.child()? {
            if child == key_name && found.is_none() {
                found = Some(self.text()?.into_owned());
            } else if child == value_name && item.is_none() {
                let name = found.clone().unwrap_or_default();
                item = Some(self.value(value, &Place::Key(place, &name), depth)?);
            } else {
                self.skip()?;
            }
        }
        let key = found.ok_or_else(|| {
            InboundError::Malformed(format!("an entry of `{place}` has no `{key_name}`"))
        })?;
        Ok((key, item.unwrap_or(Value::Null)))
    }

    fn scalar(&self, target: &Ref, text: &str, place: &Place<'_>) -> Result<Value, InboundError> {
        let shape = self.budget.service.shape(target);
        from_text(shape, text).ok_or_else(|| {
            place.must_be(match shape {
                Shape::Timestamp => "a timestamp: ISO 8601 text",
                _ => wanted(shape, target),
            })
        })
    }
}

/// Gives back what is in the map already.
fn insert_new(map: &mut Map<String, Value>, key: String, value: Value) -> Option<(String, Value)> {
    if map.contains_key(&key) {
        return Some((key, value));
    }
    map.insert(key, value);
    None
}

fn twice(name: &str) -> InboundError {
    InboundError::Malformed(format!(
        "`{}` stands twice in one element of the request body",
        echo(name)
    ))
}

/// The member that an element means. The element of a flattened list may be called by its own name.
fn member_of<'s>(
    budget: &Budget<'_>,
    structure: &'s Structure,
    root: bool,
    element: &str,
) -> Option<&'s Member> {
    structure.members.iter().find(|member| {
        let traits = member.target.traits();
        if traits.xml_attribute || (root && traits.location.is_some()) {
            return false;
        }
        wire_name(&member.target, member.name) == element
            || (traits.flattened
                && matches!(budget.service.shape(&member.target), Shape::List { member: inner, .. }
                    if inner.traits().location_name == Some(element)))
    })
}
