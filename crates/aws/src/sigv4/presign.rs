//! Signing with the query: a URL that whoever holds it may call until it ends.
//!
//! Source: IAM user guide, "Create a signed AWS API request" (query string), and the S3 API reference,
//! "Authenticating requests: using query parameters".

use jiff::Timestamp;

use super::canonical::{self, Payload, RawRequest};
use super::sign::signed_headers;
use super::{ALGORITHM, SigningScope, amz_date, signature, string_to_sign};
use crate::percent::encode;
use crate::{Credentials, HttpRequest};

/// Headers about a body that is not known when the URL is made, and about the check of an answer that whoever holds
/// the URL need not make. botocore leaves them out too.
const OF_THE_BODY: [&str; 5] = [
    "content-length",
    "x-amz-checksum-crc32",
    "x-amz-checksum-mode",
    "x-amz-content-sha256",
    "x-amz-sdk-checksum-algorithm",
];
/// Longest life of a presigned URL, in seconds: seven days.
pub const MAX_EXPIRES_S: u32 = 7 * 24 * 60 * 60;

/// A request that is signed by its URL.
#[derive(Clone, PartialEq, Eq)]
pub struct Presigned {
    /// Method it must be called with.
    pub method: String,
    /// The URL. Whoever has it may make the call: it is as secret as what it gives access to.
    pub url: String,
    /// Headers beside `host` that must be sent with these values.
    pub headers: Vec<(String, String)>,
    /// Body that must be sent; empty for S3, where the body is not signed.
    pub body: bytes::Bytes,
}

impl std::fmt::Debug for Presigned {
    /// Without the query, which is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (address, _) = self.url.split_once('?').unwrap_or((&self.url, ""));
        f.debug_struct("Presigned")
            .field("method", &self.method)
            .field("address", &address)
            .finish_non_exhaustive()
    }
}

/// Why a request cannot be presigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PresignError {
    /// The life is out of range.
    #[error("a presigned url lasts from 1 to 604800 seconds (seven days), not {0}")]
    Expires(u32),
}

/// Signs a request by its query at the time `at`, for `expires_s` seconds.
///
/// For S3 the body is not signed. For others a form in the body moves into the query, as boto3 has it, and another
/// body is signed by its hash.
///
/// # Errors
/// [`PresignError`] when it would last longer than seven days, or not at all.
pub fn presign(
    request: &HttpRequest,
    credentials: &Credentials,
    scope: &SigningScope,
    (at, expires_s): (Timestamp, u32),
) -> Result<Presigned, PresignError> {
    if !(1..=MAX_EXPIRES_S).contains(&expires_s) {
        return Err(PresignError::Expires(expires_s));
    }
    let body_is_open = scope.as_s3 || scope.unsigned_payload;
    let mut request = bare(request, body_is_open);
    let moment = amz_date(at);
    let names = signed_headers(&request.headers);
    let signed: Vec<&str> = names.iter().map(String::as_str).collect();
    let claim = Claim {
        credentials,
        scope,
        date: moment.get(..8).unwrap_or_default(),
        moment: &moment,
        expires_s,
    };
    let query = claim.query(&request.query, &signed.join(";"));
    let body = request.body.clone();
    let payload = if body_is_open {
        Payload::Unsigned
    } else {
        Payload::Bytes(&body)
    };
    let raw = RawRequest {
        method: &request.method,
        path: &request.path,
        query: &query,
        headers: &request.headers,
        payload,
    };
    let raw_path = scope.as_s3;
    // INVARIANT: every name comes from the headers themselves, so none is absent.
    let canonical =
        canonical::request(&raw, &signed, raw_path, &payload.hash()).unwrap_or_default();
    let parts = [claim.date, scope.region.as_str(), scope.service.as_str()];
    let signature = signature(
        &credentials.secret_access_key,
        parts,
        &string_to_sign(&moment, parts, &canonical),
    );
    request.query = format!("{query}&X-Amz-Signature={signature}");
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name != "host" && names.contains(&name)
        })
        .cloned()
        .collect();
    Ok(Presigned {
        url: request.url(),
        method: request.method,
        headers,
        body: request.body,
    })
}

/// What a URL says of its own signature.
struct Claim<'a> {
    credentials: &'a Credentials,
    scope: &'a SigningScope,
    date: &'a str,
    moment: &'a str,
    expires_s: u32,
}

impl Claim<'_> {
    /// The query with the claim behind it.
    fn query(&self, query: &str, signed: &str) -> String {
        let credential = format!(
            "{}/{}/{}/{}/aws4_request",
            self.credentials.access_key_id, self.date, self.scope.region, self.scope.service
        );
        let expires = self.expires_s.to_string();
        let mut query = query.to_owned();
        for (name, value) in [
            ("X-Amz-Algorithm", Some(ALGORITHM)),
            ("X-Amz-Credential", Some(credential.as_str())),
            ("X-Amz-Date", Some(self.moment)),
            ("X-Amz-Expires", Some(expires.as_str())),
            ("X-Amz-SignedHeaders", Some(signed)),
            (
                "X-Amz-Security-Token",
                self.credentials.session_token.as_deref(),
            ),
        ] {
            if let Some(value) = value {
                let separator = if query.is_empty() { "" } else { "&" };
                query.push_str(&format!("{separator}{name}={}", encode(value)));
            }
        }
        query
    }
}

/// The request without what a URL cannot carry or does not sign.
fn bare(request: &HttpRequest, body_is_open: bool) -> HttpRequest {
    let mut request = request.clone();
    request.headers.retain(|(name, _)| {
        !["authorization", "x-amz-date", "x-amz-security-token"]
            .iter()
            .any(|signing| name.eq_ignore_ascii_case(signing))
    });
    if body_is_open {
        request
            .headers
            .retain(|(name, _)| !OF_THE_BODY.contains(&name.to_ascii_lowercase().as_str()));
        request.body = bytes::Bytes::new();
    }
    if request.header("host").is_none() {
        let authority = request.authority.clone();
        request.set_header("host", authority);
    }
    move_form(&mut request);
    request
}

/// A form goes into the query, and its content type goes: a URL is called without a body.
fn move_form(request: &mut HttpRequest) {
    const FORM: &str = "application/x-www-form-urlencoded";
    let is_form = request
        .header("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with(FORM));
    if !is_form {
        return;
    }
    let Ok(form) = std::str::from_utf8(&request.body) else {
        return;
    };
    if !form.is_empty() {
        let separator = if request.query.is_empty() { "" } else { "&" };
        // In a form `+` is a blank; in a query as it is signed, only `%20` is.
        let form = form.replace('+', "%20");
        request.query = format!("{}{separator}{form}", request.query);
    }
    request.body = bytes::Bytes::new();
    request.headers.retain(|(name, _)| {
        !name.eq_ignore_ascii_case("content-type") && !name.eq_ignore_ascii_case("content-length")
    });
}
