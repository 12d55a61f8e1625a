//! Answers of REST services: members bound to headers and the status; the rest in a JSON or XML body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::xml::Fault;
use super::xml_answer::Document;
use super::{
    broken, error_answer, json, payload_text, request_id_header, scalar_answer, timestamp_answer,
};
use crate::HttpResponse;
use crate::model::{Location, Operation, Protocol, Ref, Service, Shape, Structure};
use crate::service_error::ServiceError;

pub(super) fn decode(
    service: &Service,
    operation: &Operation,
    response: &HttpResponse,
) -> Result<(Map<String, Value>, Option<String>), ServiceError> {
    let request_id = request_id_header(response);
    let output = operation.output.as_ref();
    let Some((output, structure)) =
        output.and_then(|output| Some((output, service.structure(output)?)))
    else {
        return Ok((Map::new(), request_id));
    };
    let mut out = bound_members(service, structure, response);
    if let Some(member) = structure.payload_member() {
        match service.shape(&member.target) {
            Shape::Blob | Shape::String { .. } => {
                out.insert(member.name.to_string(), payload_text(&response.body));
            }
            // boto3 gives an empty structure for an empty body.
            Shape::Structure(_) | Shape::Map { .. } if response.body.is_empty() => {
                out.insert(member.name.to_string(), Value::Object(Map::new()));
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
        .any(|member| !super::bound_in_answer(member.target.traits()))
    {
        out.extend(read_body(service, output, structure, response)?);
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
        return json::read(service, target, response);
    }
    let mut document = open(service, response)?;
    let Shape::Structure(structure) = service.shape(target) else {
        return Err(fault(
            "the model wants a list or map as a whole XML document".to_owned(),
        ));
    };
    let answer = document.structure(target.shape, structure);
    let whole = answer.and_then(|answer| document.reader.finish().map(|()| answer));
    whole.map(Value::Object).map_err(fault)
}

fn read_body(
    service: &Service,
    output: &Ref,
    structure: &Structure,
    response: &HttpResponse,
) -> Result<Map<String, Value>, ServiceError> {
    let fault = |reason: String| broken(response, &reason);
    if service.protocol == Protocol::RestJson {
        return match json::read(service, output, response)? {
            Value::Object(members) => Ok(members),
            _ => Err(fault(
                "a structure of the answer is not a JSON object".to_owned(),
            )),
        };
    }
    if response.body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let mut document = open(service, response)?;
    let mut read = || {
        let answer = members(&mut document, output.shape, structure)?;
        document.reader.finish().map(|()| answer)
    };
    read().map_err(fault)
}

fn members<'s>(
    document: &mut Document<'s, '_>,
    shape: u32,
    structure: &'s Structure,
) -> Result<Map<String, Value>, Fault> {
    // An answer that is the value of its only member (`s3:GetBucketLocation`).
    if let [only] = structure.members.as_slice()
        && *only.name == *document.root
    {
        let begin = document.reader.mark();
        let is_value = document.reader.child()?.is_none();
        document.reader.reset(begin);
        if is_value {
            let value = document.value(&only.target, only.name)?;
            return Ok(value
                .map(|value| (only.name.to_string(), value))
                .into_iter()
                .collect());
        }
    }
    document.structure(shape, structure)
}

/// The XML body. S3 may answer a long copy with status 200 and an error inside.
fn open<'s, 'x>(
    service: &'s Service,
    response: &'x HttpResponse,
) -> Result<Document<'s, 'x>, ServiceError> {
    let document =
        Document::open(service, &response.body).map_err(|reason| broken(response, &reason))?;
    if document.root == "Error" && service.name == "s3" {
        return Err(error_answer::from_xml(response));
    }
    Ok(document)
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
        let name = traits.location_name.unwrap_or(member.name);
        let value = match traits.location {
            Some(Location::StatusCode) => Some(response.status.into()),
            Some(Location::Header) => response
                .header(name)
                .and_then(|text| header(service, &member.target, text)),
            // A header map without a name takes every header.
            Some(Location::Headers) => Some(header_map(
                traits.location_name.unwrap_or_default(),
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
                    .filter_map(|item| scalar_answer(shape, item.into()).ok())
                    .collect(),
            )
        }
        Shape::Timestamp => Some(timestamp_answer(text)),
        shape => scalar_answer(shape, text.into()).ok(),
    }
}

/// Elements of a header list. Quoted ones may hold commas; the HTTP date has one of its own.
pub(crate) fn split_list(text: &str, dates: bool) -> Vec<String> {
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
    use crate::model::TimestampFormat;
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
