//! AWS JSON 1.0 and 1.1, and the JSON bodies of REST services.

use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, Parts, broken, float_answer, input, moment, timestamp_answer};
use crate::model::{Operation, Ref, Service, Shape, Structure, TimestampFormat};
use crate::service_error::ServiceError;
use crate::{HttpResponse, timestamp};

pub(super) fn encode(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Value>,
) -> Parts {
    let target = service.target_prefix.unwrap_or_default();
    let version = service.json_version.unwrap_or("1.1");
    let mut headers = vec![
        (
            "x-amz-target".to_owned(),
            format!("{target}.{}", operation.name),
        ),
        (
            "content-type".to_owned(),
            format!("application/x-amz-json-{version}"),
        ),
    ];
    if service.query_compatible {
        headers.push(("x-amzn-query-mode".to_owned(), "true".to_owned()));
    }
    let body =
        input(service, operation).map(|structure| write_structure(service, structure, params));
    Parts {
        method: operation.method.to_string(),
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body: Value::Object(body.unwrap_or_default()).to_string().into(),
    }
}

/// A structure as it stands in a body; HTTP-bound members must have been taken out.
pub(super) fn write_structure(
    service: &Service,
    structure: &Structure,
    params: &Map<String, Value>,
) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in params {
        if let Some(member) = structure.member(name) {
            let key = member.target.traits().location_name.unwrap_or(name);
            out.insert(key.to_owned(), write(service, &member.target, value));
        }
    }
    out
}

/// One checked value.
pub(super) fn write(service: &Service, target: &Ref, value: &Value) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    match (service.shape(target), value) {
        (Shape::Structure(structure), _) if structure.document => value.clone(),
        (Shape::Structure(structure), Value::Object(map)) => {
            Value::Object(write_structure(service, structure, map))
        }
        (Shape::List { member, .. }, Value::Array(items)) => items
            .iter()
            .map(|item| write(service, member, item))
            .collect(),
        (Shape::Map { value: inner, .. }, Value::Object(map)) => Value::Object(
            map.iter()
                .map(|(key, item)| (key.clone(), write(service, inner, item)))
                .collect(),
        ),
        (Shape::Timestamp, _) => match target
            .traits()
            .timestamp_format
            .unwrap_or(TimestampFormat::Unix)
        {
            TimestampFormat::Unix => unix(service, value),
            form => moment(value, form).into(),
        },
        _ => value.clone(),
    }
}

/// Whole seconds, rounded down as boto3 does; milliseconds where the service takes them.
fn unix(service: &Service, value: &Value) -> Value {
    let Some(at) = value.as_str().and_then(timestamp::parse) else {
        return Value::Null;
    };
    if !super::takes_milliseconds(service) {
        return at.as_second().into();
    }
    Number::from_f64(at.as_millisecond() as f64 / 1000.0).map_or(Value::Null, Value::Number)
}

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    let Some(structure) = operation
        .output
        .as_ref()
        .and_then(|output| service.structure(output))
    else {
        return Ok((Map::new(), None));
    };
    let body = parse(response)?;
    Ok((
        read_structure(service, structure, &body, 0).map_err(|reason| broken(response, &reason))?,
        None,
    ))
}

/// The body as JSON; an empty one is an empty object.
pub(super) fn parse(response: &HttpResponse) -> Result<Value, ServiceError> {
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(&response.body)
        .map_err(|error| broken(response, &format!("the answer is not JSON: {error}")))
}

pub(super) fn read_structure(
    service: &Service,
    structure: &Structure,
    body: &Value,
    depth: usize,
) -> Result<Map<String, Value>, String> {
    let mut out = Map::new();
    let Value::Object(body) = body else {
        return Err("a structure of the answer is not a JSON object".to_owned());
    };
    for member in &structure.members {
        if super::bound_in_answer(member.target.traits()) {
            continue;
        }
        let key = member.target.traits().location_name.unwrap_or(member.name);
        if let Some(value) = body.get(key).filter(|value| !value.is_null()) {
            out.insert(
                member.name.to_string(),
                read(service, &member.target, value, depth + 1)?,
            );
        }
    }
    if structure.union && out.is_empty() {
        let tag = body
            .iter()
            .find(|(key, value)| *key != "__type" && !value.is_null());
        if let Some((tag, _)) = tag {
            out.insert(
                "SDK_UNKNOWN_MEMBER".to_owned(),
                serde_json::json!({"name": tag}),
            );
        }
    }
    Ok(out)
}

/// One value of an answer in boto3's form.
pub(super) fn read(
    service: &Service,
    target: &Ref,
    value: &Value,
    depth: usize,
) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!(
            "the answer is nested deeper than {MAX_DEPTH} levels"
        ));
    }
    if value.is_null() {
        return Ok(Value::Null);
    }
    Ok(match (service.shape(target), value) {
        (Shape::Structure(structure), _) if structure.document => {
            if !crate::params::within_depth(value, MAX_DEPTH.saturating_sub(depth)) {
                return Err(format!(
                    "the answer is nested deeper than {MAX_DEPTH} levels"
                ));
            }
            value.clone()
        }
        (Shape::Structure(structure), _) => {
            Value::Object(read_structure(service, structure, value, depth)?)
        }
        (Shape::List { member, .. }, Value::Array(items)) => Value::Array(
            items
                .iter()
                .map(|item| read(service, member, item, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        (Shape::Map { value: inner, .. }, Value::Object(map)) => {
            let entry = |(key, item): (&String, &Value)| {
                Ok((key.clone(), read(service, inner, item, depth + 1)?))
            };
            Value::Object(map.iter().map(entry).collect::<Result<_, String>>()?)
        }
        (Shape::List { .. }, _) => {
            return Err("a list of the answer is not a JSON array".to_owned());
        }
        (Shape::Map { .. }, _) => return Err("a map of the answer is not a JSON object".to_owned()),
        (Shape::Timestamp, Value::String(text)) => timestamp_answer(text),
        (Shape::Timestamp, Value::Number(number)) => timestamp_answer(&number.to_string()),
        (Shape::Float | Shape::Double, Value::String(text)) => float_answer(text),
        (Shape::Integer { .. } | Shape::Long { .. }, Value::String(text)) => text
            .trim()
            .parse::<i64>()
            .map_or_else(|_| value.clone(), Value::from),
        (Shape::Boolean, Value::String(text)) => text.trim().eq_ignore_ascii_case("true").into(),
        _ => {
            if !crate::params::within_depth(value, MAX_DEPTH.saturating_sub(depth)) {
                return Err(format!(
                    "the answer is nested deeper than {MAX_DEPTH} levels"
                ));
            }
            value.clone()
        }
    })
}
