//! Answers against the protocol cases.

use aws::model::Protocol;
use aws::{HttpResponse, decode_with, timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::protocols::{Case, run};

fn response(case: &Case) -> HttpResponse {
    let given = &case.case["response"];
    let headers = given["headers"].as_object().into_iter().flatten();
    let body = given["body"].as_str().unwrap_or_default();
    HttpResponse {
        status: given["status_code"]
            .as_u64()
            .and_then(|status| status.try_into().ok())
            .unwrap_or(200),
        headers: headers
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        body: match case.service.protocol {
            Protocol::Cbor => STANDARD.decode(body).unwrap().into(),
            _ => body.to_owned().into(),
        },
    }
}

fn check(case: &Case) -> Result<(), String> {
    let answer = decode_with(&case.service, &case.operation, &response(case));
    let expected = &case.case;
    let legacy_error = expected["result"].get("Error");
    if let Some(code) = expected["errorCode"]
        .as_str()
        .or_else(|| legacy_error.and_then(|error| error["Code"].as_str()))
    {
        let error = answer
            .err()
            .ok_or("an answer where an error was expected")?;
        if error.code != code {
            return Err(format!("code: expected {code}, got {}", error.code));
        }
        let message = expected["errorMessage"]
            .as_str()
            .or_else(|| legacy_error.and_then(|error| error["Message"].as_str()));
        if message.is_some_and(|message| message != error.message) {
            return Err(format!(
                "message: expected {message:?}, got {}",
                error.message
            ));
        }
        return covers(&expected["error"], &Value::Object(*error.detail), "");
    }
    let answer = answer.map_err(|error| error.to_string())?;
    exactly(&expected["result"], &answer)
}

/// The whole answer, but for the metadata, of which the expected part must be there.
fn exactly(expected: &Value, answer: &Value) -> Result<(), String> {
    covers(expected, answer, "")?;
    let known = |name: &String| name == "ResponseMetadata" || expected.get(name).is_some();
    match answer
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, _)| !known(name))
    {
        Some((name, value)) => Err(format!("unexpected {name}: {value}")),
        None => Ok(()),
    }
}

/// Cases write a timestamp as a number and a blob as text.
fn covers(expected: &Value, actual: &Value, path: &str) -> Result<(), String> {
    let wrong = || Err(format!("{path}: expected {expected}, got {actual}"));
    match (expected, actual) {
        (Value::Null, _) => Ok(()),
        (Value::Object(map), Value::Object(have)) => {
            if path.ends_with("Metadata") || path.is_empty() || map.len() == have.len() {
                for (name, value) in map {
                    let inner = format!("{path}/{name}");
                    let Some(actual) = have.get(name) else {
                        return Err(format!("{inner} is missing"));
                    };
                    covers(value, actual, &inner)?;
                }
                return Ok(());
            }
            wrong()
        }
        (Value::Array(items), Value::Array(have)) if items.len() == have.len() => items
            .iter()
            .zip(have)
            .try_for_each(|(item, have)| covers(item, have, &format!("{path}[]"))),
        (Value::Number(number), Value::Number(have)) if number.as_f64() == have.as_f64() => Ok(()),
        (Value::Number(number), Value::String(text)) => {
            let at = timestamp::parse(text).map(|at| at.as_millisecond() as f64 / 1000.0);
            if at == number.as_f64() {
                Ok(())
            } else {
                wrong()
            }
        }
        (Value::String(text), Value::String(have)) => {
            let blob = STANDARD
                .decode(have)
                .is_ok_and(|bytes| bytes == text.as_bytes());
            let moment =
                timestamp::parse(text).is_some_and(|at| timestamp::parse(have) == Some(at));
            if text == have || blob || moment {
                Ok(())
            } else {
                wrong()
            }
        }
        _ if expected == actual => Ok(()),
        _ => wrong(),
    }
}

const STREAM: &str = "operations that stream events are refused before a call is made";
const NO_UNION: &str = "boto3 gives an empty structure where the body is empty";
const NO_BLOB: &str = "boto3 gives an empty body, not none";

#[test]
fn json() {
    let excuses = [("RPC JSON Event Stream", STREAM)];
    let protocols = ["json", "json_1_0", "json_1_0-query-compatible"];
    run("output", &protocols, &excuses, &check);
}

#[test]
fn query_and_ec2() {
    run("output", &["query", "ec2"], &[], &check);
}

#[test]
fn rest_json() {
    let excuses = [
        ("RestJsonHttpPayloadTraitsWithNoBlobBody", NO_BLOB),
        ("RestJsonHttpPayloadWithUnsetUnion", NO_UNION),
        (
            "MediaTypeHeaderOutputBase64",
            "boto3 gives the value itself, not its JSON text",
        ),
    ];
    run("output", &["rest-json"], &excuses, &check);
}

#[test]
fn rest_xml() {
    let excuses = [
        ("REST XML Event Stream", STREAM),
        ("HttpPayloadTraitsWithNoBlobBody", NO_BLOB),
        ("RestXmlHttpPayloadWithUnsetUnion", NO_UNION),
        (
            "BodyWithXmlName",
            "boto3 takes the name of the member's shape for the member's own",
        ),
    ];
    run("output", &["rest-xml"], &excuses, &check);
}

#[test]
fn cbor() {
    let protocols = [
        "smithy-rpc-v2-cbor",
        "smithy-rpc-v2-cbor-query-compatible",
        "smithy-rpc-v2-cbor-non-query-compatible",
    ];
    run("output", &protocols, &[], &check);
}
