//! Requests against the protocol cases.

use aws::model::Protocol;
use aws::{Call, HttpRequest, HttpResponse, decode_with, prepare_with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::protocols::{Case, TOKEN, element, run};

const REGION: &str = "us-east-1";

fn request(case: &Case) -> Result<HttpRequest, String> {
    // A named endpoint takes no host prefix with us, so only one with a path is named.
    let named = case
        .client_endpoint
        .as_deref()
        .filter(|url| url.split('/').count() > 3);
    let call = Call {
        service: "example",
        operation: &case.operation,
        params: &case.case["params"],
        region: REGION,
        endpoint_url: named,
        token: TOKEN,
        options: aws::CallOptions::defaults(),
    };
    prepare_with(case.service.clone(), &call)
        .map(|prepared| prepared.request)
        .map_err(|error| error.to_string())
}

fn pairs(text: &str) -> Vec<&str> {
    let mut pairs: Vec<&str> = text.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    pairs
}

/// `a=` and `a` are the same.
fn query(text: &str) -> Vec<&str> {
    pairs(text)
        .into_iter()
        .map(|pair| pair.strip_suffix('=').unwrap_or(pair))
        .collect()
}

fn check(case: &Case) -> Result<(), String> {
    let request = request(case)?;
    let expected = &case.case["serialized"];
    if let Some(method) = expected["method"].as_str() {
        same("method", method, request.method.as_str())?;
    }
    if let Some(uri) = expected["uri"].as_str() {
        let (path, wanted) = uri.split_once('?').unwrap_or((uri, ""));
        same("path", path, request.path.as_str())?;
        same("query", query(wanted), query(&request.query))?;
    }
    if let Some(host) = expected["host"].as_str() {
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        let host = host.strip_prefix("https://").unwrap_or(host);
        if path.is_empty() {
            let bases = [
                "example.com",
                "service.region.amazonaws.com",
                "rest-json-test.amazonaws.com",
            ];
            let prefix = bases.iter().find_map(|base| host.strip_suffix(base));
            let prefix = prefix.ok_or_else(|| format!("an unexpected host {host}"))?;
            same(
                "host",
                format!("{prefix}example.us-east-1.amazonaws.com"),
                request.authority.clone(),
            )?;
        }
    }
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // The form's character set may be named.
        // Blanks between the elements of a list are free.
        let actual = request.header(name);
        let plain = |text: &str| text.trim_end_matches("; charset=utf-8").replace(", ", ",");
        same(name, Some(plain(&value)), actual.map(plain))?;
    }
    for name in expected["requireHeaders"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        // Written by whoever sends the body.
        if request.header(name).is_none() && name != "Content-Length" {
            return Err(format!("header {name} is missing"));
        }
    }
    for name in expected["forbidHeaders"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        same(name, None, request.header(name))?;
    }
    match expected["body"].as_str() {
        Some(body) if case.service.protocol == Protocol::Cbor => {
            let read = |body: Bytes| {
                let headers = Vec::new();
                let response = HttpResponse {
                    status: 200,
                    headers,
                    body,
                };
                decode_with(&case.mirrored, &case.operation, &response)
            };
            let expected = STANDARD.decode(body).unwrap();
            same("length", expected.is_empty(), request.body.is_empty())?;
            same("body", read(expected.into()), read(request.body))
        }
        Some(body) => same_body(case, body, &String::from_utf8_lossy(&request.body)),
        None => Ok(()),
    }
}

fn same_body(case: &Case, expected: &str, actual: &str) -> Result<(), String> {
    if expected == actual {
        return Ok(());
    }
    let protocol = format!("{:?}", case.service.protocol);
    match protocol.as_str() {
        "Query" | "Ec2" => same("body", pairs(expected), pairs(actual)),
        "RestXml" if expected.trim_start().starts_with('<') && actual.starts_with('<') => {
            same("body", element(expected), element(actual))
        }
        "Json" | "RestJson" if !expected.is_empty() && !actual.is_empty() => {
            let parse =
                |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
            same("body", parse(expected), parse(actual))
        }
        _ => same("body", expected, actual),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, actual: T) -> Result<(), String> {
    if expected == actual {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {actual:?}"))
    }
}

#[test]
fn json() {
    run(
        "input",
        &["json", "json_1_0", "json_1_0-query-compatible"],
        &[],
        &check,
    );
}

#[test]
fn query_and_ec2() {
    let excuses = [(
        "QueryFlattenedListArgWithXmlName",
        "boto3 writes the element's name, which the services of this protocol read",
    )];
    run("input", &["query", "ec2"], &excuses, &check);
}

const EMPTY_HEADERS: &str = "boto3 sends no header for an empty list";

#[test]
fn rest_json() {
    let excuses = [
        (
            "RestJsonHttpChecksumRequired",
            "boto3 sends CRC32 where MD5 once was, and the services take it",
        ),
        (
            "RestJsonHttpPayloadWithUnsetUnion",
            "boto3 sends an empty object",
        ),
        (
            "MediaTypeHeaderInputBase64",
            "boto3 takes the value itself, not its JSON text",
        ),
        ("RestJsonNullAndEmptyHeaders", EMPTY_HEADERS),
    ];
    run("input", &["rest-json"], &excuses, &check);
}

#[test]
fn rest_xml() {
    let root =
        "the shape's name is wanted; models name the element at its place, and boto3 takes that";
    let excuses = [
        ("BodyWithXmlName", root),
        ("RestXmlHttpPayloadWithUnion", root),
        ("HttpPayloadWithXmlName", root),
        ("XmlAttributesOnPayload", root),
        (
            "Idempotency token auto fill",
            "the shape's name is wanted where the model names no root; real models name it",
        ),
        ("NullAndEmptyHeaders", EMPTY_HEADERS),
    ];
    run("input", &["rest-xml"], &excuses, &check);
}

#[test]
fn cbor() {
    run(
        "input",
        &[
            "smithy-rpc-v2-cbor",
            "smithy-rpc-v2-cbor-query-compatible",
            "smithy-rpc-v2-cbor-non-query-compatible",
        ],
        &[],
        &check,
    );
}
