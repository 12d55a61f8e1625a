//! Requests of REST services: members bound to labels, query and headers; the rest in a JSON or XML body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::error::Place;
use super::read_query::{pairs, unescaped};
use super::scalar::{from_text, wanted};
use super::{Budget, InboundError, Request, read_json, read_xml, routes, wire_name};
use crate::model::{Location, Member, Operation, Protocol, Ref, Shape, Structure};
use crate::protocol::split_list;

/// All members of a request.
pub(super) fn bound(
    budget: &Budget<'_>,
    operation: &Operation,
    input: &Structure,
    request: &Request<'_>,
) -> Result<Map<String, Value>, InboundError> {
    let template = routes::path_of(operation.uri);
    // A bucket's path may end with a slash.
    let path = match budget.service.protocol {
        Protocol::RestXml if !template.contains("+}") && !template.ends_with('/') => {
            request.path.trim_end_matches('/')
        }
        _ => request.path,
    };
    let labels = routes::labels(template, path).unwrap_or_default();
    let query = pairs(request.query, false, budget)?;
    let mut out = Map::new();
    for member in &input.members {
        let place = Place::Member(&Place::Root, member.name);
        let name = wire_name(&member.target, member.name);
        let value = match member.target.traits().location {
            Some(Location::Uri) => {
                let found = labels.iter().find(|(label, _)| *label == name);
                let text = found.map(|(_, raw)| unescaped(raw, false)).transpose()?;
                text.map(|text| scalar(budget, &member.target, &text, &place))
                    .transpose()?
            }
            Some(Location::QueryString) => match budget.service.shape(&member.target) {
                Shape::Map { value, .. } => {
                    let named = Named { operation, input };
                    query_map(budget, &named, value, &query)?
                }
                _ => query_member(budget, &member.target, (name, &query), &place)?,
            },
            Some(Location::Header) => header(budget, &member.target, (name, request), &place)?,
            Some(Location::Headers) => header_map(name, request),
            Some(Location::StatusCode) | None => None,
        };
        if let Some(value) = value {
            out.insert(member.name.to_string(), value);
        }
    }
    match input.payload_member() {
        Some(member) => {
            let value = payload(budget, member, request.body)?;
            out.extend(value.map(|value| (member.name.to_string(), value)));
        }
        None if budget.service.protocol == Protocol::RestJson => {
            out.extend(read_json::body(budget, input, request.body)?);
        }
        None => out.extend(read_xml::body(budget, input, &Place::Root, request.body)?),
    }
    Ok(out)
}

fn scalar(
    budget: &Budget<'_>,
    target: &Ref,
    text: &str,
    place: &Place<'_>,
) -> Result<Value, InboundError> {
    let shape = budget.service.shape(target);
    from_text(shape, text).ok_or_else(|| {
        place.must_be(match shape {
            Shape::Timestamp => "a timestamp",
            _ => wanted(shape, target),
        })
    })
}

fn query_member(
    budget: &Budget<'_>,
    target: &Ref,
    (name, query): (&str, &[(String, String)]),
    place: &Place<'_>,
) -> Result<Option<Value>, InboundError> {
    let mut found = query.iter().filter(|(have, _)| have == name);
    match budget.service.shape(target) {
        Shape::List { member, .. } => {
            let items = found
                .enumerate()
                .map(|(at, (_, text))| scalar(budget, member, text, &Place::Item(place, at + 1)));
            let items = items.collect::<Result<Vec<_>, _>>()?;
            Ok((!items.is_empty()).then_some(Value::Array(items)))
        }
        _ => found
            .next()
            .map(|(_, text)| scalar(budget, target, text, place))
            .transpose(),
    }
}

/// Which names of the query mean members of their own.
struct Named<'a> {
    operation: &'a Operation,
    input: &'a Structure,
}

impl Named<'_> {
    fn has(&self, name: &str) -> bool {
        let member = |member: &Member| {
            member.target.traits().location == Some(Location::QueryString)
                && wire_name(&member.target, member.name) == name
        };
        self.input.members.iter().any(member)
            || routes::constants(self.operation.uri).any(|(constant, _)| constant == name)
    }
}

/// A map takes every parameter that nothing else takes.
fn query_map(
    budget: &Budget<'_>,
    named: &Named<'_>,
    inner: &Ref,
    query: &[(String, String)],
) -> Result<Option<Value>, InboundError> {
    let mut map = Map::new();
    for (name, text) in query.iter().filter(|(name, _)| !named.has(name)) {
        let place = Place::Key(&Place::Root, name);
        match (budget.service.shape(inner), map.get_mut(name)) {
            (Shape::List { member, .. }, Some(Value::Array(items))) => {
                let place = Place::Item(&place, items.len() + 1);
                items.push(scalar(budget, member, text, &place)?);
            }
            (Shape::List { member, .. }, _) => {
                let item = scalar(budget, member, text, &Place::Item(&place, 1))?;
                map.insert(name.clone(), Value::Array(vec![item]));
            }
            // Of two values where one is meant, the first counts.
            (_, Some(_)) => {}
            (_, None) => {
                map.insert(name.clone(), scalar(budget, inner, text, &place)?);
            }
        }
    }
    Ok((!map.is_empty()).then_some(Value::Object(map)))
}

fn header(
    budget: &Budget<'_>,
    target: &Ref,
    (name, request): (&str, &Request<'_>),
    place: &Place<'_>,
) -> Result<Option<Value>, InboundError> {
    if target.traits().json_value {
        let Some(text) = request.headers.first(&name.to_ascii_lowercase()) else {
            return Ok(None);
        };
        let decoded = STANDARD
            .decode(text.trim())
            .map_err(|_| place.must_be("JSON in base64"))?;
        return read_json::any(budget, place, &decoded).map(Some);
    }
    let Shape::List { member, .. } = budget.service.shape(target) else {
        let text = request.headers.first(&name.to_ascii_lowercase());
        return text
            .map(|text| scalar(budget, target, text, place))
            .transpose();
    };
    // A list may come in one header or in several.
    let mut texts = Vec::new();
    request.headers.each(&mut |have, text| {
        if have.eq_ignore_ascii_case(name) {
            texts.push(text.to_owned());
        }
    });
    if texts.is_empty() {
        return Ok(None);
    }
    let dates = matches!(budget.service.shape(member), Shape::Timestamp);
    let items = split_list(&texts.join(", "), dates);
    let items = items
        .iter()
        .enumerate()
        .map(|(at, text)| scalar(budget, member, text, &Place::Item(place, at + 1)));
    items
        .collect::<Result<Vec<_>, _>>()
        .map(|items| Some(Value::Array(items)))
}

/// Headers with a common prefix, which the keys do not have.
fn header_map(prefix: &str, request: &Request<'_>) -> Option<Value> {
    let mut map = Map::new();
    request.headers.each(&mut |name, text| {
        let parts = (name.get(..prefix.len()), name.get(prefix.len()..));
        if let (Some(start), Some(rest)) = parts
            && start.eq_ignore_ascii_case(prefix)
            && !rest.is_empty()
        {
            map.entry(rest.to_owned()).or_insert_with(|| text.into());
        }
    });
    (!map.is_empty()).then_some(Value::Object(map))
}

/// The member that alone makes the body.
fn payload(
    budget: &Budget<'_>,
    member: &Member,
    body: &[u8],
) -> Result<Option<Value>, InboundError> {
    let place = Place::Member(&Place::Root, member.name);
    if body.is_empty() {
        return Ok(None);
    }
    let value = match budget.service.shape(&member.target) {
        Shape::Blob => Value::String(STANDARD.encode(body)),
        Shape::String { .. } => std::str::from_utf8(body)
            .map(Value::from)
            .map_err(|_| place.must_be("text in UTF-8"))?,
        Shape::Structure(structure) if budget.service.protocol == Protocol::RestXml => {
            Value::Object(read_xml::body(budget, structure, &place, body)?)
        }
        _ => read_json::payload(budget, &member.target, &place, body)?,
    };
    Ok((!value.is_null()).then_some(value))
}
