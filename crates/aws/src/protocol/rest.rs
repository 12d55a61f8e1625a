//! REST services: members bound to labels, query, headers and status; the rest in a JSON or XML body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::xml::{self, Node};
use super::{
    Parts, broken, input, json, payload_text, request_id_header, scalar_answer, scalar_text,
    timestamp_answer, xml_answer, xml_body,
};
use crate::model::{
    Location, Member, Operation, Protocol, Ref, Service, Shape, Structure, TimestampFormat,
    XmlNamespace,
};
use crate::percent;
use crate::service_error::ServiceError;
use crate::{Error, HttpResponse};

pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Result<Parts, Error> {
    let nothing = Structure::default();
    let structure = input(service, operation).unwrap_or(&nothing);
    let (path, constant) = operation
        .uri
        .split_once('?')
        .unwrap_or((&operation.uri, ""));
    let mut bound = Bound {
        service,
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
    };
    bound.query.extend(
        constant
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(str::to_owned),
    );
    let mut rest = Map::new();
    // The query map goes last: a parameter of its own name wins over an entry of the map.
    let given = |map: bool| {
        structure.members.iter().filter_map(move |member| {
            let is_map = member.target.traits().location == Some(Location::QueryString)
                && matches!(service.shape(&member.target), Shape::Map { .. });
            params
                .get(&*member.name)
                .filter(|value| !value.is_null() && is_map == map)
                .map(|value| (member, value))
        })
    };
    for (member, value) in given(false).chain(given(true)) {
        let name = member
            .target
            .traits()
            .location_name
            .as_deref()
            .unwrap_or(&member.name);
        match member.target.traits().location {
            Some(Location::Uri) => bound.label(name, member, value)?,
            Some(Location::QueryString) => bound.query(name, &member.target, value),
            Some(Location::Header) => bound.header(name, member, value)?,
            Some(Location::Headers) => bound.header_map(name, member, value)?,
            Some(Location::StatusCode) => {}
            None => {
                rest.insert(member.name.to_string(), value.clone());
            }
        }
    }
    if let Some(open) = bound.path.split('{').nth(1) {
        let label = open
            .split('}')
            .next()
            .unwrap_or_default()
            .trim_end_matches('+');
        return Err(Error::Parameters(format!(
            "Missing required parameter in input: \"{label}\""
        )));
    }
    let (body, content_type) = body(service, operation, structure, &rest);
    if let Some(content_type) = content_type {
        if !bound
            .headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        {
            bound
                .headers
                .push(("Content-Type".to_owned(), content_type.to_owned()));
        }
    }
    Ok(Parts {
        method: operation.method.to_string(),
        path: bound.path,
        query: bound.query.join("&"),
        headers: bound.headers,
        body,
    })
}

struct Bound<'a> {
    service: &'a Service,
    path: String,
    query: Vec<String>,
    headers: Vec<(String, String)>,
}

fn invalid(member: &Member, reason: &str) -> Error {
    Error::Parameters(format!(
        "Invalid value for parameter {}: {reason}",
        member.name
    ))
}

impl Bound<'_> {
    fn label(&mut self, name: &str, member: &Member, value: &Value) -> Result<(), Error> {
        let text = scalar_text(
            self.service,
            &member.target,
            value,
            TimestampFormat::Iso8601,
        );
        if text.is_empty() {
            return Err(invalid(
                member,
                "it is part of the path and must not be empty",
            ));
        }
        let greedy = format!("{{{name}+}}");
        if self.path.contains(&greedy) {
            self.path = self.path.replace(&greedy, &percent::encode_path(&text));
        } else {
            self.path = self
                .path
                .replace(&format!("{{{name}}}"), &percent::encode(&text));
        }
        Ok(())
    }

    fn push_query(&mut self, name: &str, text: &str) {
        self.query.push(format!(
            "{}={}",
            percent::encode(name),
            percent::encode(text)
        ));
    }

    fn query(&mut self, name: &str, target: &Ref, value: &Value) {
        match (self.service.shape(target), value) {
            (Shape::List { member, .. }, Value::Array(items)) => {
                for item in items.iter().filter(|item| !item.is_null()) {
                    let text = scalar_text(self.service, member, item, TimestampFormat::Iso8601);
                    self.push_query(name, &text);
                }
            }
            (Shape::Map { value: inner, .. }, Value::Object(map)) => {
                let taken: Vec<String> = self
                    .query
                    .iter()
                    .filter_map(|pair| pair.split('=').next())
                    .map(str::to_owned)
                    .collect();
                for (key, item) in map {
                    if !taken.contains(&percent::encode(key)) {
                        self.query(key, inner, item);
                    }
                }
            }
            (_, scalar) => {
                let text = scalar_text(self.service, target, scalar, TimestampFormat::Iso8601);
                self.push_query(name, &text);
            }
        }
    }

    fn header(&mut self, name: &str, member: &Member, value: &Value) -> Result<(), Error> {
        let text = if member.target.traits().json_value {
            STANDARD.encode(value.to_string())
        } else {
            match (self.service.shape(&member.target), value) {
                (Shape::List { .. }, Value::Array(items)) if items.is_empty() => return Ok(()),
                (
                    Shape::List {
                        member: element, ..
                    },
                    Value::Array(items),
                ) => {
                    let quoted = matches!(self.service.shape(element), Shape::String { .. });
                    items
                        .iter()
                        .filter(|item| !item.is_null())
                        .map(|item| self.header_item(element, item, quoted))
                        .collect::<Vec<_>>()
                        .join(",")
                }
                _ => scalar_text(self.service, &member.target, value, TimestampFormat::Rfc822),
            }
        };
        self.push_header(name.to_owned(), text, member)
    }

    fn header_item(&self, element: &Ref, item: &Value, quoted: bool) -> String {
        let text = scalar_text(self.service, element, item, TimestampFormat::Rfc822);
        if quoted && text.contains(['"', ',']) {
            format!("\"{}\"", text.replace('"', "\\\""))
        } else {
            text
        }
    }

    fn header_map(&mut self, prefix: &str, member: &Member, value: &Value) -> Result<(), Error> {
        for (key, item) in value.as_object().into_iter().flatten() {
            let name = format!("{prefix}{key}");
            let text = item
                .as_str()
                .map_or_else(|| item.to_string(), str::to_owned);
            self.push_header(name, text, member)?;
        }
        Ok(())
    }

    /// INVARIANT: nothing that ends a header line gets into one.
    fn push_header(&mut self, name: String, value: String, member: &Member) -> Result<(), Error> {
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if !is_name {
            return Err(invalid(
                member,
                "it makes a header name, which must not have such characters",
            ));
        }
        if value.chars().any(char::is_control) {
            return Err(invalid(
                member,
                "it goes into a header, which must not have control characters",
            ));
        }
        self.headers.push((name, value));
        Ok(())
    }
}

/// Body and its content type.
fn body(
    service: &Service,
    operation: &Operation,
    structure: &Structure,
    rest: &Map<String, Value>,
) -> (Bytes, Option<&'static str>) {
    let is_json = service.protocol == Protocol::RestJson;
    let kind = if is_json {
        "application/json"
    } else {
        "application/xml"
    };
    if let Some(member) = structure.payload_member() {
        let value = rest.get(&*member.name);
        return match (service.shape(&member.target), value) {
            (Shape::Blob, Some(value)) => (
                STANDARD
                    .decode(value.as_str().unwrap_or_default())
                    .unwrap_or_default()
                    .into(),
                None,
            ),
            (Shape::String { .. }, Some(value)) => {
                (value.as_str().unwrap_or_default().to_owned().into(), None)
            }
            (Shape::Blob | Shape::String { .. }, None) => (Bytes::new(), None),
            (_, None) if is_json => (Bytes::from_static(b"{}"), Some(kind)),
            (_, None) => (Bytes::new(), None),
            (Shape::Structure(inner), Some(Value::Object(map))) if !is_json => {
                let traits = member.target.traits();
                let root = traits.location_name.as_deref().unwrap_or(&member.name);
                let namespace = traits
                    .xml_namespace
                    .clone()
                    .or_else(|| default_namespace(service));
                (
                    xml_body::document(service, inner, map, (root, namespace.as_ref())).into(),
                    Some(kind),
                )
            }
            (_, Some(value)) => (
                json::write(service, &member.target, value)
                    .to_string()
                    .into(),
                Some(kind),
            ),
        };
    }
    let unbound = structure
        .members
        .iter()
        .any(|member| member.target.traits().location.is_none());
    if is_json {
        if !unbound {
            return (Bytes::new(), None);
        }
        return (
            Value::Object(json::write_structure(service, structure, rest))
                .to_string()
                .into(),
            Some(kind),
        );
    }
    if rest.is_empty() {
        return (Bytes::new(), None);
    }
    let traits = operation.input.as_ref().map(Ref::traits);
    let fallback = format!("{}Request", operation.name);
    let root = traits
        .and_then(|traits| traits.location_name.as_deref())
        .unwrap_or(&fallback);
    let namespace = traits
        .and_then(|traits| traits.xml_namespace.clone())
        .or_else(|| default_namespace(service));
    (
        xml_body::document(service, structure, rest, (root, namespace.as_ref())).into(),
        Some(kind),
    )
}

fn default_namespace(service: &Service) -> Option<XmlNamespace> {
    service.xml_namespace.as_ref().map(|uri| XmlNamespace {
        prefix: None,
        uri: uri.clone(),
    })
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    let request_id = request_id_header(response);
    let Some(structure) = operation
        .output
        .as_ref()
        .and_then(|output| service.structure(output))
    else {
        return Ok((Map::new(), request_id));
    };
    let mut out = bound_members(service, structure, response);
    if let Some(member) = structure.payload_member() {
        match service.shape(&member.target) {
            Shape::Blob | Shape::String { .. } => {
                out.insert(member.name.to_string(), payload_text(&response.body));
            }
            _ if response.body.is_empty() => {}
            _ => {
                let value = payload(service, &member.target, response)?;
                out.insert(member.name.to_string(), value);
            }
        }
        return Ok((out, request_id));
    }
    if structure
        .members
        .iter()
        .any(|member| member.target.traits().location.is_none())
    {
        out.extend(read_body(service, structure, response)?);
    }
    Ok((out, request_id))
}

fn payload(
    service: &Service,
    target: &Ref,
    response: &HttpResponse,
) -> Result<Value, ServiceError> {
    let fault = |reason: String| broken(response, &reason);
    if service.protocol == Protocol::RestJson {
        return json::read(service, target, &json::parse(response)?, 0).map_err(fault);
    }
    let root = document(service, response)?;
    match service.shape(target) {
        Shape::Structure(structure) => xml_answer::read_structure(service, structure, &root, 0)
            .map(Value::Object)
            .map_err(fault),
        _ => Err(fault(
            "the model wants a list or map as a whole XML document".to_owned(),
        )),
    }
}

fn read_body(
    service: &Service,
    structure: &Structure,
    response: &HttpResponse,
) -> Result<Map<String, Value>, ServiceError> {
    let fault = |reason: String| broken(response, &reason);
    if service.protocol == Protocol::RestJson {
        return json::read_structure(service, structure, &json::parse(response)?, 0).map_err(fault);
    }
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let root = document(service, response)?;
    // An answer that is the value of its only member (`s3:GetBucketLocation`).
    let root = match structure.members.as_slice() {
        [only] if *only.name == *root.name && root.children.is_empty() => Node {
            children: vec![root],
            ..Node::default()
        },
        _ => root,
    };
    xml_answer::read_structure(service, structure, &root, 0).map_err(fault)
}

/// The XML body. S3 may answer a long copy with status 200 and an error inside.
fn document(service: &Service, response: &HttpResponse) -> Result<Node, ServiceError> {
    let root = xml::parse(&response.body).map_err(|reason| broken(response, &reason))?;
    if root.name == "Error" && &*service.name == "s3" {
        return Err(super::error_answer::from_xml(&root, response));
    }
    Ok(root)
}

/// Members bound to headers and the status.
pub(super) fn bound_members(
    service: &Service,
    structure: &Structure,
    response: &HttpResponse,
) -> Map<String, Value> {
    let mut out = Map::new();
    for member in &structure.members {
        let traits = member.target.traits();
        let name = traits.location_name.as_deref().unwrap_or(&member.name);
        let value = match traits.location {
            Some(Location::StatusCode) => Some(response.status.into()),
            Some(Location::Header) => response
                .header(name)
                .and_then(|text| header(service, &member.target, text)),
            // A header map without a name takes every header.
            Some(Location::Headers) => Some(header_map(
                traits.location_name.as_deref().unwrap_or_default(),
                response,
            )),
            _ => None,
        };
        if let Some(value) = value {
            out.insert(member.name.to_string(), value);
        }
    }
    out
}

fn header_map(prefix: &str, response: &HttpResponse) -> Value {
    let strip = |name: &str| match (name.get(..prefix.len()), name.get(prefix.len()..)) {
        (Some(start), Some(rest)) if start.eq_ignore_ascii_case(prefix) => Some(rest.to_owned()),
        _ => None,
    };
    let entry = |(name, value): &(String, String)| {
        strip(name).map(|rest| (rest, Value::from(value.as_str())))
    };
    Value::Object(response.headers.iter().filter_map(entry).collect())
}

fn header(service: &Service, target: &Ref, text: &str) -> Option<Value> {
    if target.traits().json_value {
        let decoded = STANDARD.decode(text.trim()).ok()?;
        return serde_json::from_slice(&decoded).ok();
    }
    match service.shape(target) {
        Shape::List { member, .. } => {
            let shape = service.shape(member);
            let items = split_list(text, matches!(shape, Shape::Timestamp));
            Some(
                items
                    .iter()
                    .filter_map(|item| scalar_answer(shape, item))
                    .collect(),
            )
        }
        Shape::Timestamp => Some(timestamp_answer(text)),
        shape => scalar_answer(shape, text),
    }
}

/// Elements of a header list. Quoted ones may hold commas; the HTTP date has one of its own.
fn split_list(text: &str, dates: bool) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut quoted, mut escaped, mut commas) = (false, false, 0);
    for c in text.chars() {
        let Some(last) = items.last_mut() else { break };
        match c {
            _ if escaped => {
                last.push(c);
                escaped = false;
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                commas += 1;
                let inside_date = dates && commas % 2 == 1 && last.trim().len() == 3;
                if inside_date {
                    last.push(c)
                } else {
                    items.push(String::new())
                }
            }
            _ => last.push(c),
        }
    }
    items.iter().map(|item| item.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::moment;

    #[test]
    fn header_lists() {
        assert_eq!(
            split_list("a, b ,\"c,\\\"d\\\"\"", false),
            ["a", "b", "c,\"d\""]
        );
        let dates = "Mon, 16 Dec 2019 23:48:18 GMT, Tue, 17 Dec 2019 23:48:18 GMT";
        assert_eq!(split_list(dates, true).len(), 2);
        assert_eq!(
            moment(&"2019-12-16T23:48:18Z".into(), TimestampFormat::Rfc822),
            "Mon, 16 Dec 2019 23:48:18 GMT"
        );
    }
}
