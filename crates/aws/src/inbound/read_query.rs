//! Form-encoded parameters of the query protocol and its EC2 dialect: names joined by dots, opened into a tree and read
//! by the model.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::{Place, echo};
use super::scalar::{from_text, wanted};
use super::{Budget, InboundError, Request, wire_name};
use crate::model::{Protocol, Ref, Shape, Structure};
use crate::percent;

/// Names and values of a form or a query, decoded, in order of arrival. `plus` tells whether `+` is a blank, as it is
/// in forms.
pub(super) fn pairs(
    text: &str,
    plus: bool,
    budget: &Budget<'_>,
) -> Result<Vec<(String, String)>, InboundError> {
    let decoded = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        budget.count().map_err(|reason| {
            InboundError::Malformed(format!("the request's parameters are {reason}"))
        })?;
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((unescaped(name, plus)?, unescaped(value, plus)?))
    });
    decoded.collect()
}

/// Text without its percent-encoding.
pub(super) fn unescaped(text: &str, plus: bool) -> Result<String, InboundError> {
    let blanks = if plus && text.contains('+') {
        percent::decode_bytes(&text.replace('+', " "))
    } else {
        percent::decode_bytes(text)
    };
    String::from_utf8(blanks).map_err(|_| {
        InboundError::Malformed(
            "the request's path or query is not UTF-8 after percent-decoding".to_owned(),
        )
    })
}

/// The value of `Action` in a form or query.
pub(super) fn action(request: &Request<'_>) -> Option<String> {
    let body = std::str::from_utf8(request.body).unwrap_or_default();
    let named = |text: &str| {
        let mut pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(name, _)| *name == "Action")
            .and_then(|(_, value)| unescaped(value, true).ok())
    };
    named(body).or_else(|| named(request.query))
}

/// The parameters of a request, from its body and its query.
pub(super) fn form(
    budget: &Budget<'_>,
    structure: &Structure,
    request: &Request<'_>,
) -> Result<Map<String, Value>, InboundError> {
    let body = std::str::from_utf8(request.body)
        .map_err(|_| InboundError::Malformed("the request body is not UTF-8".to_owned()))?;
    let mut root = Node::default();
    for text in [request.query, body.trim()] {
        for (name, value) in pairs(text, true, budget)? {
            root.insert(&name, value, budget)?;
        }
    }
    let reader = Reader { budget };
    reader.structure(structure, &root, &Place::Root)
}

/// What stands at a name: its own value and whatever is below it.
#[derive(Debug, Default)]
struct Node {
    value: Option<String>,
    below: BTreeMap<String, Node>,
}

impl Node {
    fn insert(
        &mut self,
        name: &str,
        value: String,
        budget: &Budget<'_>,
    ) -> Result<(), InboundError> {
        let mut node = self;
        for (depth, step) in name.split('.').enumerate() {
            // A list and its elements are two steps each.
            budget.deeper(depth / 2).map_err(|reason| {
                InboundError::Malformed(format!("the parameter `{}` is {reason}", echo(name)))
            })?;
            node = node.below.entry(step.to_owned()).or_default();
        }
        if node.value.replace(value).is_some() {
            return Err(InboundError::Malformed(format!(
                "the parameter `{}` stands twice in the request",
                echo(name)
            )));
        }
        Ok(())
    }

    /// The node at a name that may have dots.
    fn at(&self, name: &str) -> Option<&Self> {
        let mut node = self;
        for step in name.split('.') {
            node = node.below.get(step)?;
        }
        Some(node)
    }

    /// The nodes at numbers, in their order.
    fn numbered(&self, place: &Place<'_>) -> Result<Vec<&Self>, InboundError> {
        let mut items = Vec::with_capacity(self.below.len());
        for (step, node) in &self.below {
            let number: u32 = step.parse().map_err(|_| place.must_be("a list"))?;
            items.push((number, node));
        }
        items.sort_by_key(|(number, _)| *number);
        Ok(items.into_iter().map(|(_, node)| node).collect())
    }
}

struct Reader<'a> {
    budget: &'a Budget<'a>,
}

impl Reader<'_> {
    fn is_ec2(&self) -> bool {
        self.budget.service.protocol == Protocol::Ec2
    }

    fn name(&self, target: &Ref, own: &str) -> String {
        let traits = target.traits();
        if !self.is_ec2() {
            return wire_name(target, own).to_owned();
        }
        match traits.query_name {
            Some(name) => name.to_owned(),
            None => capitalised(wire_name(target, own)),
        }
    }

    fn structure(
        &self,
        structure: &Structure,
        node: &Node,
        place: &Place<'_>,
    ) -> Result<Map<String, Value>, InboundError> {
        let mut out = Map::new();
        for member in &structure.members {
            let place = Place::Member(place, member.name);
            let name = self.name(&member.target, member.name);
            let value = match self.budget.service.shape(&member.target) {
                Shape::List {
                    member: element, ..
                } => self.list((&member.target, element), (node, &name), &place)?,
                _ => match node.at(&name) {
                    Some(node) => self.value(&member.target, node, &place)?,
                    None => None,
                },
            };
            if let Some(value) = value {
                out.insert(member.name.to_string(), value);
            }
        }
        Ok(out)
    }

    /// A value; `None` where nothing of it is given.
    fn value(
        &self,
        target: &Ref,
        node: &Node,
        place: &Place<'_>,
    ) -> Result<Option<Value>, InboundError> {
        let shape = self.budget.service.shape(target);
        match shape {
            Shape::Structure(_) | Shape::Map { .. } if node.below.is_empty() => Ok(None),
            Shape::Structure(structure) => {
                let members = self.structure(structure, node, place)?;
                Ok(Some(Value::Object(members)))
            }
            Shape::Map { key, value } => self.map(target, (key, value), node, place).map(Some),
            // A list within a list: the element's name is a level of its own.
            Shape::List { member, .. } => {
                let inner = if self.is_ec2() || target.traits().flattened {
                    Some(node)
                } else {
                    node.at(wire_name(member, "member"))
                };
                self.items(member, inner, node.value.as_deref(), place)
            }
            scalar => match node.value.as_deref() {
                None => Err(place.must_be(wanted(scalar, target))),
                Some(text) => from_text(scalar, text)
                    .map(Some)
                    .ok_or_else(|| place.must_be(in_forms(scalar, target))),
            },
        }
    }

    /// A member that is a list. The element's name takes the place of a flattened list's own.
    fn list(
        &self,
        (list, element): (&Ref, &Ref),
        (node, name): (&Node, &str),
        place: &Place<'_>,
    ) -> Result<Option<Value>, InboundError> {
        let own = node.at(name);
        let empty = own.and_then(|own| own.value.as_deref());
        let items = if self.is_ec2() {
            own
        } else if list.traits().flattened {
            let other = element.traits().location_name;
            let other = other.map(|other| match name.rsplit_once('.') {
                Some((before, _)) => format!("{before}.{other}"),
                None => other.to_owned(),
            });
            other.and_then(|other| node.at(&other)).or(own)
        } else {
            own.and_then(|own| {
                own.at(wire_name(element, "member"))
                    .or_else(|| own.at("member"))
            })
        };
        self.items(element, items, empty, place)
    }

    fn items(
        &self,
        element: &Ref,
        node: Option<&Node>,
        own: Option<&str>,
        place: &Place<'_>,
    ) -> Result<Option<Value>, InboundError> {
        let numbered = node.map(|node| node.numbered(place)).transpose()?;
        let numbered = numbered.unwrap_or_default();
        if numbered.is_empty() {
            // `Names=` is the empty list; anything else there is no list.
            return match own {
                Some("") => Ok(Some(Value::Array(Vec::new()))),
                Some(_) => Err(place.must_be("a list")),
                None => Ok(None),
            };
        }
        let mut items = Vec::with_capacity(numbered.len());
        for node in numbered {
            let place = Place::Item(place, items.len() + 1);
            items.extend(self.value(element, node, &place)?);
        }
        Ok(Some(Value::Array(items)))
    }

    fn map(
        &self,
        target: &Ref,
        (key, value): (&Ref, &Ref),
        node: &Node,
        place: &Place<'_>,
    ) -> Result<Value, InboundError> {
        let entries = if target.traits().flattened {
            Some(node)
        } else {
            node.at("entry")
        };
        let (key_name, value_name) = (self.name(key, "key"), self.name(value, "value"));
        let mut out = Map::new();
        let entries = entries.map(|node| node.numbered(place)).transpose()?;
        for entry in entries.unwrap_or_default() {
            let Some(name) = entry.at(&key_name).and_then(|node| node.value.as_deref()) else {
                return Err(InboundError::Malformed(format!(
                    "an entry of `{place}` has no `{key_name}`"
                )));
            };
            let place = Place::Key(place, name);
            let item = match entry.at(&value_name) {
                Some(node) => self.value(value, node, &place)?,
                None => None,
            };
            if out
                .insert(name.to_owned(), item.unwrap_or(Value::Null))
                .is_some()
            {
                return Err(InboundError::Malformed(format!(
                    "the key `{}` stands twice in one map",
                    echo(name)
                )));
            }
        }
        Ok(Value::Object(out))
    }
}

/// What a scalar must be in a form, where all timestamps are text.
fn in_forms(shape: &Shape, target: &Ref) -> &'static str {
    match shape {
        Shape::Timestamp => "a timestamp: ISO 8601 text",
        _ => wanted(shape, target),
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}
