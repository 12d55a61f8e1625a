//! XML answers: query, EC2, and the XML bodies of REST services.

use serde_json::{Map, Value};

use super::xml::{self, Node};
use super::{MAX_DEPTH, broken, scalar_answer};
use crate::HttpResponse;
use crate::model::{Operation, Protocol, Ref, Service, Shape, Structure};
use crate::service_error::ServiceError;

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    let output = operation
        .output
        .as_ref()
        .and_then(|output| service.structure(output));
    // Some targets send nothing where there is nothing to tell.
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok((Map::new(), None));
    }
    let root = xml::parse(&response.body).map_err(|reason| broken(response, &reason))?;
    let request_id = match service.protocol {
        Protocol::Ec2 => root.child_text("requestId"),
        _ => root
            .child("ResponseMetadata")
            .and_then(|metadata| metadata.child_text("RequestId")),
    }
    .map(str::to_owned);
    let Some(structure) = output else {
        return Ok((Map::new(), request_id));
    };
    let wrapped = operation
        .result_wrapper
        .as_deref()
        .and_then(|wrapper| root.child(wrapper));
    let answer = read_structure(service, structure, wrapped.unwrap_or(&root), 0);
    Ok((
        answer.map_err(|reason| broken(response, &reason))?,
        request_id,
    ))
}

/// Members of a structure found in an element. HTTP-bound members are left out.
pub(super) fn read_structure(
    service: &Service,
    structure: &Structure,
    node: &Node,
    depth: usize,
) -> Result<Map<String, Value>, String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "the answer is nested deeper than {MAX_DEPTH} levels"
        ));
    }
    let mut out = Map::new();
    for member in &structure.members {
        let traits = member.target.traits();
        if super::bound_in_answer(traits) {
            continue;
        }
        let own = traits.location_name.as_deref().unwrap_or(&member.name);
        if traits.xml_attribute {
            let local = own.rsplit_once(':').map_or(own, |(_, local)| local);
            if let Some((_, value)) = node.attributes.iter().find(|(name, _)| name == local) {
                out.insert(member.name.to_string(), value.as_str().into());
            }
            continue;
        }
        let value = body_member(service, &member.target, (node, own), depth)?;
        if let Some(value) = value {
            out.insert(member.name.to_string(), value);
        }
    }
    if structure.union
        && out.is_empty()
        && let Some(tag) = node.children.first()
    {
        out.insert(
            "SDK_UNKNOWN_MEMBER".to_owned(),
            serde_json::json!({"name": tag.name}),
        );
    }
    Ok(out)
}

/// A member's element or, of a flattened list or map, all of its elements.
fn body_member(
    service: &Service,
    target: &Ref,
    (node, own): (&Node, &str),
    depth: usize,
) -> Result<Option<Value>, String> {
    Ok(match (service.shape(target), target.traits().flattened) {
        (
            Shape::List {
                member: element, ..
            },
            true,
        ) => {
            // Older models name the element of a flattened list, newer ones the list itself.
            let inner = element.traits().location_name.as_deref().unwrap_or(own);
            let name = if node.child(inner).is_some() {
                inner
            } else {
                own
            };
            let found = node.child(name).is_some();
            found
                .then(|| list(service, element, node.children(name), depth))
                .transpose()?
        }
        (Shape::Map { key, value }, true) => {
            let found = node.child(own).is_some();
            found
                .then(|| map(service, (key, value), node.children(own), depth))
                .transpose()?
        }
        _ => match node.child(own) {
            None => None,
            Some(child) => read(service, target, child, depth + 1)?,
        },
    })
}

/// One element as a value; `None` for an empty element where the model wants a number.
fn read(
    service: &Service,
    target: &Ref,
    node: &Node,
    depth: usize,
) -> Result<Option<Value>, String> {
    Ok(match service.shape(target) {
        Shape::Structure(structure) => Some(Value::Object(read_structure(
            service, structure, node, depth,
        )?)),
        Shape::List { member, .. } => Some(list(service, member, node.children.iter(), depth)?),
        Shape::Map { key, value } => Some(map(service, (key, value), node.children.iter(), depth)?),
        scalar => {
            let value = scalar_answer(scalar, &node.text);
            if value.is_none() && !node.text.trim().is_empty() {
                return Err(format!(
                    "element `{}` should be a number: `{}`",
                    node.name,
                    clip(&node.text)
                ));
            }
            value
        }
    })
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

fn list<'a>(
    service: &Service,
    element: &Ref,
    nodes: impl Iterator<Item = &'a Node>,
    depth: usize,
) -> Result<Value, String> {
    let mut items = Vec::new();
    for node in nodes {
        items.push(read(service, element, node, depth + 1)?.unwrap_or(Value::Null));
    }
    Ok(Value::Array(items))
}

fn map<'a>(
    service: &Service,
    (key, value): (&Ref, &Ref),
    entries: impl Iterator<Item = &'a Node>,
    depth: usize,
) -> Result<Value, String> {
    let key_name = key.traits().location_name.as_deref().unwrap_or("key");
    let value_name = value.traits().location_name.as_deref().unwrap_or("value");
    let mut out = Map::new();
    for entry in entries {
        let Some(key) = entry.child_text(key_name) else {
            return Err(format!("an entry of a map has no `{key_name}`"));
        };
        let item = match entry.child(value_name) {
            Some(node) => read(service, value, node, depth + 1)?.unwrap_or(Value::Null),
            None => Value::Null,
        };
        out.insert(key.to_owned(), item);
    }
    Ok(Value::Object(out))
}
