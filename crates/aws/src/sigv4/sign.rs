//! Signing with headers.

use jiff::Timestamp;

use super::canonical::{self, Payload, RawRequest};
use super::{ALGORITHM, amz_date, signature, signs_raw_path, string_to_sign};
use crate::{Credentials, HttpRequest};

/// What a request is signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningScope {
    /// Region.
    pub region: String,
    /// Service name in the credential scope, as `ec2`.
    pub service: String,
    /// The body is not part of the signature.
    pub unsigned_payload: bool,
    /// As S3 has it: the path stands in the signature as it is sent, and the body's digest in a header.
    pub as_s3: bool,
}

impl SigningScope {
    /// A scope in the way of the service of this name, with the body signed.
    #[must_use]
    pub fn new(region: &str, service: &str) -> Self {
        Self {
            region: region.to_owned(),
            service: service.to_owned(),
            unsigned_payload: false,
            as_s3: signs_raw_path(service),
        }
    }
}

/// Headers that proxies and senders change on the way. Source: botocore's list.
const NEVER_SIGNED: [&str; 6] = [
    "authorization",
    "connection",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Signs a request: sets `x-amz-date`, `x-amz-security-token` with temporary credentials, `x-amz-content-sha256`
/// where the service wants it, and `authorization`. Signing again replaces the former signature.
pub fn sign(
    request: &mut HttpRequest,
    credentials: &Credentials,
    scope: &SigningScope,
    at: Timestamp,
) {
    request
        .headers
        .retain(|(name, _)| name != "authorization" && name != "x-amz-security-token");
    if request.header("host").is_none() {
        let authority = request.authority.clone();
        request.set_header("host", authority);
    }
    let moment = amz_date(at);
    request.set_header("x-amz-date", moment.clone());
    if let Some(token) = &credentials.session_token {
        request.set_header("x-amz-security-token", token.clone());
    }
    let body = request.body.clone();
    let payload = if scope.unsigned_payload {
        Payload::Unsigned
    } else {
        Payload::Bytes(&body)
    };
    let mut hash = payload.hash();
    if scope.as_s3 || scope.unsigned_payload {
        request.set_header("x-amz-content-sha256", hash.clone());
    } else if let Some(told) = request.header("x-amz-content-sha256") {
        // Where the digest is a member of the call, the caller's word is signed, as botocore does.
        told.clone_into(&mut hash);
    }
    let authorization = {
        let raw = RawRequest {
            method: &request.method,
            path: &request.path,
            query: &request.query,
            headers: &request.headers,
            payload,
        };
        authorization(&raw, credentials, scope, (&moment, &hash))
    };
    request.set_header("authorization", authorization);
}

/// Names of the headers that are signed, in lower case and sorted.
pub(super) fn signed_headers(headers: &[(String, String)]) -> Vec<String> {
    let mut names: Vec<String> = headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    names.retain(|name| !NEVER_SIGNED.contains(&name.as_str()));
    names.sort();
    names.dedup();
    names
}

fn authorization(
    raw: &RawRequest<'_>,
    credentials: &Credentials,
    scope: &SigningScope,
    (moment, hash): (&str, &str),
) -> String {
    let lower = signed_headers(raw.headers);
    let signed: Vec<&str> = lower.iter().map(String::as_str).collect();
    // INVARIANT: every name comes from the headers themselves, so none is absent.
    let canonical = canonical::request(raw, &signed, scope.as_s3, hash).unwrap_or_default();
    let date = moment.get(..8).unwrap_or_default();
    let parts = [date, scope.region.as_str(), scope.service.as_str()];
    let signature = signature(
        &credentials.secret_access_key,
        parts,
        &string_to_sign(moment, parts, &canonical),
    );
    format!(
        "{ALGORITHM} Credential={}/{date}/{}/{}/aws4_request, SignedHeaders={}, Signature={signature}",
        credentials.access_key_id,
        scope.region,
        scope.service,
        signed.join(";")
    )
}
