//! Answers of services, as the client reads them.

use std::sync::OnceLock;

use aws::inbound::{self, ErrorAnswer};
use aws::model::{Service, catalog};
use aws::{HttpResponse, decode_with};
use bytes::Bytes;
use quick_xml::events::Event;
use serde_json::{Map, Value, json};

use super::{choice, head, pick};

/// A service of each way to tell an error, beside the one of CBOR: JSON with and without the query codes, JSON with
/// bindings, query, EC2, XML with bindings and S3's.
const OF_EACH_PROTOCOL: [&str; 7] = ["dynamodb", "sqs", "lambda", "iam", "ec2", "route53", "s3"];

/// Answers of JSON 1.0 and 1.1, errors among them.
pub(super) fn json_answer(data: &[u8]) {
    answer(&["dynamodb", "kms", "ssm", "logs", "sqs"], data);
}

/// Answers of JSON with HTTP bindings, errors among them.
pub(super) fn rest_json_answer(data: &[u8]) {
    answer(
        &[
            "lambda",
            "guardduty",
            "ssm-incidents",
            "apigateway",
            "glacier",
        ],
        data,
    );
}

/// Answers of the query protocol, errors among them.
pub(super) fn query_answer(data: &[u8]) {
    answer(&["iam", "sts", "cloudformation", "rds", "sns"], data);
}

/// Answers of EC2, errors among them.
pub(super) fn ec2_answer(data: &[u8]) {
    answer(&["ec2"], data);
}

/// Answers of XML with HTTP bindings, errors among them.
pub(super) fn rest_xml_answer(data: &[u8]) {
    answer(&["s3", "route53", "cloudfront", "s3control"], data);
}

/// Answers in CBOR, errors among them.
pub(super) fn cbor_answer(data: &[u8]) {
    let Some(service) = cbor_service() else {
        return;
    };
    answer_of(service, data);
}

fn answer(services: &[&str], data: &[u8]) {
    let (at, data) = choice(data);
    let service = pick(services, at).and_then(|name| catalog().service(name).ok());
    if let Some(service) = service {
        answer_of(&service, data);
    }
}

/// Two bytes for the operation, one for the status, then headers and body.
fn answer_of(service: &Service, data: &[u8]) {
    let (high, data) = choice(data);
    let (low, data) = choice(data);
    let (status, data) = choice(data);
    let (headers, body) = head(data);
    let response = HttpResponse {
        status: *pick(&[200, 400, 500, 301, 204, 403], status).unwrap_or(&200),
        headers,
        body: Bytes::copy_from_slice(body),
    };
    let Some(operation) = pick(&service.operations, high * 256 + low) else {
        return;
    };
    match decode_with(service, operation.name, &response) {
        Ok(answer) => assert!(answer.is_object(), "an answer is an object"),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is"),
    }
}

/// A service that speaks CBOR with a member of every type: none of the table's prefers it.
pub(super) fn cbor_service() -> Option<&'static Service> {
    static SERVICE: OnceLock<Option<Service>> = OnceLock::new();
    let read = || {
        let member = |shape: &str| json!({"shape": shape});
        let model = json!({
            "metadata": {"protocol": "smithy-rpc-v2-cbor", "serviceId": "Fuzz", "apiVersion": "1",
                         "endpointPrefix": "fuzz", "targetPrefix": "Fuzz"},
            "operations": {"Get": {"name": "Get", "http": {"method": "POST", "requestUri": "/"},
                           "input": member("All"), "output": member("All"), "errors": [member("Bad")]}},
            "shapes": {
                "All": {"type": "structure", "members": {
                    "Text": member("Text"), "Int": member("Int"), "Long": member("Long"), "Float": member("Float"),
                    "Double": member("Double"), "Flag": member("Flag"), "Bytes": member("Bytes"),
                    "At": member("At"), "List": member("List"), "Map": member("Map"), "All": member("All")}},
                "Bad": {"type": "structure", "exception": true, "members": {"message": member("Text")}},
                "Text": {"type": "string"}, "Int": {"type": "integer"}, "Long": {"type": "long"},
                "Float": {"type": "float"}, "Double": {"type": "double"}, "Flag": {"type": "boolean"},
                "Bytes": {"type": "blob"}, "At": {"type": "timestamp"},
                "List": {"type": "list", "member": member("All")},
                "Map": {"type": "map", "key": member("Text"), "value": member("All")},
            },
        });
        Service::from_botocore("fuzz", &model).ok()
    };
    SERVICE.get_or_init(read).as_ref()
}

/// A service of any protocol; the first byte chooses it, two more its operation.
fn any_operation(data: &[u8], then: impl FnOnce(&Service, usize, &[u8])) {
    let (at, data) = choice(data);
    let (high, data) = choice(data);
    let (low, data) = choice(data);
    let at = at % (OF_EACH_PROTOCOL.len() + 1);
    match OF_EACH_PROTOCOL.get(at) {
        Some(name) => {
            if let Ok(service) = catalog().service(name) {
                then(&service, high * 256 + low, data);
            }
        }
        None => {
            if let Some(service) = cbor_service() {
                then(service, 0, data);
            }
        }
    }
}

/// Answers whose status says that they are errors: never taken for anything else.
pub(super) fn error_answer(data: &[u8]) {
    any_operation(data, |service, at, data| {
        let Some(operation) = pick(&service.operations, at) else {
            return;
        };
        let (status, data) = choice(data);
        let statuses = [
            400, 401, 403, 404, 405, 409, 412, 413, 429, 500, 502, 503, 504, 599,
        ];
        let (headers, body) = head(data);
        let response = HttpResponse {
            status: *pick(&statuses, status).unwrap_or(&400),
            headers,
            body: Bytes::copy_from_slice(body),
        };
        let error = decode_with(service, operation.name, &response);
        let said = error.err().map(|error| error.to_string());
        assert!(
            said.is_some_and(|said| !said.is_empty()),
            "an error of `{}` says what it is",
            service.name
        );
    });
}

/// Errors that our own server writes: code on the first line, message after it. The client finds the code again.
pub(super) fn written_error(data: &[u8]) {
    any_operation(data, |service, at, data| {
        let text = String::from_utf8_lossy(data);
        let (code, message) = text.split_once('\n').unwrap_or((&text, ""));
        let Some(operation) = pick(&service.operations, at) else {
            return;
        };
        let answer = inbound::encode_error(
            service,
            Some(operation),
            &ErrorAnswer {
                code,
                message,
                status: 400,
                members: &Map::new(),
                request_id: "r",
            },
        );
        let read = decode_with(service, operation.name, &answer);
        let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // XML has no place for control characters: such a message makes an answer that nobody can read.
        let is_text = !message.chars().any(char::is_control);
        if let (true, Err(error)) = (is_code && is_text, &read) {
            assert_eq!(error.code, code, "of `{}`", service.name);
        }
        assert!(read.is_err(), "an error is read as one");
    });
}

/// Answers that our own server writes, of any JSON. The client reads what is written.
pub(super) fn written_answer(data: &[u8]) {
    any_operation(data, |service, at, data| {
        let Ok(Value::Object(output)) = serde_json::from_slice(data) else {
            return;
        };
        let Some(operation) = pick(&service.operations, at) else {
            return;
        };
        let answer = inbound::encode(service, operation, &output, "r");
        if let Err(error) = decode_with(service, operation.name, &answer) {
            assert!(!error.to_string().is_empty(), "an error says what it is");
        }
    });
}

/// XML read by us and by quick-xml, which is more lenient: what we take it takes, and finds the same text.
pub(super) fn xml_reading(data: &[u8]) {
    let Some(service) = xml_service() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let response = HttpResponse {
        status: 200,
        headers: Vec::new(),
        body: Bytes::copy_from_slice(data),
    };
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return;
    }
    let Ok(answer) = decode_with(service, "Get", &response) else {
        return;
    };
    let found = answer.get("Text").and_then(Value::as_str);
    let others = texts(text);
    assert!(others.is_some(), "quick-xml refuses what we take");
    let others = others.unwrap_or_default();
    match found {
        Some(found) => assert!(
            others.iter().any(|other| other == found),
            "{found:?} is not in {others:?}"
        ),
        None => assert!(others.is_empty(), "nothing, but {others:?}"),
    }
}

fn xml_service() -> Option<&'static Service> {
    static SERVICE: OnceLock<Option<Service>> = OnceLock::new();
    let read = || {
        let model = json!({
            "metadata": {"protocol": "rest-xml", "serviceId": "Fuzz", "apiVersion": "1", "endpointPrefix": "fuzz"},
            "operations": {"Get": {"name": "Get", "http": {"method": "GET", "requestUri": "/"},
                           "output": {"shape": "Out"}}},
            // Two members: the root may stand for an only one.
            "shapes": {"Out": {"type": "structure", "members": {"Text": {"shape": "Text"}, "Other": {"shape": "Text"}}},
                       "Text": {"type": "string"}},
        });
        Service::from_botocore("fuzz", &model).ok()
    };
    SERVICE.get_or_init(read).as_ref()
}

/// What quick-xml finds in the elements `Text` right under the root; `None` where it finds a fault.
fn texts(document: &str) -> Option<Vec<String>> {
    let mut reader = quick_xml::Reader::from_str(document.trim_start_matches('\u{feff}'));
    reader.config_mut().expand_empty_elements = true;
    let (mut depth, mut found) = (0_usize, Vec::new());
    let mut open: Option<(String, bool)> = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                for attribute in start.attributes() {
                    attribute.ok()?;
                }
                depth += 1;
                if depth == 2 && start.local_name().as_ref() == "Text" {
                    open = Some((String::new(), false));
                } else if let (3, Some((_, children))) = (depth, &mut open) {
                    *children = true;
                }
            }
            Event::End(_) => {
                if let (2, Some((text, children))) = (depth, open.take_if(|_| depth == 2)) {
                    let layout = children && text.trim_matches([' ', '\t', '\r', '\n']).is_empty();
                    found.push(if layout { String::new() } else { text });
                }
                depth = depth.checked_sub(1)?;
            }
            Event::Eof => return (depth == 0).then_some(found),
            event => {
                if let (2, Some((text, _))) = (depth, &mut open) {
                    text.push_str(&piece(&event)?);
                }
            }
        }
    }
}

/// The text of a piece of an element; `None` for a reference that means nothing.
fn piece(event: &Event<'_>) -> Option<String> {
    Some(match event {
        Event::Text(text) => text.xml10_content().into_owned(),
        Event::CData(text) => text.xml10_content().into_owned(),
        Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
            Some(character) => character.to_string(),
            None => match reference.xml10_content().as_ref() {
                "quot" => "\"",
                "apos" => "'",
                "amp" => "&",
                "lt" => "<",
                "gt" => ">",
                _ => return None,
            }
            .to_owned(),
        },
        _ => String::new(),
    })
}
