//! What is fuzzed: one function for each decoder, which any bytes may be given and which must not panic. Shared by the
//! fuzzer (`fuzz/src/main.rs`, nightly) and by the replay of the kept corpora (`tests/it/corpora.rs`, stable).

use std::sync::{Arc, OnceLock};

use aws::credentials::profile::Profiles;
use aws::credentials::{container, imds};
use aws::inbound::{self, Limits, Request, Routes};
use aws::model::{Catalog, Service, TimestampFormat, catalog};
use aws::sigv4::{Payload, RawRequest, Verifier};
use aws::{Call, CallOptions, HttpResponse, decode_with, prepare};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; the name is also that of the corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("json_answer", json_answer),
    ("rest_json_answer", rest_json_answer),
    ("query_answer", query_answer),
    ("ec2_answer", ec2_answer),
    ("rest_xml_answer", rest_xml_answer),
    ("cbor_answer", cbor_answer),
    ("params", params),
    ("timestamps", timestamps),
    ("profiles", profiles),
    ("credential_documents", credential_documents),
    ("verifier", verifier),
    ("table", table),
    ("inbound_json", inbound_json),
    ("inbound_rest_json", inbound_rest_json),
    ("inbound_query", inbound_query),
    ("inbound_ec2", inbound_ec2),
    ("inbound_rest_xml", inbound_rest_xml),
];

/// Answers of JSON 1.0 and 1.1, errors among them.
fn json_answer(data: &[u8]) {
    answer(&["dynamodb", "kms", "ssm", "logs", "sqs"], data);
}

/// Answers of JSON with HTTP bindings, errors among them.
fn rest_json_answer(data: &[u8]) {
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
fn query_answer(data: &[u8]) {
    answer(&["iam", "sts", "cloudformation", "rds", "sns"], data);
}

/// Answers of EC2, errors among them.
fn ec2_answer(data: &[u8]) {
    answer(&["ec2"], data);
}

/// Answers of XML with HTTP bindings, errors among them.
fn rest_xml_answer(data: &[u8]) {
    answer(&["s3", "route53", "cloudfront", "s3control"], data);
}

/// Answers in CBOR, errors among them.
fn cbor_answer(data: &[u8]) {
    let Some(service) = cbor_service() else {
        return;
    };
    answer_of(service, data);
}

/// Splits off the first byte.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (usize::from(*first), rest),
        None => (0, &[]),
    }
}

fn pick<T>(list: &[T], at: usize) -> Option<&T> {
    list.get(at % list.len().max(1))
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
        body: bytes::Bytes::copy_from_slice(body),
    };
    let Some(operation) = pick(&service.operations, high * 256 + low) else {
        return;
    };
    match decode_with(service, operation.name, &response) {
        Ok(answer) => assert!(answer.is_object(), "an answer is an object"),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is"),
    }
}

/// Lines of headers up to an empty one, then the body; without an empty line all is body.
fn head(data: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let Some(end) = data.windows(2).position(|two| two == b"\n\n") else {
        return (Vec::new(), data);
    };
    let text = String::from_utf8_lossy(data.get(..end).unwrap_or_default()).into_owned();
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    (headers.collect(), data.get(end + 2..).unwrap_or_default())
}

/// A service that speaks CBOR with a member of every type: none of the table's prefers it.
fn cbor_service() -> Option<&'static Service> {
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

/// Parameters, from the check to the request. A byte for the service, two for the operation, then JSON.
fn params(data: &[u8]) {
    let names = [
        "s3",
        "ec2",
        "dynamodb",
        "iam",
        "route53",
        "lambda",
        "ssm",
        "s3control",
        "glacier",
    ];
    let (at, data) = choice(data);
    let (high, data) = choice(data);
    let (low, data) = choice(data);
    let service = pick(&names, at).and_then(|name| catalog().service(name).ok());
    let Some(service) = service else {
        return;
    };
    let Some(operation) = pick(&service.operations, high * 256 + low) else {
        return;
    };
    let params = serde_json::from_slice(data).unwrap_or_else(|_| {
        let text = String::from_utf8_lossy(data).into_owned();
        // Each member with the same text: the lenient reading of text is what is tried then.
        let input = operation
            .input
            .as_ref()
            .and_then(|input| service.structure(input));
        let members = input
            .map(|input| input.members.as_slice())
            .unwrap_or_default();
        let members = members
            .iter()
            .map(|member| (member.name.to_owned(), json!(text)));
        Value::Object(members.collect())
    });
    let call = Call {
        service: service.name,
        operation: operation.name,
        params: &params,
        region: "eu-west-1",
        endpoint_url: None,
        token: "t",
        options: CallOptions::defaults(),
    };
    if let Err(error) = prepare(&call) {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}

/// Timestamps in all forms. What is read can be written and read again.
fn timestamps(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = aws::timestamp::answer_form(&text);
    let Some(at) = aws::timestamp::parse(&text) else {
        return;
    };
    for format in [
        TimestampFormat::Iso8601,
        TimestampFormat::Rfc822,
        TimestampFormat::Unix,
    ] {
        let written = aws::timestamp::format(at, format);
        assert!(!written.is_empty(), "a timestamp can be written");
    }
    let shown = at.to_string();
    assert_eq!(aws::timestamp::parse(&shown), Some(at), "{shown}");
}

/// The shared files: `credentials`, a zero byte, `config`.
fn profiles(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (credentials, config) = text.split_once('\0').unwrap_or((&text, &text));
    if let Ok(profiles) = Profiles::parse(credentials, config) {
        for name in ["default", "a", "b", ""] {
            let _ = profiles.get(name);
            let _ = profiles.source(name);
        }
    }
}

/// Documents with credentials: of a container's endpoint and of an instance's metadata.
fn credential_documents(data: &[u8]) {
    let _ = container::parse_credentials(data);
    let _ = imds::parse_credentials(data);
    if let Ok(answer) = serde_json::from_slice::<Value>(data) {
        let _ = aws::credentials::sts::parse(&answer);
    }
}

/// A request: its first line, then headers and body.
struct Raw<'a> {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    fn read(data: &'a [u8]) -> Self {
        let end = data
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(data.len());
        let (line, rest) = data.split_at(end);
        let line = String::from_utf8_lossy(line).into_owned();
        let (method, target) = line.split_once(' ').unwrap_or(("POST", &line));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (headers, body) = head(rest);
        Self {
            method: method.to_owned(),
            path: format!("/{}", path.trim_start_matches('/')),
            query: query.to_owned(),
            headers,
            body,
        }
    }
}

/// Signed requests: the signature's header or query, and everything it covers.
fn verifier(data: &[u8]) {
    let raw = Raw::read(data);
    let request = RawRequest {
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        payload: Payload::Bytes(raw.body),
    };
    let at = Timestamp::from_second(1_772_600_767).unwrap_or(Timestamp::UNIX_EPOCH);
    let secret = |_: &str| Some("secret".to_owned());
    if let Err(error) = Verifier::default().verify(&request, &secret, at) {
        assert!(
            error.status(true) >= 400 && !error.code(false).is_empty(),
            "a refusal"
        );
    }
}

/// The packed table: an even first byte gives a whole table, an odd one the plain text of a service's frame.
fn table(data: &[u8]) {
    let (kind, data) = choice(data);
    let bytes = if kind % 2 == 0 {
        Some(data.to_vec())
    } else {
        with_frame(data)
    };
    let Some(bytes) = bytes.filter(|bytes| bytes.len() <= 64 * 1024) else {
        return;
    };
    let Some(catalog) = Catalog::read(Box::leak(bytes.into_boxed_slice())) else {
        return;
    };
    let names: Vec<&str> = catalog.names().collect();
    for name in names {
        let _ = catalog.endpoint_rules(name);
        if let Ok(service) = catalog.service(name) {
            for operation in &service.operations {
                let _ = service.exception(operation, "Bad");
            }
        }
    }
    assert!(
        !catalog.partitions().is_empty(),
        "there is always some text"
    );
}

/// A table of one service whose frame is this, behind an index, strings, partitions and common rules.
fn with_frame(frame: &[u8]) -> Option<Vec<u8>> {
    let index = [1, b'v', 1, b'd', 1, 1, b's', 1, 1, b's', 0];
    let strings = [2, 2, 1, 1, 2, b'A', b'b'];
    let frames: [&[u8]; 6] = [&index, &strings, b"null", b"", frame, b""];
    let mut head = b"AWSMODL\x03".to_vec();
    let mut body = Vec::new();
    head.extend_from_slice(&u32::try_from(frames.len()).ok()?.to_le_bytes());
    for (at, plain) in frames.iter().enumerate() {
        let dictionary: &[u8] = if at == 4 { &strings } else { &[] };
        let mut compressor = zstd::bulk::Compressor::with_dictionary(1, dictionary).ok()?;
        let packed = compressor.compress(plain).ok()?;
        head.extend_from_slice(&u32::try_from(packed.len()).ok()?.to_le_bytes());
        head.extend_from_slice(&u32::try_from(plain.len()).ok()?.to_le_bytes());
        body.extend_from_slice(&packed);
    }
    Some([head, body].concat())
}

/// Requests in JSON 1.0 and 1.1.
fn inbound_json(data: &[u8]) {
    request(&["dynamodb", "kms", "ssm", "sqs"], data);
}

/// Requests in JSON with HTTP bindings.
fn inbound_rest_json(data: &[u8]) {
    request(&["ssm-incidents", "lambda", "guardduty"], data);
}

/// Requests of the query protocol.
fn inbound_query(data: &[u8]) {
    request(&["iam", "sts", "sns", "cloudformation"], data);
}

/// Requests of EC2.
fn inbound_ec2(data: &[u8]) {
    request(&["ec2"], data);
}

/// Requests in XML with HTTP bindings.
fn inbound_rest_xml(data: &[u8]) {
    request(&["route53", "s3", "cloudfront"], data);
}

fn routes(name: &'static str) -> Option<(Arc<Service>, Arc<Routes>)> {
    use std::collections::HashMap;
    use std::sync::{LazyLock, Mutex, PoisonError};
    static ROUTES: LazyLock<Mutex<HashMap<&'static str, Arc<Routes>>>> =
        LazyLock::new(Mutex::default);
    let service = catalog().service(name).ok()?;
    let mut known = ROUTES.lock().unwrap_or_else(PoisonError::into_inner);
    let routes = known
        .entry(name)
        .or_insert_with(|| Arc::new(Routes::new(&service)));
    Some((service, Arc::clone(routes)))
}

/// A byte for the service, then the request. The body is read for the operation meant, and, where none is, for one
/// chosen by its length.
fn request(services: &[&'static str], data: &[u8]) {
    let (at, data) = choice(data);
    let raw = Raw::read(data);
    let Some((service, routes)) = pick(services, at).and_then(|name| routes(name)) else {
        return;
    };
    let request = Request {
        method: &raw.method,
        path: &raw.path,
        query: &raw.query,
        headers: &raw.headers,
        body: raw.body,
    };
    let operation = routes.operation(&service, &request).ok();
    let operation = operation.or_else(|| pick(&service.operations, data.len()));
    let Some(operation) = operation else {
        return;
    };
    if let Err(error) = inbound::decode(&service, operation, &request, Limits::default()) {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}
