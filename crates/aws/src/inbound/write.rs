//! Answers: an operation's output in boto3's shape to the wire.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::{wire_name, write_json};
use crate::HttpResponse;
use crate::model::{
    Location, Member, Operation, Protocol, Ref, Service, Shape, Structure, TimestampFormat,
    XmlNamespace,
};
use crate::protocol::{bound_in_answer, rpc_cbor, scalar_text, xml_document};

/// The answer of an operation. Timestamps may be text or seconds; members that are null or not in the model are left
/// out. The status of a REST service's answer is the one that a member bound to it says, else the model's; a value that
/// cannot stand in a header is left out there. An answer of status 204 has no body.
#[must_use]
pub fn encode(
    service: &Service,
    operation: &Operation,
    output: &Map<String, Value>,
    request_id: &str,
) -> HttpResponse {
    let nothing = Structure::default();
    let structure = operation
        .output
        .as_ref()
        .and_then(|output| service.structure(output));
    let structure = structure.unwrap_or(&nothing);
    let mut answer = HttpResponse {
        status: 200,
        headers: vec![(request_id_header(service).to_owned(), request_id.to_owned())],
        body: Bytes::new(),
    };
    match service.protocol {
        Protocol::Json => {
            let mut body = String::new();
            write_json::structure(service, structure, output, &mut body);
            answer.body = body.into();
            set_type(&mut answer, &json_type(service));
        }
        Protocol::Query | Protocol::Ec2 => {
            answer.body = wrapped(service, operation, (structure, output), request_id).into();
            set_type(&mut answer, "text/xml");
        }
        Protocol::RestJson | Protocol::RestXml => {
            answer.status = operation.status;
            let rest = bind(service, structure, output, &mut answer);
            rest_body(service, operation, (structure, &rest), &mut answer);
        }
        Protocol::Cbor => {
            answer.headers.push(rpc_cbor::protocol_header());
            if operation.output.is_some() {
                answer.body = rpc_cbor::members_body(service, structure, output).into();
                set_type(&mut answer, rpc_cbor::CONTENT_TYPE);
            }
        }
    }
    answer
}

/// Content type of a JSON service.
pub(super) fn json_type(service: &Service) -> String {
    let version = service.json_version.unwrap_or("1.1");
    format!("application/x-amz-json-{version}")
}

/// The header that carries the request id.
pub(super) fn request_id_header(service: &Service) -> &'static str {
    match service.endpoint_prefix {
        "s3" => "x-amz-request-id",
        _ => "x-amzn-requestid",
    }
}

pub(super) fn set_type(answer: &mut HttpResponse, content_type: &str) {
    let given = answer.header("content-type").is_some();
    if !given {
        answer
            .headers
            .push(("content-type".to_owned(), content_type.to_owned()));
    }
}

fn namespace_of(service: &Service) -> Option<XmlNamespace> {
    service
        .xml_namespace
        .map(|uri| XmlNamespace { prefix: None, uri })
}

/// The document of a query or EC2 answer.
fn wrapped(
    service: &Service,
    operation: &Operation,
    (structure, output): (&Structure, &Map<String, Value>),
    request_id: &str,
) -> String {
    use crate::protocol::xml_escape as escape;

    let name = &operation.name;
    let root = format!("{name}Response");
    let id = escape(request_id);
    if service.protocol == Protocol::Ec2 {
        // Its namespace is not in the model, but is known to be this.
        let uri = format!("http://ec2.amazonaws.com/doc/{}/", service.api_version);
        let members = inner_xml(service, structure, output);
        return format!(
            "<{root} xmlns=\"{}\"><requestId>{id}</requestId>{members}</{root}>",
            escape(&uri)
        );
    }
    let result = operation
        .result_wrapper
        .map(|wrapper| xml_document(service, structure, output, (wrapper, None)));
    let namespace = service
        .xml_namespace
        .map(|uri| format!(" xmlns=\"{}\"", escape(uri)));
    format!(
        "<{root}{}>{}<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{root}>",
        namespace.unwrap_or_default(),
        result.unwrap_or_default(),
    )
}

/// The elements of a structure's members.
pub(super) fn inner_xml(
    service: &Service,
    structure: &Structure,
    members: &Map<String, Value>,
) -> String {
    let text = xml_document(service, structure, members, ("D", None));
    // Members may be attributes of the element; as parts of an error or of EC2's answers none are.
    let inner = text
        .split_once('>')
        .and_then(|(_, rest)| rest.strip_suffix("</D>"));
    inner.unwrap_or_default().to_owned()
}

/// Puts members where they are bound, and gives back the others.
pub(super) fn bind(
    service: &Service,
    structure: &Structure,
    output: &Map<String, Value>,
    answer: &mut HttpResponse,
) -> Map<String, Value> {
    let mut rest = Map::new();
    for (name, value) in output.iter().filter(|(_, value)| !value.is_null()) {
        let Some(member) = structure.member(name) else {
            continue;
        };
        let wire = wire_name(&member.target, member.name);
        match member.target.traits().location {
            Some(Location::StatusCode) => {
                let status = value.as_u64().and_then(|status| status.try_into().ok());
                answer.status = status.unwrap_or(answer.status);
            }
            Some(Location::Header) => {
                let text = header_text(service, &member.target, value);
                push_header(answer, wire, text);
            }
            Some(Location::Headers) => {
                let prefix = member.target.traits().location_name;
                for (key, item) in value.as_object().into_iter().flatten() {
                    let text = item.as_str().map(str::to_owned);
                    push_header(
                        answer,
                        &format!("{}{key}", prefix.unwrap_or_default()),
                        text,
                    );
                }
            }
            Some(Location::Uri | Location::QueryString) | None => {
                rest.insert(name.clone(), value.clone());
            }
        }
    }
    rest
}

/// INVARIANT: nothing that ends a header line gets into one.
fn push_header(answer: &mut HttpResponse, name: &str, text: Option<String>) {
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if let Some(text) = text
        && is_name
        && !text.chars().any(char::is_control)
    {
        answer.headers.push((name.to_ascii_lowercase(), text));
    }
}

fn header_text(service: &Service, target: &Ref, value: &Value) -> Option<String> {
    if target.traits().json_value {
        return Some(STANDARD.encode(value.to_string()));
    }
    match (service.shape(target), value) {
        (Shape::List { .. }, Value::Array(items)) if items.is_empty() => None,
        (Shape::List { member, .. }, Value::Array(items)) => {
            let quoted = matches!(service.shape(member), Shape::String { .. });
            let item = |item: &Value| {
                let text = scalar_text(service, member, item, TimestampFormat::Rfc822);
                if quoted && text.contains(['"', ',']) {
                    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
                } else {
                    text
                }
            };
            Some(items.iter().map(item).collect::<Vec<_>>().join(", "))
        }
        _ => Some(scalar_text(service, target, value, TimestampFormat::Rfc822)),
    }
}

/// The body of a REST answer.
fn rest_body(
    service: &Service,
    operation: &Operation,
    (structure, rest): (&Structure, &Map<String, Value>),
    answer: &mut HttpResponse,
) {
    // RFC 9110, 15.3.5: it ends with its head.
    if answer.status == 204 {
        return;
    }
    if let Some(member) = structure.payload_member() {
        if let Some(value) = rest.get(member.name) {
            payload_body(service, member, value, answer);
        }
        return;
    }
    let in_body = |member: &Member| !bound_in_answer(member.target.traits());
    if service.protocol == Protocol::RestJson {
        let mut body = String::new();
        write_json::structure(service, structure, rest, &mut body);
        answer.body = body.into();
        set_type(answer, "application/json");
    } else if structure.members.iter().any(in_body) {
        let root = format!("{}Response", operation.name);
        let output = operation.output.as_ref().map(Ref::traits);
        let named = output.and_then(|traits| traits.location_name);
        let namespace = output
            .and_then(|traits| traits.xml_namespace.clone())
            .or_else(|| namespace_of(service));
        let root = (named.unwrap_or(&root), namespace.as_ref());
        answer.body = xml_document(service, structure, rest, root).into();
        set_type(answer, "application/xml");
    }
}

/// The body that is one member.
fn payload_body(service: &Service, member: &Member, value: &Value, answer: &mut HttpResponse) {
    let text = value.as_str().unwrap_or_default();
    let (body, content_type): (Bytes, _) = match (service.shape(&member.target), value) {
        (Shape::Blob, _) => (
            STANDARD.decode(text).unwrap_or_default().into(),
            "application/octet-stream",
        ),
        (Shape::String { .. }, _) => (text.to_owned().into(), "text/plain"),
        (Shape::Structure(inner), Value::Object(map)) if service.protocol == Protocol::RestXml => {
            let traits = member.target.traits();
            let namespace = traits
                .xml_namespace
                .clone()
                .or_else(|| namespace_of(service));
            let root = wire_name(&member.target, member.name);
            (
                xml_document(service, inner, map, (root, namespace.as_ref())).into(),
                "application/xml",
            )
        }
        _ => {
            let mut body = String::new();
            write_json::value(service, &member.target, value, &mut body);
            (body.into(), "application/json")
        }
    };
    answer.body = body;
    set_type(answer, content_type);
}
