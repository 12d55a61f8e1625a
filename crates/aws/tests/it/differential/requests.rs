//! Requests: method, address, headers, body and signature.

use aws::{Call, CallOptions, Credentials, HttpRequest, Prepared, prepare, sigv4};
use serde_json::Value;

use super::{Differences, bodies, bytes, headers, run, text};

const NOW: &str = "2026-03-04T05:06:07Z";
const TOKEN: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn requests_are_those_of_botocore() {
    run("requests", 2000, 60, &check);
}

fn credentials(case: &Value) -> Credentials {
    let mut credentials =
        Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    credentials.session_token = case["temporary"]
        .as_bool()
        .unwrap()
        .then(|| "token/with+signs==".to_owned());
    credentials
}

fn check(case: &Value) -> Differences {
    let prepared = prepare(&Call {
        service: text(case, "service"),
        operation: text(case, "operation"),
        params: &case["params"],
        region: text(case, "region"),
        endpoint_url: None,
        token: TOKEN,
        options: CallOptions::defaults(),
    });
    let mut differences = match (prepared, case["refused"].as_str()) {
        (Err(_), Some(_)) => return Vec::new(),
        (Err(error), None) => vec![format!("refused here only: {error}")],
        (Ok(_), Some(reason)) => vec![format!("refused by botocore only: {reason}")],
        (Ok(prepared), None) => compare(case, &prepared),
    };
    if !differences.is_empty() {
        differences.push(format!("params: {}", case["params"]));
    }
    differences
}

fn compare(case: &Value, prepared: &Prepared) -> Differences {
    let theirs = theirs(case);
    let credentials = credentials(case);
    let ours = prepared.sign(&credentials, NOW.parse().unwrap()).unwrap();
    let mut differences = Vec::new();
    let mut same = |what: &str, theirs: String, ours: String| {
        if theirs != ours {
            differences.push(format!(
                "{what}:\n      botocore {theirs}\n      here     {ours}"
            ));
        }
    };
    same("method", theirs.method.clone(), ours.method.clone());
    same("scheme", theirs.scheme.clone(), ours.scheme.clone());
    same("host", theirs.authority.clone(), ours.authority.clone());
    same("path", theirs.path.clone(), ours.path.clone());
    same("query", pairs(&theirs.query), pairs(&ours.query));
    let trailer = case["trailer"].as_bool().unwrap();
    let bytes = theirs.body == ours.body;
    let kinds = theirs.header("content-type").is_some();
    let shown = |request: &HttpRequest| shown(request, trailer, bytes, kinds);
    same("headers", shown(&theirs), shown(&ours));
    same(
        "signature",
        authorization(&theirs),
        signed(&theirs, prepared, &credentials, trailer),
    );
    if let Some(difference) = bodies::compare(&theirs, &ours) {
        differences.push(difference);
    }
    differences
}

pub(super) fn theirs(case: &Value) -> HttpRequest {
    let (scheme, rest) = text(case, "url").split_once("://").unwrap();
    let (authority, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    HttpRequest {
        method: text(case, "method").to_owned(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path: if path.is_empty() { "/" } else { path }.to_owned(),
        query: query.to_owned(),
        headers: headers(case)
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        body: bytes(case, "body").into(),
    }
}

/// The query as a sorted list: the order of parameters is free, and `a` is `a=`.
fn pairs(query: &str) -> String {
    let mut pairs: Vec<String> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            if pair.contains('=') {
                pair.to_owned()
            } else {
                format!("{pair}=")
            }
        })
        .collect();
    pairs.sort();
    pairs.join("&")
}

/// Headers that mean something to the service, sorted. The signature is compared on its own; the rest names the
/// program, counts attempts or is the sender's.
///
/// * `trailer`: botocore sent the checksum behind a body that it left out of the signature, so that it may read the
///   body once. Here the whole body is at hand: it is signed, and the checksum is in the headers.
/// * not `bytes`: bodies that say the same in another order have other digests; their names are compared.
/// * not `kinds`: botocore names no type for XML and for bytes; the protocols do.
fn shown(request: &HttpRequest, trailer: bool, bytes: bool, kinds: bool) -> String {
    const FREE: [&str; 8] = [
        "host",
        "user-agent",
        "x-amz-user-agent",
        "content-length",
        "authorization",
        "expect",
        "amz-sdk-request",
        "amz-sdk-invocation-id",
    ];
    const TYPES: [&str; 3] = ["application/xml", "application/octet-stream", "text/plain"];
    let digest = |name: &str| {
        name == "x-amz-content-sha256"
            || (name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-algorithm")
    };
    let mut lines: Vec<String> = request
        .headers
        .iter()
        .filter(|(name, _)| !FREE.contains(&name.as_str()))
        .filter(|(name, _)| !(trailer && name == "x-amz-content-sha256"))
        .filter(|(name, value)| kinds || name != "content-type" || !TYPES.contains(&value.as_str()))
        .map(|(name, value)| match digest(name) && !bytes {
            true => format!("{name}: (a digest)"),
            false => format!("{name}: {}", value.trim()),
        })
        .collect();
    lines.sort();
    lines.join(" | ")
}

fn authorization(request: &HttpRequest) -> String {
    request
        .header("authorization")
        .unwrap_or("unsigned")
        .to_owned()
}

/// The signature of botocore's own bytes, made here: it is comparable even where the order of members differs.
fn signed(
    theirs: &HttpRequest,
    prepared: &Prepared,
    credentials: &Credentials,
    trailer: bool,
) -> String {
    let Some(scope) = prepared.signing.scope() else {
        return "unsigned".to_owned();
    };
    if trailer {
        return authorization(theirs);
    }
    let mut request = theirs.clone();
    // A length that the caller gave is signed; one that the sender counted is not.
    let told_length = authorization(theirs).contains("content-length;");
    request.headers.retain(|(name, _)| {
        !name.starts_with("amz-sdk-")
            && (name != "content-length" || told_length)
            && name != "user-agent"
            && name != "authorization"
    });
    request
        .headers
        .insert(0, ("host".to_owned(), request.authority.clone()));
    sigv4::sign(&mut request, credentials, scope, NOW.parse().unwrap());
    authorization(&request)
}
