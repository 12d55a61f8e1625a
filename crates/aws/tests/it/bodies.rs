//! Bodies as a whole: compression and checksums of requests, checksums of answers, and CBOR answers that are broken.

use std::io::Read as _;
use std::sync::Arc;

use aws::inbound::{self, ErrorAnswer, InboundError, Limits, Request, Routes};
use aws::model::{Protocol, Service, catalog};
use aws::{
    Call, CallOptions, Checksums, Error, FailureKind, HttpRequest, HttpResponse, Prepared,
    decode_with, prepare, prepare_with,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::protocols::TOKEN;

fn prepared(
    service: &str,
    operation: &str,
    params: &Value,
    options: &CallOptions,
) -> Result<Prepared, Error> {
    prepare(&Call {
        service,
        operation,
        params,
        region: "us-east-1",
        endpoint_url: Some("http://127.0.0.1:1"),
        token: TOKEN,
        options,
    })
}

fn metrics(count: usize, options: &CallOptions) -> HttpRequest {
    let data: Vec<Value> = (0..count)
        .map(|number| json!({"MetricName": format!("metric-{number}"), "Value": number}))
        .collect();
    let params = json!({"Namespace": "n", "MetricData": data});
    prepared("cloudwatch", "PutMetricData", &params, options)
        .unwrap()
        .request
}

#[test]
fn long_bodies_are_compressed_where_the_operation_permits_it() {
    let plain = CallOptions {
        disable_request_compression: true,
        ..CallOptions::new()
    };
    let long = metrics(500, CallOptions::defaults());
    let uncompressed = metrics(500, &plain);
    assert_eq!(uncompressed.header("content-encoding"), None);
    assert!(uncompressed.body.len() >= 10_240);
    assert_eq!(long.header("content-encoding"), Some("gzip"));
    assert!(long.body.len() < uncompressed.body.len() / 4);
    let mut opened = Vec::new();
    flate2::read::GzDecoder::new(&*long.body)
        .read_to_end(&mut opened)
        .unwrap();
    assert_eq!(opened, uncompressed.body);

    let short = metrics(2, CallOptions::defaults());
    assert_eq!(short.header("content-encoding"), None);
    let low = CallOptions {
        request_min_compression_size: 1,
        ..CallOptions::new()
    };
    assert_eq!(metrics(2, &low).header("content-encoding"), Some("gzip"));
    let params = json!({"QueueUrl": "https://q", "MessageBody": "x".repeat(20_000)});
    let other = prepared("sqs", "SendMessage", &params, CallOptions::defaults()).unwrap();
    assert_eq!(other.request.header("content-encoding"), None);
}

/// Whatever the protocol, what the client compressed the service's side reads as it was given.
#[test]
fn compressed_bodies_are_read_by_the_services_side() {
    let data: Vec<Value> = (0..500)
        .map(|number| json!({"MetricName": format!("metric-{number}"), "Value": f64::from(number) + 0.5}))
        .collect();
    let params = json!({"Namespace": "n", "MetricData": data});
    for protocol in [Protocol::Json, Protocol::Query, Protocol::Cbor] {
        let mut service = (*catalog().service("cloudwatch").unwrap()).clone();
        service.protocol = protocol;
        let service = Arc::new(service);
        let sent = sent(&service, "PutMetricData", &params);
        assert_eq!(sent.header("content-encoding"), Some("gzip"));
        let request = Request {
            method: &sent.method,
            path: &sent.path,
            query: &sent.query,
            headers: &sent.headers,
            body: &sent.body,
        };
        let operation = Routes::new(&service).operation(&service, &request).unwrap();
        assert_eq!(operation.name, "PutMetricData");
        let read = |body: &[u8], bytes: usize| {
            let request = Request { body, ..request };
            let limits = Limits {
                bytes,
                ..Limits::default()
            };
            inbound::decode(&service, operation, &request, limits)
        };
        let given = read(&sent.body, Limits::default().bytes).unwrap();
        assert_eq!(Value::Object(given), params, "{protocol:?}");

        assert_eq!(
            read(&sent.body, 10_000),
            Err(InboundError::TooLarge { limit: 10_000 })
        );
        let cut = sent.body.get(..sent.body.len() - 9).unwrap();
        for broken in [cut, b"{}", b"\x1f\x8b"] {
            let fault = read(broken, 1_000_000).unwrap_err();
            assert!(
                matches!(&fault, InboundError::Malformed(reason) if reason.contains("gzip")),
                "{fault}"
            );
        }
    }
}

#[test]
fn encodings_that_an_operation_does_not_take_are_refused() {
    let read = |service: &str, operation: &str, encoding: &str, body: &[u8]| {
        let service = catalog().service(service).unwrap();
        let headers = vec![("content-encoding".to_owned(), encoding.to_owned())];
        let request = Request {
            method: "PUT",
            path: "/b/k",
            query: "",
            headers: &headers,
            body,
        };
        let operation = service.operation(operation).unwrap();
        inbound::decode(&service, operation, &request, Limits::default())
    };
    for (encoding, body, reason) in [
        ("gzip", &b"{}"[..], "`PutEvents` takes no compressed body"),
        ("br", b"{}", "the content encoding `br` is not served"),
    ] {
        let fault = read("events", "PutEvents", encoding, body).unwrap_err();
        assert!(
            matches!(&fault, InboundError::Encoding(text) if text.contains(reason)),
            "{fault}"
        );
    }
    assert!(read("events", "PutEvents", "amz-1.0", b"{}").is_ok());
    // An object's own encoding is data.
    let object = read("s3", "PutObject", "br", b"123").unwrap();
    assert_eq!(
        (&object["ContentEncoding"], &object["Body"]),
        (&json!("br"), &json!("MTIz"))
    );
}

fn sent(service: &Arc<Service>, operation: &str, params: &Value) -> HttpRequest {
    let call = Call {
        service: service.name,
        operation,
        params,
        region: "us-east-1",
        endpoint_url: Some("http://127.0.0.1:1"),
        token: TOKEN,
        options: CallOptions::defaults(),
    };
    prepare_with(Arc::clone(service), &call).unwrap().request
}

fn put(extra: Value, options: &CallOptions) -> Result<HttpRequest, Error> {
    let mut params = json!({"Bucket": "b", "Key": "k", "Body": "123456789"});
    for (name, value) in extra.as_object().unwrap() {
        params[name] = value.clone();
    }
    prepared("s3", "PutObject", &params, options).map(|prepared| prepared.request)
}

#[test]
fn requests_carry_the_checksum_that_boto3_sends() {
    let usual = put(json!({}), CallOptions::defaults()).unwrap();
    assert_eq!(usual.header("x-amz-checksum-crc32"), Some("y/Q5Jg=="));
    assert_eq!(usual.header("x-amz-sdk-checksum-algorithm"), Some("CRC32"));
    for (algorithm, expected) in [
        ("CRC32", "y/Q5Jg=="),
        ("CRC32C", "4waSgw=="),
        ("CRC64NVME", "rosUhgp5mIg="),
        ("SHA1", "98O8HYCOBHMq32eZZczDTKeuNEE="),
        ("SHA256", "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        (
            "SHA512",
            "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
        ),
    ] {
        let request = put(
            json!({"ChecksumAlgorithm": algorithm}),
            CallOptions::defaults(),
        )
        .unwrap();
        let header = format!("x-amz-checksum-{}", algorithm.to_lowercase());
        let actual = request.header(&header).unwrap_or_default();
        assert_eq!(actual, expected, "{algorithm}");
        assert_eq!(
            request.header("x-amz-sdk-checksum-algorithm"),
            Some(algorithm)
        );
    }
    let given = put(json!({"ChecksumSHA256": "abc="}), CallOptions::defaults()).unwrap();
    assert_eq!(given.header("x-amz-checksum-sha256"), Some("abc="));
    assert_eq!(given.header("x-amz-checksum-crc32"), None);
    let unknown = put(json!({"ChecksumAlgorithm": "MD4"}), CallOptions::defaults());
    assert!(
        matches!(&unknown, Err(Error::Parameters(text)) if text.contains("MD4") && text.contains("CRC64NVME")),
        "{unknown:?}"
    );

    let sparing = CallOptions {
        request_checksums: Checksums::WhenRequired,
        ..CallOptions::new()
    };
    assert_eq!(
        put(json!({}), &sparing)
            .unwrap()
            .header("x-amz-checksum-crc32"),
        None
    );
    let delete = json!({"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}});
    let required = prepared("s3", "DeleteObjects", &delete, &sparing).unwrap();
    assert!(required.request.header("x-amz-checksum-crc32").is_some());
}

#[test]
fn answers_are_checked_against_their_checksum() {
    let params = json!({"Bucket": "b", "Key": "k"});
    let asking = prepared("s3", "GetObject", &params, CallOptions::defaults()).unwrap();
    let sparing = CallOptions {
        response_checksums: Checksums::WhenRequired,
        ..CallOptions::new()
    };
    let not_asking = prepared("s3", "GetObject", &params, &sparing).unwrap();
    assert_eq!(
        asking.request.header("x-amz-checksum-mode"),
        Some("ENABLED")
    );
    assert_eq!(not_asking.request.header("x-amz-checksum-mode"), None);
    let answer = |name: &str, value: &str| HttpResponse {
        status: 200,
        headers: vec![(name.to_owned(), value.to_owned())],
        body: "123456789".into(),
    };
    for (name, value, well) in [
        ("X-Amz-Checksum-CRC32", "y/Q5Jg==", true),
        ("x-amz-checksum-crc32", "y/Q5Jh==", false),
        ("x-amz-checksum-crc32c", "4waSgw==", true),
        ("x-amz-checksum-crc32c", "y/Q5Jg==", false),
        ("x-amz-checksum-crc64nvme", "rosUhgp5mIg=", true),
        ("x-amz-checksum-sha1", "98O8HYCOBHMq32eZZczDTKeuNEE=", true),
        ("x-amz-checksum-sha256", "", false),
        ("x-amz-checksum-crc32", "AAAAAA==-3", true),
        ("x-amz-checksum-xxhash3", "AAAAAA==", true),
    ] {
        let response = answer(name, value);
        match asking.decode(&response) {
            Ok(object) => {
                assert!(well, "{name}: {value}");
                assert_eq!(object["Body"], "123456789");
            }
            Err(error) => {
                assert!(!well, "{error}");
                assert_eq!(error.code, "ChecksumMismatch");
                assert_eq!(error.kind, FailureKind::Unreadable);
                assert!(error.message.contains("repeat the call"), "{error}");
                assert_eq!((error.service(), error.operation()), ("s3", "GetObject"));
            }
        }
        assert!(not_asking.decode(&response).is_ok());
    }
}

/// A service with CBOR whose answers have one member of each kind.
fn cbor_service() -> Arc<Service> {
    let model = json!({
        "metadata": {"protocol": "smithy-rpc-v2-cbor", "protocols": ["smithy-rpc-v2-cbor"], "endpointPrefix": "example",
            "targetPrefix": "Example", "apiVersion": "2026-01-01"},
        "operations": {"Get": {"name": "Get", "http": {"method": "POST", "requestUri": "/"}, "input": {"shape": "Output"},
            "output": {"shape": "Output"}, "errors": [{"shape": "Fault"}]}},
        "shapes": {
            "Output": {"type": "structure", "members": {
                "text": {"shape": "Text"}, "number": {"shape": "Number"}, "at": {"shape": "At"}, "blob": {"shape": "Blob"},
                "list": {"shape": "List"}, "map": {"shape": "Map"}, "inner": {"shape": "Output"},
                "float": {"shape": "Float"}}},
            "Fault": {"type": "structure", "exception": true, "members": {"message": {"shape": "Text"}, "blob": {"shape": "Blob"}}},
            "Text": {"type": "string"}, "Number": {"type": "long"}, "At": {"type": "timestamp"}, "Blob": {"type": "blob"},
            "Float": {"type": "double"},
            "List": {"type": "list", "member": {"shape": "Text"}},
            "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Number"}},
        },
    });
    Arc::new(Service::from_botocore("example", &model).unwrap())
}

fn cbor(status: u16, body: Vec<u8>) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("content-type".to_owned(), "application/cbor".to_owned())],
        body: body.into(),
    }
}

/// `{"text": "a", "number": -5, "at": 1(1.5), "blob": h'0102', "list": ["x", null], "map": {"k": 1, "n": null},
/// "float": NaN, "unknown": [{}], "inner": {"text": "b"}}`, partly with indefinite lengths.
const WELL: &str = "bf6474657874616166 6e756d62657224 626174c1fb3ff8000000000000 64626c6f62 5f41014102ff \
    646c69737482 6178f6 636d6170 a2616b01616ef6 65666c6f6174f97e00 67756e6b6e6f776e 9fa0ff 65696e6e6572 a16474657874 6162 ff";

fn well() -> Vec<u8> {
    hex::decode(WELL.replace([' ', '\n'], "")).unwrap()
}

#[test]
fn cbor_answers_are_read_by_the_model() {
    let answer = decode_with(&cbor_service(), "Get", &cbor(200, well())).unwrap();
    let mut expected = json!({"text": "a", "number": -5, "at": "1970-01-01T00:00:01.500000+00:00",
        "blob": STANDARD.encode([1, 2]), "list": ["x", null], "map": {"k": 1}, "float": "NaN", "inner": {"text": "b"}});
    expected["ResponseMetadata"] = answer["ResponseMetadata"].clone();
    assert_eq!(answer, expected);
    let fault = hex::decode(
        "a3665f5f7479706567782346 61756c74676d657373616765 6268 6964626c6f624107".replace(' ', ""),
    )
    .unwrap();
    let error = decode_with(&cbor_service(), "Get", &cbor(400, fault)).unwrap_err();
    assert_eq!((&*error.code, &*error.message), ("Fault", "hi"));
    assert_eq!(error.detail["blob"], STANDARD.encode([7]));
}

#[test]
fn broken_cbor_answers_are_typed_errors() {
    let service = cbor_service();
    let read = |status, body: Vec<u8>| decode_with(&service, "Get", &cbor(status, body));
    let hex = |text: &str| hex::decode(text).unwrap();
    let deep = hex(&("a165696e6e6572".repeat(100) + "a0"));
    for (body, reason) in [
        (hex("01"), "not a CBOR object"),
        (hex("80"), "not a CBOR object"),
        (
            hex("a1646c69737401"),
            "a list of the answer is not a CBOR array",
        ),
        (
            hex("a1636d617080"),
            "a map of the answer is not a CBOR object",
        ),
        (
            hex("a165696e6e657261 78".replace(' ', "").as_str()),
            "structure of the answer",
        ),
        (hex("a164626c6f625bffffffffffffffff"), "ends within"),
        (hex("a1646c6973749bffffffffffffffff"), "ends within"),
        (hex("bbffffffffffffffff"), "ends within"),
        (hex("a0a0"), "follows"),
        (deep, "deeper than 64"),
        (b"{\"text\": \"a\"}".to_vec(), "not CBOR"),
        (vec![0xa0; 10 * 1024 * 1024 + 1], "10 MiB"),
    ] {
        for status in [200, 500] {
            let error = read(status, body.clone()).unwrap_err();
            if status == 200 || reason == "10 MiB" {
                assert_eq!(error.kind, FailureKind::Unreadable, "{error}");
                assert!(error.message.contains(reason), "{reason}: {error}");
            }
        }
    }
    let page = b"<html><body>gateway</body></html>".to_vec();
    let error = read(200, page).unwrap_err();
    assert_eq!(error.kind, FailureKind::NotImplementedByTarget);
    assert_eq!(
        read(200, Vec::new()).unwrap()["ResponseMetadata"]["HTTPStatusCode"],
        200
    );
}

/// Every body that is cut short or has one byte changed is an answer or a typed error, never a panic.
#[test]
fn damaged_cbor_answers_are_survived() {
    let (service, whole) = (cbor_service(), well());
    for length in 1..whole.len() {
        let error = decode_with(&service, "Get", &cbor(200, whole[..length].to_vec())).unwrap_err();
        assert_eq!(error.kind, FailureKind::Unreadable, "{length}");
    }
    let mut answers = 0;
    for at in 0..whole.len() {
        for byte in 0..=255 {
            let mut body = whole.clone();
            body[at] = byte;
            for status in [200, 400] {
                match decode_with(&service, "Get", &cbor(status, body.clone())) {
                    Ok(_) => answers += 1,
                    Err(error) => assert!(!error.message.is_empty() || status == 400),
                }
            }
        }
    }
    assert!(answers > 1000, "{answers}");
}

/// What the client writes the service's side reads, and the other way round; so do errors.
#[test]
fn both_sides_of_cbor_agree() {
    let service = cbor_service();
    let operation = service.operation("Get").unwrap();
    let params = json!({"text": "a", "number": -5, "at": "2026-11-21T06:00:00Z", "blob": {"$base64": "AQI="}, "float": "NaN",
        "list": ["x"], "map": {"k": 1}, "inner": {"float": 0.5}});
    let sent = sent(&service, "Get", &params);
    let read = |body: &[u8]| {
        let request = Request {
            method: &sent.method,
            path: &sent.path,
            query: "",
            headers: &sent.headers,
            body,
        };
        inbound::decode(&service, operation, &request, Limits::default())
    };
    let given = read(&sent.body).unwrap();
    let mut expected = params.clone();
    expected["blob"] = "AQI=".into();
    assert_eq!(Value::Object(given.clone()), expected);

    let answer = inbound::encode(&service, operation, &given, "id");
    assert_eq!(answer.header("smithy-protocol"), Some("rpc-v2-cbor"));
    let decoded = decode_with(&service, "Get", &answer).unwrap();
    expected["at"] = "2026-11-21T06:00:00+00:00".into();
    expected["ResponseMetadata"] = decoded["ResponseMetadata"].clone();
    assert_eq!(decoded, expected);

    let members = json!({"blob": "Bw==", "more": 1})
        .as_object()
        .unwrap()
        .clone();
    let error = ErrorAnswer {
        code: "Fault",
        message: "no",
        status: 400,
        members: &members,
        request_id: "id",
    };
    let fault = decode_with(
        &service,
        "Get",
        &inbound::encode_error(&service, Some(operation), &error),
    )
    .unwrap_err();
    assert_eq!((&*fault.code, &*fault.message), ("Fault", "no"));
    assert_eq!(fault.detail["blob"], "Bw==");

    for (body, reason) in [
        (&b"\xa1"[..], "not acceptable CBOR"),
        (b"\x80", "one CBOR map"),
        (b"\x61x", "one CBOR map"),
        (b"\xf6", "one CBOR map"),
        (b"\x05", "one CBOR map"),
        (b"\xa1\x66number\x61x", "whole number"),
        (b"\xa1\x64text\x41x", "string"),
        (b"\xa2\x64text\x61x\x64text\x61x", "twice"),
        (
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            "not acceptable CBOR",
        ),
    ] {
        let fault = read(body).unwrap_err().to_string();
        assert!(fault.contains(reason), "{reason}: {fault}");
    }
}
