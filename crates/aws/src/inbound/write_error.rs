//! Answers that are errors, in each protocol's form.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::write::{bind, inner_xml, json_type, request_id_header, set_type};
use super::{wire_name, write_json};
use crate::HttpResponse;
use crate::model::{Operation, Protocol, Service, Shape, Structure};
use crate::protocol::{rpc_cbor, xml_escape as escape};

/// An error as a service answers it.
#[derive(Debug, Clone, Copy)]
pub struct ErrorAnswer<'a> {
    /// The code, as `ResourceNotFoundException`.
    pub code: &'a str,
    /// The message.
    pub message: &'a str,
    /// HTTP status.
    pub status: u16,
    /// Further members of the exception, in boto3's shape. Those that the model does not know are written as they are
    /// by JSON services and left out by others.
    pub members: &'a Map<String, Value>,
    /// Id of the request.
    pub request_id: &'a str,
}

/// The error in the service's protocol; `operation` is `None` where it is not known which is meant.
#[must_use]
pub fn encode_error(
    service: &Service,
    operation: Option<&Operation>,
    error: &ErrorAnswer<'_>,
) -> HttpResponse {
    let unknown = Operation::default();
    let structure = service.exception(operation.unwrap_or(&unknown), error.code);
    let mut answer = HttpResponse {
        status: error.status,
        headers: vec![(
            request_id_header(service).to_owned(),
            error.request_id.to_owned(),
        )],
        body: Bytes::new(),
    };
    match service.protocol {
        Protocol::Json => {
            answer.body = json_body(service, structure, error, error.members, true).into();
            set_type(&mut answer, &json_type(service));
            if service.query_compatible {
                push_code(&mut answer, "x-amzn-query-error", &query_code(error));
            }
        }
        Protocol::RestJson => {
            let rest = rest_members(service, structure, error, &mut answer);
            answer.body = json_body(service, structure, error, &rest, false).into();
            set_type(&mut answer, "application/json");
            push_code(&mut answer, "x-amzn-errortype", error.code);
        }
        Protocol::RestXml => {
            let rest = rest_members(service, structure, error, &mut answer);
            answer.body = xml_body(service, structure, error, &rest).into();
            set_type(&mut answer, "application/xml");
        }
        Protocol::Query | Protocol::Ec2 => {
            answer.body = xml_body(service, structure, error, error.members).into();
            set_type(&mut answer, "text/xml");
        }
        Protocol::Cbor => {
            answer.body = cbor_body(service, structure, error).into();
            answer.headers.push(rpc_cbor::protocol_header());
            set_type(&mut answer, rpc_cbor::CONTENT_TYPE);
            if service.query_compatible {
                push_code(&mut answer, "x-amzn-query-error", &query_code(error));
            }
        }
    }
    answer
}

/// Code and fault, as services tell that once spoke the query protocol.
fn query_code(error: &ErrorAnswer<'_>) -> String {
    format!("{};{}", error.code, fault(error))
}

fn fault(error: &ErrorAnswer<'_>) -> &'static str {
    if error.status >= 500 {
        "Receiver"
    } else {
        "Sender"
    }
}

fn push_code(answer: &mut HttpResponse, name: &str, code: &str) {
    if !code.chars().any(char::is_control) {
        answer.headers.push((name.to_owned(), code.to_owned()));
    }
}

fn rest_members(
    service: &Service,
    structure: Option<&Structure>,
    error: &ErrorAnswer<'_>,
    answer: &mut HttpResponse,
) -> Map<String, Value> {
    match structure {
        Some(structure) => {
            let rest = bind(service, structure, error.members, answer);
            // An error's status is not a member's to choose.
            answer.status = error.status;
            rest
        }
        None => error.members.clone(),
    }
}

fn is_message(name: &str) -> bool {
    name.eq_ignore_ascii_case("message")
}

/// How a JSON service calls the message: as the exception does, else as most of its exceptions do.
fn message_name<'s>(service: &'s Service, structure: Option<&'s Structure>) -> &'s str {
    let named = |structure: &'s Structure| {
        let members = &mut structure.members.iter();
        members
            .find(|member| is_message(member.name))
            .map(|member| wire_name(&member.target, member.name))
    };
    if let Some(name) = structure.and_then(named) {
        return name;
    }
    let exceptions = service.shapes.iter().filter_map(|shape| match shape {
        Shape::Structure(structure) if structure.error.is_some() => named(structure),
        _ => None,
    });
    let (lower, all) = exceptions.fold((0, 0), |(lower, all), name| {
        (lower + usize::from(name == "message"), all + 1)
    });
    if lower * 2 >= all {
        "message"
    } else {
        "Message"
    }
}

fn json_body(
    service: &Service,
    structure: Option<&Structure>,
    error: &ErrorAnswer<'_>,
    members: &Map<String, Value>,
    typed: bool,
) -> String {
    let mut body = Map::new();
    if typed {
        body.insert("__type".to_owned(), error.code.into());
    }
    let name = message_name(service, structure);
    body.insert(name.to_owned(), error.message.into());
    let known = |name: &str| structure.is_some_and(|structure| structure.member(name).is_some());
    let others = members.iter().filter(|(name, _)| !is_message(name));
    let mut modelled = Map::new();
    for (name, value) in others {
        if known(name) {
            modelled.insert(name.clone(), value.clone());
        } else {
            body.insert(name.clone(), value.clone());
        }
    }
    let mut out = Value::Object(body).to_string();
    if let Some(structure) = structure.filter(|_| !modelled.is_empty()) {
        let mut rest = String::new();
        write_json::structure(service, structure, &modelled, &mut rest);
        if let Some(rest) = rest.strip_prefix('{').filter(|rest| *rest != "}") {
            out.pop();
            out.push(',');
            out.push_str(rest);
        }
    }
    out
}

fn cbor_body(service: &Service, structure: Option<&Structure>, error: &ErrorAnswer<'_>) -> Vec<u8> {
    let message = message_name(service, structure);
    let head = [("__type", error.code), (message, error.message)];
    let others: Map<String, Value> = error
        .members
        .iter()
        .filter(|(name, value)| !is_message(name) && !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    rpc_cbor::error_body(service, structure, head, &others)
}

fn xml_body(
    service: &Service,
    structure: Option<&Structure>,
    error: &ErrorAnswer<'_>,
    members: &Map<String, Value>,
) -> String {
    let (code, message) = (escape(error.code), escape(error.message));
    let id = escape(error.request_id);
    let others: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| !is_message(name) && *name != "Code")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let detail = structure
        .map(|structure| inner_xml(service, structure, &others))
        .unwrap_or_default();
    let inner = format!("<Code>{code}</Code><Message>{message}</Message>{detail}");
    if service.protocol == Protocol::Ec2 {
        return format!(
            "<Response><Errors><Error>{inner}</Error></Errors><RequestID>{id}</RequestID></Response>"
        );
    }
    if service.endpoint_prefix == "s3" {
        return format!("<Error>{inner}<RequestId>{id}</RequestId></Error>");
    }
    let namespace = service
        .xml_namespace
        .map(|uri| format!(" xmlns=\"{}\"", escape(uri)));
    format!(
        "<ErrorResponse{}><Error><Type>{}</Type>{inner}</Error><RequestId>{id}</RequestId></ErrorResponse>",
        namespace.unwrap_or_default(),
        fault(error),
    )
}
