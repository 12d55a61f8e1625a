//! Smithy RPC v2 with CBOR bodies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::cbor::{self, Major, Reader};
use super::guided::Guide;
use super::{Parts, broken, input};
use crate::model::{Member, Operation, Ref, Service, Shape, Structure};
use crate::service_error::ServiceError;
use crate::{HttpResponse, timestamp};

/// Content type of bodies.
pub(crate) const CONTENT_TYPE: &str = "application/cbor";
/// Value of `smithy-protocol` in requests and answers.
const PROTOCOL: &str = "rpc-v2-cbor";

pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Parts {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![protocol_header(), header("accept", CONTENT_TYPE)];
    if service.query_compatible {
        headers.push(header("x-amzn-query-mode", "true"));
    }
    let body = match input(service, operation) {
        Some(structure) => {
            headers.push(header("content-type", CONTENT_TYPE));
            let mut body = Vec::new();
            write_members(service, structure, params, &mut body);
            body.into()
        }
        None => Bytes::new(),
    };
    let target = service.target_prefix.unwrap_or_default();
    Parts {
        method: operation.method.to_string(),
        path: format!("/service/{target}/operation/{}", operation.name),
        query: String::new(),
        headers,
        body,
    }
}

/// The header that requests and answers carry.
pub(crate) fn protocol_header() -> (String, String) {
    ("smithy-protocol".to_owned(), PROTOCOL.to_owned())
}

/// A body that is the members of a structure; null ones and those that the model does not know are left out.
pub(crate) fn members_body(
    service: &Service,
    structure: &Structure,
    values: &Map<String, Value>,
) -> Vec<u8> {
    let mut out = Vec::new();
    write_members(service, structure, values, &mut out);
    out
}

/// The body of an error: texts that every error has, and the members of this one that the model knows.
pub(crate) fn error_body(
    service: &Service,
    structure: Option<&Structure>,
    texts: [(&str, &str); 2],
    members: &Map<String, Value>,
) -> Vec<u8> {
    let known: Vec<(&Member, &Value)> = members
        .iter()
        .filter_map(|(name, value)| Some((structure?.member(name)?, value)))
        .collect();
    let mut out = Vec::new();
    cbor::head(&mut out, Major::Map, (texts.len() + known.len()) as u64);
    for (name, text) in texts {
        cbor::text(&mut out, name);
        cbor::text(&mut out, text);
    }
    for (member, value) in known {
        let name = member.target.traits().location_name;
        cbor::text(&mut out, name.unwrap_or(member.name));
        write(service, &member.target, value, &mut out);
    }
    out
}

/// Writes the checked members of a structure.
pub(super) fn write_members(
    service: &Service,
    structure: &Structure,
    params: &Map<String, Value>,
    out: &mut Vec<u8>,
) {
    let given = || {
        params
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter_map(|(name, value)| structure.member(name).map(|member| (member, value)))
    };
    cbor::head(out, Major::Map, given().count() as u64);
    for (member, value) in given() {
        let name = member.target.traits().location_name;
        cbor::text(out, name.unwrap_or(member.name));
        write(service, &member.target, value, out);
    }
}

/// Writes a checked value.
pub(super) fn write(service: &Service, target: &Ref, value: &Value, out: &mut Vec<u8>) {
    match (service.shape(target), value) {
        (Shape::Structure(structure), Value::Object(map)) if !structure.document => {
            write_members(service, structure, map, out);
        }
        (Shape::List { member, .. }, Value::Array(items)) => {
            cbor::head(out, Major::Array, items.len() as u64);
            for item in items {
                write(service, member, item, out);
            }
        }
        (Shape::Map { value, .. }, Value::Object(map)) => {
            cbor::head(out, Major::Map, map.len() as u64);
            for (key, item) in map {
                cbor::text(out, key);
                write(service, value, item, out);
            }
        }
        (Shape::Timestamp, Value::String(text)) => write_moment(service, text, out),
        // Answers of ours may tell a time in seconds.
        (Shape::Timestamp, Value::Number(_)) => {
            cbor::head(out, Major::Tag, cbor::EPOCH);
            write_free(value, out);
        }
        (Shape::Blob, Value::String(text)) => {
            cbor::bytes(out, &STANDARD.decode(text).unwrap_or_default());
        }
        (shape @ (Shape::Float | Shape::Double), Value::Number(_) | Value::String(_)) => {
            let number = match value {
                Value::String(text) => text.parse().ok(),
                other => other.as_f64(),
            };
            let number = number.unwrap_or(f64::NAN);
            match shape {
                Shape::Float => cbor::single(out, number as f32),
                _ => cbor::double(out, number),
            }
        }
        (_, free) => write_free(free, out),
    }
}

/// A value as JSON has it.
fn write_free(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => cbor::null(out),
        Value::Bool(flag) => cbor::boolean(out, *flag),
        Value::String(text) => cbor::text(out, text),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => cbor::integer(out, number),
            (None, Some(number)) => cbor::head(out, Major::Unsigned, number),
            _ => cbor::double(out, number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::Array(items) => {
            cbor::head(out, Major::Array, items.len() as u64);
            items.iter().for_each(|item| write_free(item, out));
        }
        Value::Object(map) => {
            cbor::head(out, Major::Map, map.len() as u64);
            for (key, item) in map {
                cbor::text(out, key);
                write_free(item, out);
            }
        }
    }
}

/// Seconds since 1970; with milliseconds where the service takes them.
fn write_moment(service: &Service, text: &str, out: &mut Vec<u8>) {
    let Some(at) = timestamp::parse(text) else {
        return cbor::null(out);
    };
    cbor::head(out, Major::Tag, cbor::EPOCH);
    if super::takes_milliseconds(service) {
        cbor::double(out, at.as_millisecond() as f64 / 1000.0);
    } else {
        cbor::integer(out, at.as_second());
    }
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    let output = operation.output.as_ref();
    let Some(output) = output.filter(|output| service.structure(output).is_some()) else {
        return Ok((Map::new(), None));
    };
    if response.body.is_empty() {
        return Ok((Map::new(), None));
    }
    match read(service, output, &response.body) {
        Ok(Value::Object(answer)) => Ok((answer, None)),
        Ok(_) => Err(broken(
            response,
            "a structure of the answer is not a CBOR object",
        )),
        Err(reason) => Err(broken(response, &reason)),
    }
}

/// A body as a value of the model in boto3's form.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(service: &Service, target: &Ref, body: &[u8]) -> Result<Value, String> {
    let mut guide = Guide::new(service, "CBOR");
    let mut from = Reader::new(body);
    let value = guide.value(target, &mut from)?;
    from.finish().map_err(|error| guide.fault(&error))?;
    Ok(value)
}

/// A body without a look at the model.
///
/// # Errors
/// What is wrong with it.
pub(super) fn tree(service: &Service, body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut guide = Guide::new(service, "CBOR");
    let mut from = Reader::new(body);
    let value = guide.free(&mut from)?;
    from.finish().map_err(|error| guide.fault(&error))?;
    Ok(value)
}
