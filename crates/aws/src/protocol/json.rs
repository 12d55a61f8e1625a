//! AWS JSON 1.0 and 1.1, and the JSON bodies of REST services.

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::{Map, Number, Value};

use super::guided::Guide;
use super::{Parts, broken, input, moment};
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
    let body = match input(service, operation) {
        Some(structure) => text(&WrittenMembers {
            service,
            structure,
            params,
        }),
        None => Bytes::from_static(b"{}"),
    };
    Parts {
        method: operation.method.to_string(),
        path: "/".to_owned(),
        query: String::new(),
        headers,
        body,
    }
}

/// A checked value as it stands in a body.
pub(super) struct Written<'a> {
    pub(super) service: &'a Service,
    pub(super) target: &'a Ref,
    pub(super) value: &'a Value,
}

/// Checked members of a structure as they stand in a body; HTTP-bound members must have been taken out.
pub(super) struct WrittenMembers<'a> {
    pub(super) service: &'a Service,
    pub(super) structure: &'a Structure,
    pub(super) params: &'a Map<String, Value>,
}

/// The text of a body.
pub(super) fn text(body: &impl Serialize) -> Bytes {
    // INVARIANT: keys are text and no writer of values fails, so there is no error to be told.
    serde_json::to_vec(body).unwrap_or_default().into()
}

impl Serialize for WrittenMembers<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        for (name, value) in self.params {
            if let Some(member) = self.structure.member(name) {
                let key = member.target.traits().location_name;
                let value = Written {
                    service: self.service,
                    target: &member.target,
                    value,
                };
                map.serialize_entry(key.unwrap_or(name), &value)?;
            }
        }
        map.end()
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let inner = |target, value| Written {
            service: self.service,
            target,
            value,
        };
        match (self.service.shape(self.target), self.value) {
            (_, Value::Null) => to.serialize_unit(),
            (Shape::Structure(structure), Value::Object(params)) if !structure.document => {
                let (service, structure) = (self.service, structure);
                let members = WrittenMembers {
                    service,
                    structure,
                    params,
                };
                members.serialize(to)
            }
            (Shape::List { member, .. }, Value::Array(items)) => {
                to.collect_seq(items.iter().map(|item| inner(member, item)))
            }
            (Shape::Map { value, .. }, Value::Object(map)) => {
                to.collect_map(map.iter().map(|(key, item)| (key, inner(value, item))))
            }
            (Shape::Timestamp, _) => match self.target.traits().timestamp_format {
                None | Some(TimestampFormat::Unix) => unix(self.service, self.value).serialize(to),
                Some(form) => moment(self.value, form).serialize(to),
            },
            (_, value) => value.serialize(to),
        }
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
    let output = operation.output.as_ref();
    let Some(output) = output.filter(|output| service.structure(output).is_some()) else {
        return Ok((Map::new(), None));
    };
    match read(service, output, response)? {
        Value::Object(answer) => Ok((answer, None)),
        _ => Err(broken(
            response,
            "a structure of the answer is not a JSON object",
        )),
    }
}

/// The body as a value of the model in boto3's form; an empty one is an empty object.
pub(super) fn read(
    service: &Service,
    target: &Ref,
    response: &HttpResponse,
) -> Result<Value, ServiceError> {
    let mut guide = Guide::new(service, "JSON");
    let mut read = || {
        let body = std::str::from_utf8(&response.body).map_err(|error| guide.fault(&error))?;
        let body = if body.trim_ascii().is_empty() {
            "{}"
        } else {
            body
        };
        let mut from = serde_json::Deserializer::from_str(body);
        let value = guide.value(target, &mut from)?;
        from.end().map_err(|error| guide.fault(&error))?;
        Ok(value)
    };
    read().map_err(|reason: String| broken(response, &reason))
}

/// Members of an exception in a body that has been looked at before.
pub(super) fn read_detail(
    service: &Service,
    structure: &Structure,
    body: &Value,
) -> Option<Map<String, Value>> {
    Guide::new(service, "JSON").members(structure, body).ok()
}
