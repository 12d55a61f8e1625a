//! Requests of REST services: members bound to labels, query and headers; the rest in a JSON or XML body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Parts, input, json, scalar_text, xml_body};
use crate::Error;
use crate::model::{
    Location, Member, Operation, Protocol, Ref, Service, Shape, Structure, TimestampFormat,
    XmlNamespace,
};
use crate::percent;

pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Result<Parts, Error> {
    let nothing = Structure::default();
    let structure = input(service, operation).unwrap_or(&nothing);
    let (path, constant) = operation.uri.split_once('?').unwrap_or((operation.uri, ""));
    let query = constant
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(str::to_owned)
        .collect();
    let mut bound = Bound {
        service,
        path: path.to_owned(),
        query,
        headers: Vec::new(),
        rest: Map::new(),
    };
    let is_query_map = |member: &Member| {
        member.target.traits().location == Some(Location::QueryString)
            && matches!(service.shape(&member.target), Shape::Map { .. })
    };
    // The query map goes last: a parameter of its own name wins over an entry of the map.
    for map in [false, true] {
        for member in structure
            .members
            .iter()
            .filter(|member| is_query_map(member) == map)
        {
            if let Some(value) = params.get(member.name).filter(|value| !value.is_null()) {
                bound.member(member, value)?;
            }
        }
    }
    if let Some(label) = open_label(&bound.path) {
        return Err(Error::Parameters(format!(
            "Missing required parameter in input: \"{label}\""
        )));
    }
    let (body, content_type) = match structure.payload_member() {
        Some(member) => payload_body(service, member, bound.rest.get(member.name)),
        None => members_body(service, operation, structure, &bound.rest),
    };
    let has_type = bound
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let is_bytes = content_type == Some("application/octet-stream");
    let untyped = has_type || (is_bytes && leaves_type_open(service, structure, &body));
    if let Some(content_type) = content_type.filter(|_| !untyped) {
        bound
            .headers
            .push(("Content-Type".to_owned(), content_type.to_owned()));
    }
    Ok(Parts {
        method: operation.method.to_string(),
        path: bound.path,
        query: bound.query.join("&"),
        headers: bound.headers,
        body,
    })
}

/// Whether the type of a body of bytes is the caller's to tell: the service has a default of its own for a caller who
/// does not (`s3:PutObject`, `bedrock-runtime:InvokeModel`), which a type of ours would hide.
fn leaves_type_open(service: &Service, structure: &Structure, body: &[u8]) -> bool {
    let is_type = |member: &Member| {
        let traits = member.target.traits();
        let name = traits.location_name.unwrap_or(member.name);
        traits.location == Some(Location::Header) && name.eq_ignore_ascii_case("content-type")
    };
    let told = !body.is_empty() && structure.members.iter().any(is_type);
    service.protocol == Protocol::RestXml || told
}

/// A label of the path that no parameter filled. Values are encoded, so a brace is the template's.
fn open_label(path: &str) -> Option<&str> {
    let (_, open) = path.split_once('{')?;
    open.split('}')
        .next()
        .map(|label| label.trim_end_matches('+'))
}

struct Bound<'a> {
    service: &'a Service,
    path: String,
    query: Vec<String>,
    headers: Vec<(String, String)>,
    /// Members of the body.
    rest: Map<String, Value>,
}

fn invalid(member: &Member, reason: &str) -> Error {
    Error::Parameters(format!(
        "Invalid value for parameter {}: {reason}",
        member.name
    ))
}

impl Bound<'_> {
    fn member(&mut self, member: &Member, value: &Value) -> Result<(), Error> {
        let traits = member.target.traits();
        let name = traits.location_name.unwrap_or(member.name);
        match traits.location {
            Some(Location::Uri) => self.label(name, member, value),
            Some(Location::Header) => self.header(name, member, value),
            Some(Location::Headers) => self.header_map(name, member, value),
            Some(Location::StatusCode) => Ok(()),
            Some(Location::QueryString) => {
                self.query(name, &member.target, value);
                Ok(())
            }
            None => {
                self.rest.insert(member.name.to_string(), value.clone());
                Ok(())
            }
        }
    }

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
                        .join(", ")
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
type Body = (Bytes, Option<&'static str>);

const JSON: Option<&str> = Some("application/json");
const XML: Option<&str> = Some("application/xml");

/// The body that is one member.
fn payload_body(service: &Service, member: &Member, value: Option<&Value>) -> Body {
    let is_json = service.protocol == Protocol::RestJson;
    let text = value.and_then(Value::as_str).unwrap_or_default();
    match (service.shape(&member.target), value) {
        (Shape::Blob, _) => (
            STANDARD.decode(text).unwrap_or_default().into(),
            Some("application/octet-stream"),
        ),
        (Shape::String { .. }, Some(_)) => (text.to_owned().into(), Some("text/plain")),
        (Shape::String { .. }, None) => (Bytes::new(), None),
        (_, None) if is_json => (Bytes::from_static(b"{}"), JSON),
        (_, None) => (Bytes::new(), None),
        (Shape::Structure(inner), Some(Value::Object(map))) if !is_json => {
            let traits = member.target.traits();
            let root = traits.location_name.unwrap_or(member.name);
            let namespace = traits
                .xml_namespace
                .clone()
                .or_else(|| default_namespace(service));
            (
                xml_body::document(service, inner, map, (root, namespace.as_ref())).into(),
                XML,
            )
        }
        (_, Some(value)) => (
            json::text(&json::Written {
                service,
                target: &member.target,
                value,
            }),
            JSON,
        ),
    }
}

/// The body of all members that are bound nowhere else.
fn members_body(
    service: &Service,
    operation: &Operation,
    structure: &Structure,
    rest: &Map<String, Value>,
) -> Body {
    if service.protocol == Protocol::RestJson {
        let is_unbound = |member: &Member| member.target.traits().location.is_none();
        if !structure.members.iter().any(is_unbound) {
            return (Bytes::new(), None);
        }
        return (
            json::text(&json::WrittenMembers {
                service,
                structure,
                params: rest,
            }),
            JSON,
        );
    }
    if rest.is_empty() {
        return (Bytes::new(), None);
    }
    let traits = operation.input.as_ref().map(Ref::traits);
    let fallback = format!("{}Request", operation.name);
    let root = traits
        .and_then(|traits| traits.location_name)
        .unwrap_or(&fallback);
    let namespace = traits
        .and_then(|traits| traits.xml_namespace.clone())
        .or_else(|| default_namespace(service));
    (
        xml_body::document(service, structure, rest, (root, namespace.as_ref())).into(),
        XML,
    )
}

fn default_namespace(service: &Service) -> Option<XmlNamespace> {
    service
        .xml_namespace
        .map(|uri| XmlNamespace { prefix: None, uri })
}
