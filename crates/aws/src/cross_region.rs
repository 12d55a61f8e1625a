//! Copies from another region: the URL by which the service of the target region reads in the source region.
//!
//! boto3 fills it in for these operations when `SourceRegion` is given, and so does this crate when it signs: the URL
//! is itself a signed request. Source: botocore's handlers, "inject presigned url".

use jiff::Timestamp;

use crate::percent::encode;
use crate::sigv4::{self, SigningScope};
use crate::{Credentials, HttpRequest};

/// Life of the URL in seconds, as botocore has it.
const EXPIRES_S: u32 = 3600;

/// Whose spelling a service has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    /// `PresignedUrl`, with both regions in the call.
    Ec2,
    /// `PreSignedUrl`; `SourceRegion` is not for the service.
    Rds,
}

fn spelling(service: &str, operation: &str) -> Option<Spelling> {
    match (service, operation) {
        ("ec2", "CopySnapshot") => Some(Spelling::Ec2),
        ("rds" | "neptune" | "docdb", "CopyDBClusterSnapshot" | "CreateDBCluster")
        | (
            "rds",
            "CopyDBSnapshot"
            | "CreateDBInstanceReadReplica"
            | "StartDBInstanceAutomatedBackupsReplication",
        ) => Some(Spelling::Rds),
        _ => None,
    }
}

/// Puts the URL into the form of a request that is about to be signed for `scope`, if its operation is one that wants
/// it, the caller named a source region, and gave no URL.
pub(crate) fn fill(
    request: &mut HttpRequest,
    (service, operation): (&str, &str),
    credentials: &Credentials,
    (scope, at): (&SigningScope, Timestamp),
) {
    let Some(spelling) = spelling(service, operation) else {
        return;
    };
    let Ok(form) = std::str::from_utf8(&request.body) else {
        return;
    };
    let Some(source) = field(form, "SourceRegion").filter(|region| !region.is_empty()) else {
        return;
    };
    let (name, rest) = match spelling {
        Spelling::Ec2 => ("PresignedUrl", form.to_owned()),
        Spelling::Rds => ("PreSignedUrl", without(form, "SourceRegion")),
    };
    let form = if field(form, name).is_some() {
        rest
    } else {
        let target = format!("DestinationRegion={}", encode(&scope.region));
        let inner = format!("{}&{target}", without(&rest, "DestinationRegion"));
        let inner = reading(request, inner, (&source, &scope.region));
        let there = SigningScope {
            region: source,
            ..scope.clone()
        };
        let Ok(url) = sigv4::presign(&inner, credentials, &there, (at, EXPIRES_S)) else {
            return;
        };
        let url = format!("{name}={}", encode(&url.url));
        match spelling {
            Spelling::Ec2 => format!("{}&{target}&{url}", without(&rest, "DestinationRegion")),
            Spelling::Rds => format!("{rest}&{url}"),
        }
    };
    request.body = form.into();
    if request.header("content-length").is_some() {
        let length = request.body.len().to_string();
        request.set_header("content-length", length);
    }
}

/// The request in the source region: the same form in a query.
fn reading(request: &HttpRequest, form: String, (source, target): (&str, &str)) -> HttpRequest {
    let authority = request.authority.replace(target, source);
    HttpRequest {
        method: "GET".to_owned(),
        headers: vec![("host".to_owned(), authority.clone())],
        authority,
        query: form,
        body: bytes::Bytes::new(),
        ..request.clone()
    }
}

fn field(form: &str, name: &str) -> Option<String> {
    let value = form
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(have, _)| *have == name)?
        .1;
    let bytes = crate::percent::decode_bytes(&value.replace('+', "%20"));
    String::from_utf8(bytes).ok()
}

fn without(form: &str, name: &str) -> String {
    let kept: Vec<&str> = form
        .split('&')
        .filter(|pair| pair.split_once('=').is_none_or(|(have, _)| have != name))
        .collect();
    kept.join("&")
}
