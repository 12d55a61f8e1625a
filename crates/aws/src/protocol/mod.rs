//! The wire protocols: checked parameters to the parts of a request, and answers to JSON.

pub(crate) mod cbor;
mod error_answer;
mod fields;
mod guided;
mod json;
mod payload;
mod query;
mod rest;
mod rest_answer;
pub(crate) mod rpc_cbor;
pub(crate) mod xml;
mod xml_answer;
mod xml_body;

pub(crate) use rest_answer::split_list;
pub(crate) use xml_body::{document as xml_document, escape as xml_escape};

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json as json_value};

use crate::model::{
    Location, Operation, Protocol, Ref, Service, Shape, Structure, TimestampFormat, Traits,
};
use crate::service_error::{FailureKind, ServiceError};
use crate::{Error, HttpResponse, notation, timestamp};

pub(crate) use payload::{add_checksum, compress, verify};

/// Largest answer read, in bytes.
pub const MAX_ANSWER: usize = 10 * 1024 * 1024;
/// Deepest nesting of an answer.
pub(crate) const MAX_DEPTH: usize = 64;

/// A request but for its endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// Writes checked parameters.
///
/// # Errors
/// [`Error::Parameters`] when a value cannot stand where the model wants it, such as a line break in a header.
pub(crate) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Result<Parts, Error> {
    match service.protocol {
        Protocol::Json => Ok(json::encode(service, operation, params)),
        Protocol::Query => Ok(query::encode(
            service,
            operation,
            params,
            query::Dialect::Query,
        )),
        Protocol::Ec2 => Ok(query::encode(
            service,
            operation,
            params,
            query::Dialect::Ec2,
        )),
        Protocol::RestJson | Protocol::RestXml => rest::encode(service, operation, params),
        Protocol::Cbor => Ok(rpc_cbor::encode(service, operation, params)),
    }
}

/// Reads an answer.
///
/// # Errors
/// [`ServiceError`] without service and operation; the caller adds them.
pub(crate) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<Value, ServiceError> {
    if response.body.len() > MAX_ANSWER {
        return Err(ServiceError::unreadable(
            response,
            "the answer is larger than 10 MiB; ask for less, or for pages",
        ));
    }
    if error_answer::is_html(response) {
        return Err(error_answer::html(response));
    }
    if response.status >= 300 {
        return Err(error_answer::read(service, operation, response));
    }
    let (mut answer, request_id) = match service.protocol {
        Protocol::Json => json::decode(service, operation, response)?,
        Protocol::Query | Protocol::Ec2 => xml_answer::decode(service, operation, response)?,
        Protocol::RestJson | Protocol::RestXml => {
            rest_answer::decode(service, operation, response)?
        }
        Protocol::Cbor => rpc_cbor::decode(service, operation, response)?,
    };
    answer.insert(
        "ResponseMetadata".to_owned(),
        metadata(response, request_id),
    );
    Ok(Value::Object(answer))
}

fn metadata(response: &HttpResponse, request_id: Option<String>) -> Value {
    let headers: Map<String, Value> = response
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into()))
        .collect();
    let mut metadata = Map::new();
    if let Some(id) = request_id.or_else(|| request_id_header(response)) {
        metadata.insert("RequestId".to_owned(), id.into());
    }
    if let Some(host) = response.header("x-amz-id-2") {
        metadata.insert("HostId".to_owned(), host.into());
    }
    metadata.insert("HTTPStatusCode".to_owned(), response.status.into());
    metadata.insert("HTTPHeaders".to_owned(), Value::Object(headers));
    metadata.insert("RetryAttempts".to_owned(), json_value!(0));
    Value::Object(metadata)
}

pub(crate) fn request_id_header(response: &HttpResponse) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id"]
        .iter()
        .find_map(|name| response.header(name))
        .map(str::to_owned)
}

/// Host prefix with its labels filled in.
///
/// # Errors
/// [`Error::Parameters`] when a label's value cannot be part of a host name.
pub(crate) fn host_prefix(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Result<Option<String>, Error> {
    let Some(template) = &operation.host_prefix else {
        return Ok(None);
    };
    let mut prefix = template.to_string();
    let structure = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input));
    let members = structure
        .map(|structure| structure.members.as_slice())
        .unwrap_or_default();
    for member in members
        .iter()
        .filter(|member| member.target.traits().host_label)
    {
        let value = params
            .get(member.name)
            .and_then(Value::as_str)
            .unwrap_or_default();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        if value.is_empty() || !value.chars().all(fits) {
            return Err(Error::Parameters(format!(
                "Invalid value for parameter(s): {}. Must contain only alphanumeric characters, hyphen, or period.",
                member.name
            )));
        }
        prefix = prefix.replace(&format!("{{{}}}", member.name), value);
    }
    Ok(Some(prefix))
}

/// Whether timestamps as numbers keep their milliseconds; boto3 cuts them off elsewhere.
fn takes_milliseconds(service: &Service) -> bool {
    service.name == "bedrock-agentcore"
}

/// A checked timestamp in the wanted form.
pub(crate) fn moment(value: &Value, form: TimestampFormat) -> String {
    let at = match value {
        Value::String(text) => timestamp::parse(text),
        // Answers that a server writes may have seconds.
        Value::Number(seconds) => timestamp::parse(&seconds.to_string()),
        _ => None,
    };
    at.map(|at| timestamp::format(at, form)).unwrap_or_default()
}

/// A checked scalar as text, for query, header, label and XML.
pub(crate) fn scalar_text(
    service: &Service,
    target: &Ref,
    value: &Value,
    default: TimestampFormat,
) -> String {
    match (service.shape(target), value) {
        (Shape::Timestamp, _) => moment(value, target.traits().timestamp_format.unwrap_or(default)),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Number(number)) => notation::number(number),
        (_, other) => other.to_string(),
    }
}

/// Whether a member of an answer is not in the body. A binding that only requests know does not count.
pub(crate) fn bound_in_answer(traits: &Traits) -> bool {
    matches!(
        traits.location,
        Some(Location::Header | Location::Headers | Location::StatusCode)
    )
}

/// The input's members, or none.
fn input<'a>(service: &'a Service, operation: &'a Operation) -> Option<&'a Structure> {
    operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input))
}

/// Whether text of this shape must be a whole number.
fn is_number(shape: &Shape) -> bool {
    matches!(shape, Shape::Integer { .. } | Shape::Long { .. })
}

/// A scalar of an answer that came as text; gives it back where it should be a whole number and is none.
fn scalar_answer<'x>(shape: &Shape, text: Cow<'x, str>) -> Result<Value, Cow<'x, str>> {
    Ok(match shape {
        Shape::Integer { .. } | Shape::Long { .. } => match text.trim().parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => return Err(text),
        },
        Shape::Float | Shape::Double => float_answer(text.trim()),
        Shape::Boolean => text.trim().eq_ignore_ascii_case("true").into(),
        Shape::Timestamp => timestamp_answer(&text),
        _ => Value::String(text.into_owned()),
    })
}

/// A number, or the text of what JSON cannot write.
fn float_answer(text: &str) -> Value {
    let number = text
        .parse::<f64>()
        .ok()
        .and_then(serde_json::Number::from_f64);
    number.map_or_else(|| text.into(), Value::Number)
}

/// A timestamp in ISO form; text that is none stays as it is.
fn timestamp_answer(text: &str) -> Value {
    timestamp::answer_form(text).map_or_else(|| text.into(), Value::String)
}

/// A body that is one blob or text.
fn payload_text(body: &[u8]) -> Value {
    std::str::from_utf8(body).map_or_else(|_| STANDARD.encode(body).into(), Value::from)
}

fn broken(response: &HttpResponse, reason: &str) -> ServiceError {
    ServiceError::new(
        FailureKind::Unreadable,
        response,
        "UnreadableResponse",
        reason,
    )
}
