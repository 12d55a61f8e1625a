//! What a client writes the service's side reads, and the other way about: for every operation of whole services.

mod faults;

use std::sync::Arc;

use aws::inbound::{ErrorAnswer, Limits, Request, Routes, decode, encode, encode_error};
use aws::model::{Location, Operation, Ref, Service, Shape, Structure, catalog};
use aws::{Call, CallOptions, HttpRequest, decode_with, prepare_with, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::made::{Maker, as_params, told};

/// Those that Quell serves, and at least one large one of each protocol.
const SERVICES: &[&str] = &[
    "events",
    "ssm",
    "ssm-incidents",
    "ssm-contacts",
    "dynamodb",
    "sqs",
    "ec2",
    "iam",
    "sns",
    "rds",
    "s3",
    "route53",
    "cloudfront",
    "lambda",
    "apigateway",
];

/// Operations with the same method and path as another, which requests cannot be told to mean.
pub(crate) const TWINS: &[(&str, &str)] = &[
    ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
    (
        "GetBucketNotification",
        "GetBucketNotificationConfiguration",
    ),
    ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
    (
        "PutBucketNotification",
        "PutBucketNotificationConfiguration",
    ),
    ("ListDirectoryBuckets", "ListBuckets"),
];

const SEEDS: std::ops::Range<u64> = 0..3;

/// The service under another name: what boto3 does beside the model goes by names, and is not the protocol's.
fn bare(name: &str) -> Arc<Service> {
    let mut service = (*catalog().service(name).unwrap()).clone();
    service.name = "example";
    Arc::new(service)
}

pub(crate) fn streams(service: &Service, operation: &Operation) -> bool {
    [&operation.input, &operation.output]
        .into_iter()
        .flatten()
        .any(|root| {
            let members = service.structure(root).unwrap().members.iter();
            let mut shapes = members.map(|member| service.shape(&member.target));
            shapes.any(|shape| matches!(shape, Shape::Structure(inner) if inner.event_stream))
        })
}

fn request(request: &HttpRequest) -> Request<'_> {
    Request {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        body: &request.body,
    }
}

/// Runs a check on every operation, and fails with what went wrong in each.
fn every_operation(check: impl Fn(&Arc<Service>, &Operation, u64) -> Result<(), String>) {
    let (mut faults, mut checked) = (Vec::new(), 0);
    for name in SERVICES {
        let service = bare(name);
        for operation in service
            .operations
            .iter()
            .filter(|operation| !streams(&service, operation))
        {
            for seed in SEEDS {
                checked += 1;
                if let Err(reason) = check(&service, operation, seed) {
                    faults.push(format!("{name} {} #{seed}: {reason}", operation.name));
                    break;
                }
            }
        }
    }
    println!("{checked} values over {} services", SERVICES.len());
    let shown: Vec<&str> = faults.iter().take(20).map(String::as_str).collect();
    assert!(
        faults.is_empty(),
        "{} operations fail:\n{}",
        faults.len(),
        shown.join("\n")
    );
}

fn same(what: &str, want: &Map<String, Value>, have: &Map<String, Value>) -> Result<(), String> {
    if want == have {
        return Ok(());
    }
    for (name, value) in want {
        if have.get(name) != Some(value) {
            let found = have.get(name).map(Value::to_string);
            return Err(format!("{what}: {name}: wanted {value}, have {found:?}"));
        }
    }
    let more = have.iter().find(|(name, _)| !want.contains_key(*name));
    Err(format!("{what}: not given, but there: {more:?}"))
}

#[test]
fn what_a_client_writes_is_read() {
    let none = Structure::default();
    every_operation(|service, operation, seed| {
        let input = operation.input.as_ref();
        let structure = input
            .and_then(|input| service.structure(input))
            .unwrap_or(&none);
        let mut made = Maker::new(service, seed).structure(structure, 0);
        // The client computes the checksum that is named, so it must be one that there is.
        if let Some(algorithm) = operation
            .checksum_member
            .and_then(|name| made.get_mut(name))
        {
            *algorithm = "CRC64NVME".into();
        }
        let params = match input {
            Some(input) => as_params(service, input, &Value::Object(made.clone())),
            None => json!({}),
        };
        let call = Call {
            service: "",
            operation: operation.name,
            params: &params,
            region: "eu-west-1",
            endpoint_url: Some("http://localhost"),
            token: "t",
            options: CallOptions::defaults(),
        };
        let prepared = prepare_with(service.clone(), &call).map_err(|error| error.to_string())?;
        let request = request(&prepared.request);
        let found = Routes::new(service)
            .operation(service, &request)
            .map_err(|error| error.to_string())?;
        if found.name != operation.name {
            let known = TWINS.contains(&(operation.name, found.name));
            return if known {
                Ok(())
            } else {
                Err(format!(
                    "taken for {}: {}",
                    found.name,
                    prepared.request.target()
                ))
            };
        }
        let read = decode(service, found, &request, Limits::default())
            .map_err(|error| error.to_string())?;
        let mut want = told(service, structure, &made);
        let mut have = told(service, structure, &read);
        // The client names the algorithm beside a checksum that it adds.
        if let Some(algorithm) = operation.checksum_member {
            want.shift_remove(algorithm);
            have.shift_remove(algorithm);
        }
        same("parameters", &want, &have)
    });
}

/// The form that a client gives answers in.
fn answered(service: &Service, target: &Ref, value: &Value) -> Value {
    match (service.shape(target), value) {
        _ if target.traits().json_value => value.clone(),
        (Shape::Structure(structure), Value::Object(map)) if !structure.document => {
            Value::Object(answered_members(service, structure, map))
        }
        (Shape::List { member, .. }, Value::Array(items)) => items
            .iter()
            .map(|item| answered(service, member, item))
            .collect(),
        (Shape::Map { value: inner, .. }, Value::Object(map)) => map
            .iter()
            .map(|(key, item)| (key.clone(), answered(service, inner, item)))
            .collect(),
        (Shape::Timestamp, Value::String(text)) => {
            timestamp::format_answer(timestamp::parse(text).unwrap()).into()
        }
        _ => value.clone(),
    }
}

pub(crate) fn answered_members(
    service: &Service,
    structure: &Structure,
    map: &Map<String, Value>,
) -> Map<String, Value> {
    let member = |(name, value): (&String, &Value)| {
        let member = structure.member(name).unwrap();
        let value = answered(service, &member.target, value);
        // A whole body is given as text where it is some.
        let whole = structure.payload == Some(name.as_str());
        let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
        let text = match service.shape(&member.target) {
            Shape::Blob if whole => bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
            _ => None,
        };
        (name.clone(), text.map_or(value, Value::from))
    };
    map.iter().map(member).collect()
}

#[test]
fn what_is_answered_a_client_reads() {
    let none = Structure::default();
    every_operation(|service, operation, seed| {
        let output = operation.output.as_ref();
        // Its two lists share an element, so that a reader finds it in both.
        if operation.name == "GetBucketNotification" {
            return Ok(());
        }
        let structure = output
            .and_then(|output| service.structure(output))
            .unwrap_or(&none);
        let made = Maker::new(service, seed ^ 0xa5a5).structure(structure, 0);
        let answer = encode(service, operation, &made, "the-id");
        let read =
            decode_with(service, operation.name, &answer).map_err(|error| error.to_string())?;
        let Value::Object(mut read) = read else {
            return Err("no object".to_owned());
        };
        let metadata = read.shift_remove("ResponseMetadata").unwrap_or_default();
        if metadata["RequestId"] != "the-id" {
            return Err(format!("request id in {metadata}"));
        }
        // What every answer has, asked for or not: a status, a type, a body that is empty.
        read.retain(|name, value| {
            let member = structure.member(name).unwrap();
            let traits = member.target.traits();
            made.contains_key(name)
                || !(traits.location == Some(Location::StatusCode)
                    || traits.location_name == Some("Content-Type")
                    || (structure.payload == Some(member.name) && value == ""))
        });
        let want = answered_members(service, structure, &told(service, structure, &made));
        same("answer", &want, &told(service, structure, &read))
    });
}

#[test]
fn errors_keep_their_words() {
    every_operation(|service, operation, seed| {
        let declared = operation
            .errors
            .iter()
            .filter_map(|index| match service.shape_at(*index) {
                Shape::Structure(structure) => Some(structure.error_code().to_owned()),
                _ => None,
            });
        for code in declared.chain(["Unmodelled.Code".to_owned()]) {
            let structure = service.exception(operation, &code);
            let mut maker = Maker::new(service, seed);
            let members = structure
                .map(|structure| maker.structure(structure, 3))
                .unwrap_or_default();
            let members: Map<String, Value> = members
                .into_iter()
                .filter(|(name, _)| !is_word_of_errors(name))
                .collect();
            let error = ErrorAnswer {
                code: &code,
                message: "What <is> \"wrong\" & é",
                status: structure
                    .and_then(|structure| structure.error.as_ref()?.status)
                    .filter(|status| *status >= 300)
                    .unwrap_or(400),
                members: &members,
                request_id: "the-id",
            };
            let answer = encode_error(service, Some(operation), &error);
            let read = match decode_with(service, operation.name, &answer) {
                Ok(answer) => return Err(format!("{code}: an answer: {answer}")),
                Err(read) => read,
            };
            let words = (
                read.code.as_str(),
                read.message.as_str(),
                read.status,
                read.request_id.as_deref(),
            );
            if words != (code.as_str(), error.message, error.status, Some("the-id")) {
                return Err(format!("{code}: {words:?}"));
            }
            let Some(structure) = structure else { continue };
            let mut detail = told(service, structure, &read.detail);
            detail.retain(|name, _| !is_word_of_errors(name));
            let want = answered_members(service, structure, &told(service, structure, &members));
            same(&code, &want, &detail)?;
        }
        Ok(())
    });
}

/// Members that XML forms of errors have of their own, and those bound to what every error has.
pub(crate) fn is_word_of_errors(name: &str) -> bool {
    ["message", "code", "type", "requestid"].contains(&name.to_ascii_lowercase().as_str())
}

/// A service with one operation of every kind of member.
fn echo(protocol: &str) -> Service {
    let model = json!({
        "metadata": {"protocol": protocol, "protocols": [protocol], "apiVersion": "1", "endpointPrefix": "e",
            "jsonVersion": "1.1", "targetPrefix": "T"},
        "operations": {"Echo": {"name": "Echo", "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "All", "locationName": "All"}}},
        "shapes": {
            "All": {"type": "structure", "members": {
                "Text": {"shape": "Text"}, "Number": {"shape": "Long"}, "Flag": {"shape": "Flag"},
                "At": {"shape": "At"}, "Bytes": {"shape": "Bytes"},
                "List": {"shape": "List"}, "Map": {"shape": "Map"}, "Inner": {"shape": "All"}}},
            "Text": {"type": "string"}, "Long": {"type": "long"}, "Flag": {"type": "boolean"},
            "At": {"type": "timestamp"}, "Bytes": {"type": "blob"},
            "List": {"type": "list", "member": {"shape": "All"}},
            "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Long"}},
        },
    });
    Service::from_botocore("echo", &model).unwrap()
}

fn read(protocol: &str, body: &str) -> Result<String, String> {
    let service = echo(protocol);
    let headers = Vec::new();
    let request = Request {
        method: "POST",
        path: "/",
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    let operation = service.operation("Echo").unwrap();
    let limits = Limits {
        depth: 5,
        values: 12,
        ..Limits::default()
    };
    let read = decode(&service, operation, &request, limits);
    read.map(|map| Value::Object(map).to_string())
        .map_err(|error| error.to_string())
}

#[test]
fn an_answer_has_the_status_that_the_model_says() {
    let output = json!({"arn": "a", "eventId": "e"})
        .as_object()
        .unwrap()
        .clone();
    for (service, operation, status, body) in [
        ("ssm-incidents", "CreateResponsePlan", 201, r#"{"arn":"a"}"#),
        ("ssm-incidents", "DeleteResponsePlan", 204, ""),
        ("ssm-incidents", "PutResourcePolicy", 200, "{}"),
        ("lambda", "DeleteFunctionConcurrency", 204, ""),
        ("events", "TagResource", 200, "{}"),
    ] {
        let service = catalog().service(service).unwrap();
        let operation = service.operation(operation).unwrap();
        let answer = encode(&service, operation, &output, "id");
        let text = std::str::from_utf8(&answer.body).unwrap();
        assert_eq!((answer.status, text), (status, body), "{}", operation.name);
        let typed = answer.header("content-type").is_some();
        assert_eq!(typed, status != 204, "{}", operation.name);
    }
}
