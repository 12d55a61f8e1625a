//! The service's side against real clients: botocore reads what is answered here, and what it sends is read here.

use std::collections::BTreeSet;
use std::io::Write as _;

use aws::HttpResponse;
use aws::inbound::{ErrorAnswer, Limits, Request, Routes, decode, encode, encode_error};
use aws::model::{Operation, Service, Shape, Structure, catalog};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Differences, bodies, compare_all, oracle, python, requests, seed, text};
use crate::inbound::{TWINS, answered_members, is_word_of_errors, streams};
use crate::made::{Maker, told};

/// What Quell serves, and others over every protocol.
const SERVICES: [&str; 18] = [
    "events",
    "ssm",
    "ssm-incidents",
    "ssm-contacts",
    "dynamodb",
    "sqs",
    "kms",
    "arc-region-switch",
    "lambda",
    "apigateway",
    "guardduty",
    "iam",
    "sns",
    "rds",
    "ec2",
    "s3",
    "route53",
    "cloudfront",
];
const ID: &str = "the-id";
const MESSAGE: &str = "What <is> \"wrong\" & é";

#[test]
fn what_botocore_sends_is_read_as_it_was_given() {
    let Some(python) = python() else { return };
    let mut oracle = oracle(&python, "sent", 1).spawn().unwrap();
    let compared = compare_all("sent", &mut oracle, &|case| received(case));
    assert!(compared.cases > 1500 && compared.services >= SERVICES.len());
}

fn received(case: &Value) -> Differences {
    let service = catalog().service(text(case, "service")).unwrap();
    let operation = service.operation(text(case, "operation")).unwrap();
    let sent = requests::theirs(case);
    let request = Request {
        method: &sent.method,
        path: &sent.path,
        query: &sent.query,
        headers: &sent.headers,
        body: &sent.body,
    };
    let found = match Routes::new(&service).operation(&service, &request) {
        Ok(found) if found.name == operation.name => found,
        Ok(found) if TWINS.contains(&(operation.name, found.name)) => return Vec::new(),
        Ok(found) => return vec![format!("taken for {}: {}", found.name, sent.target())],
        Err(error) => return vec![format!("{error}: {}", sent.target())],
    };
    let none = Structure::default();
    let structure = operation.input.as_ref();
    let structure = structure
        .and_then(|input| service.structure(input))
        .unwrap_or(&none);
    let mut want = told(&service, structure, case["params"].as_object().unwrap());
    let mut have = match decode(&service, found, &request, Limits::default()) {
        Ok(read) => told(&service, structure, &read),
        Err(error) => return vec![error.to_string()],
    };
    // A whole body that is empty is none. The client adds a length, the type of API Gateway's answers and a checksum,
    // and names its algorithm beside it.
    want.retain(|name, value| structure.payload != Some(name.as_str()) || value != "");
    have.retain(|name, _| {
        want.contains_key(name)
            || !(name.starts_with("Checksum")
                || ["ContentLength", "accepts"].contains(&name.as_str()))
    });
    if let Some(algorithm) = operation.checksum_member {
        want.shift_remove(algorithm);
        have.shift_remove(algorithm);
    }
    difference("parameters", &want.into(), &have.into())
        .map(|difference| {
            let body = String::from_utf8_lossy(&sent.body);
            format!("{difference}\n    {} {body}", sent.target())
        })
        .into_iter()
        .collect()
}

fn difference(what: &str, want: &Value, have: &Value) -> Option<String> {
    (want != have).then(|| {
        let (at, want, have) = bodies::first_difference(want, have, String::new());
        format!("{what}{at}:\n      given {want}\n      read  {have}")
    })
}

#[test]
fn what_is_answered_botocore_reads() {
    let Some(python) = python() else { return };
    let seed: u64 = seed().parse().unwrap();
    let mut lines = String::new();
    let mut operations = BTreeSet::new();
    for name in SERVICES {
        let service = catalog().service(name).unwrap();
        for (number, operation) in service.operations.iter().enumerate() {
            // Its two lists share an element, so that a reader finds it in both.
            if streams(&service, operation) || operation.name == "GetBucketNotification" {
                continue;
            }
            let seed = seed.wrapping_mul(0x1_0001).wrapping_add(number as u64);
            operations.insert((name, operation.name));
            for case in [
                answer(&service, operation, seed),
                error(&service, operation, seed),
            ] {
                lines.push_str(&case.to_string());
                lines.push('\n');
            }
        }
    }
    let mut oracle = oracle(&python, "served", 0)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = oracle.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let compared = compare_all("served", &mut oracle, &|case| understood(case));
    writer.join().unwrap().unwrap();
    assert_eq!(compared.cases, operations.len() * 2);
}

fn case(service: &Service, operation: &Operation, answer: &HttpResponse, want: Value) -> Value {
    json!({"service": service.name, "operation": operation.name, "status": answer.status,
        "headers": answer.headers, "body": STANDARD.encode(&answer.body), "want": want})
}

fn output<'s>(service: &'s Service, operation: &Operation, none: &'s Structure) -> &'s Structure {
    let output = operation.output.as_ref();
    output
        .and_then(|output| service.structure(output))
        .unwrap_or(none)
}

fn answer(service: &Service, operation: &Operation, seed: u64) -> Value {
    let none = Structure::default();
    let structure = output(service, operation, &none);
    let made = Maker::new(service, seed).structure(structure, 0);
    let answer = encode(service, operation, &made, ID);
    let want = answered_members(service, structure, &told(service, structure, &made));
    case(
        service,
        operation,
        &answer,
        json!({"answer": want, "made": made}),
    )
}

fn error(service: &Service, operation: &Operation, seed: u64) -> Value {
    let declared: Vec<&Structure> = operation
        .errors
        .iter()
        .filter_map(|index| match service.shape_at(*index) {
            Shape::Structure(structure) => Some(structure),
            _ => None,
        })
        .collect();
    let at = usize::try_from(seed % (declared.len() as u64 + 1)).unwrap();
    let structure = declared.get(at).copied();
    let code = structure.map_or("Unmodelled.Code", Structure::error_code);
    let mut members = structure
        .map(|structure| Maker::new(service, seed).structure(structure, 3))
        .unwrap_or_default();
    members.retain(|name, _| !is_word_of_errors(name));
    let status = structure.and_then(|structure| structure.error.as_ref()?.status);
    let error = ErrorAnswer {
        code,
        message: MESSAGE,
        status: status.filter(|status| *status >= 400).unwrap_or(400),
        members: &members,
        request_id: ID,
    };
    let answer = encode_error(service, Some(operation), &error);
    let none = Structure::default();
    let structure = structure.unwrap_or(&none);
    let detail = answered_members(service, structure, &told(service, structure, &members));
    case(
        service,
        operation,
        &answer,
        json!({"code": code, "detail": detail}),
    )
}

fn understood(case: &Value) -> Differences {
    let service = catalog().service(text(case, "service")).unwrap();
    let operation = service.operation(text(case, "operation")).unwrap();
    let none = Structure::default();
    let Some(read) = case["read"].as_object() else {
        return vec![format!("not read by botocore: {}", case["unread"])];
    };
    let mut read = read.clone();
    let metadata = read.shift_remove("ResponseMetadata").unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    if metadata["RequestId"] != ID {
        found.push(format!("request id in {metadata}"));
    }
    let want = &case["want"];
    if let Some(code) = want["code"].as_str() {
        let error = read.shift_remove("Error").unwrap_or_default();
        let theirs = json!([error["Code"], error["Message"], metadata["HTTPStatusCode"]]);
        found.extend(difference(
            "error",
            &json!([code, MESSAGE, case["status"]]),
            &theirs,
        ));
        let structure = service.exception(operation, code).unwrap_or(&none);
        read.retain(|name, _| structure.member(name).is_some() && !is_word_of_errors(name));
        let read = Value::Object(told(&service, structure, &read));
        found.extend(difference("error", &want["detail"], &read));
    } else {
        let structure = output(&service, operation, &none);
        let made = want["made"].as_object().unwrap();
        read.retain(|name, value| made.contains_key(name) || !always(structure, name, value));
        let read = Value::Object(told(&service, structure, &read));
        found.extend(difference("answer", &want["answer"], &read));
    }
    if !found.is_empty() {
        let body = STANDARD.decode(text(case, "body")).unwrap();
        let body = String::from_utf8_lossy(&body).into_owned();
        found.push(format!("{} {body}", case["headers"]));
    }
    found
}

/// Whether every answer has this, asked for or not: a status, a type, a body that is empty.
fn always(structure: &Structure, name: &str, value: &Value) -> bool {
    let traits = structure.member(name).unwrap().target.traits();
    traits.location == Some(aws::model::Location::StatusCode)
        || traits.location_name == Some("Content-Type")
        || (structure.payload == Some(name) && value == "")
}
