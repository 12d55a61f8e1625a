//! Calls on their way out, and their signatures.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aws::endpoint::ParameterKind;
use aws::endpoint::{Partitions, RuleSet, rules_of};
use aws::model::{TimestampFormat, catalog};
use aws::sigv4::{Payload, RawRequest, Verifier, VerifyError};
use aws::{Call, CallOptions, Credentials, EndpointParameter, HttpRequest, Prepared, prepare};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Raw, choice, pick};

/// Parameters, from the check to the request. A byte for the service, two for the operation, then JSON.
pub(super) fn params(data: &[u8]) {
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
pub(super) fn timestamps(data: &[u8]) {
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

/// Signed requests: the signature's header or query, and everything it covers.
pub(super) fn verifier(data: &[u8]) {
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

/// The moment at which all is signed.
fn moment() -> Timestamp {
    Timestamp::from_second(1_772_600_767).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Calls to any region and endpoint with any name in the path: a byte for the operation, one for options, then region,
/// endpoint and name on lines of their own. What can be signed or presigned our own verifier takes, and not when it
/// was changed.
pub(super) fn signatures(data: &[u8]) {
    let (at, data) = choice(data);
    let (flags, data) = choice(data);
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let region = lines.next().unwrap_or_default();
    let endpoint = lines.next().filter(|line| !line.is_empty());
    let name = lines.next().unwrap_or_default();
    let calls = [
        ("s3", "GetObject", json!({"Bucket": "b", "Key": name})),
        (
            "s3",
            "PutObject",
            json!({"Bucket": name, "Key": "k", "Body": "x"}),
        ),
        (
            "s3control",
            "GetAccessPoint",
            json!({"AccountId": "123456789012", "Name": name}),
        ),
        ("dynamodb", "GetItem", json!({"TableName": name, "Key": {}})),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": name, "RoleSessionName": "s"}),
        ),
        ("lambda", "GetFunction", json!({"FunctionName": name})),
        (
            "sqs",
            "SendMessage",
            json!({"QueueUrl": name, "MessageBody": "m"}),
        ),
        (
            "events",
            "PutEvents",
            json!({"Entries": [], "EndpointId": name}),
        ),
        ("iam", "GetRole", json!({"RoleName": name})),
    ];
    let Some((service, operation, params)) = pick(&calls, at) else {
        return;
    };
    let mut options = CallOptions::new();
    options.use_fips = flags & 1 != 0;
    options.use_dual_stack = flags & 2 != 0;
    options.s3.use_accelerate = flags & 4 != 0;
    options.s3.use_arn_region = Some(flags & 8 != 0);
    options.account_id = (flags & 16 != 0).then(|| "123456789012".to_owned());
    let call = Call {
        service,
        operation,
        params,
        region,
        endpoint_url: endpoint,
        token: "t",
        options: &options,
    };
    match prepare(&call) {
        Ok(prepared) => signed(&prepared),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is"),
    }
}

fn signed(prepared: &Prepared) {
    let mut keys = Credentials::new("AKID", "secret");
    keys.session_token = Some("token/+=".to_owned());
    if prepared.signing.scope().is_none() {
        return;
    }
    if let Ok(request) = prepared.sign(&keys, moment()) {
        assert_eq!(verified(&request), Ok(()), "{request:?}");
        let mut changed = request;
        changed.query.push_str("&changed=");
        assert_eq!(verified(&changed), Err(VerifyError::Mismatch));
    }
    if let Ok(presigned) = prepared.presign(&keys, moment(), 60) {
        let (_, rest) = presigned.url.split_once("://").unwrap_or_default();
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = target.split_once('/').unwrap_or((target, ""));
        let host = ("host".to_owned(), authority.to_owned());
        let mut request = HttpRequest {
            method: presigned.method,
            scheme: String::new(),
            authority: authority.to_owned(),
            path: format!("/{path}"),
            query: query.to_owned(),
            headers: presigned.headers.into_iter().chain([host]).collect(),
            body: presigned.body,
        };
        assert_eq!(verified(&request), Ok(()), "{request:?}");
        request.path.push('x');
        assert_eq!(verified(&request), Err(VerifyError::Mismatch));
    }
}

fn verified(request: &HttpRequest) -> Result<(), VerifyError> {
    let raw = RawRequest {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        payload: Payload::Bytes(&request.body),
    };
    let secret = |id: &str| (id == "AKID").then(|| "secret".to_owned());
    Verifier::default()
        .verify(&raw, &secret, moment())
        .map(drop)
}

fn partitions() -> Option<&'static Partitions> {
    static PARTITIONS: OnceLock<Option<Partitions>> = OnceLock::new();
    let read = || Partitions::parse(catalog().partitions()).ok();
    PARTITIONS.get_or_init(read).as_ref()
}

/// The services' endpoint rules with any parameters: a byte for the service, then a line for each parameter in its
/// order, empty for none.
pub(super) fn endpoint_parameters(data: &[u8]) {
    let names = [
        "s3",
        "s3control",
        "dynamodb",
        "sts",
        "events",
        "kinesis",
        "iam",
        "route53",
        "sqs",
        "cloudfront",
        "bedrock",
        "organizations",
    ];
    let (at, data) = choice(data);
    let rules = pick(&names, at).and_then(|name| rules_of(name).ok().flatten());
    if let Some(rules) = rules {
        evaluate(&rules, &String::from_utf8_lossy(data));
    }
}

/// Any endpoint rules: the parameters' lines, a zero byte, the rules. The same rules as partitions, too.
pub(super) fn endpoint_rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (lines, document) = text.split_once('\0').unwrap_or(("", &text));
    if let Err(error) = Partitions::parse(document) {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
    match RuleSet::parse(document) {
        Ok(rules) => evaluate(&rules, lines),
        Err(error) => assert!(!error.what.is_empty(), "an error says what it is"),
    }
}

fn evaluate(rules: &RuleSet, lines: &str) {
    let given = rules.parameters().iter().zip(lines.lines());
    let given = given
        .filter(|(_, line)| !line.is_empty())
        .map(|(parameter, line)| {
            let value = match parameter.kind {
                ParameterKind::Text => EndpointParameter::Text(line.to_owned()),
                ParameterKind::Flag => EndpointParameter::Flag(line == "true"),
                ParameterKind::List => {
                    EndpointParameter::List(line.split(',').map(str::to_owned).collect())
                }
            };
            (parameter.name.clone(), value)
        });
    let given: BTreeMap<String, EndpointParameter> = given.collect();
    let Some(partitions) = partitions() else {
        return;
    };
    if let Err(error) = rules.evaluate(partitions, &given) {
        assert!(!error.to_string().is_empty(), "an error says what it is");
    }
}
