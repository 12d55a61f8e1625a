//! AWS Signature Version 4: signing what goes out and verifying what comes in.
//!
//! Source: IAM user guide, "Create a signed AWS API request". Nothing here reads a clock or knows where secrets lie.

mod canonical;
mod presign;
mod sign;
mod verify;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

pub use canonical::{Payload, RawRequest};
pub use presign::{MAX_EXPIRES_S, PresignError, Presigned, presign};
pub use sign::{SigningScope, sign};
pub use verify::{Scope, Verified, Verifier, VerifyError};

pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Lower-case hex SHA-256.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `20150830T123600Z`.
fn amz_date(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    // INVARIANT: HMAC takes a key of any length, so the fallback is never used.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// The signature, in hex, of a string to sign under a scope's derived key.
fn signature(secret: &str, scope: [&str; 3], string_to_sign: &str) -> String {
    let [date, region, service] = scope;
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), date.as_bytes());
    for part in [region, service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    hex::encode(hmac(&key, string_to_sign.as_bytes()))
}

fn string_to_sign(amz_date: &str, scope: [&str; 3], canonical_request: &str) -> String {
    let [date, region, service] = scope;
    let digest = sha256_hex(canonical_request.as_bytes());
    format!("{ALGORITHM}\n{amz_date}\n{date}/{region}/{service}/aws4_request\n{digest}")
}

/// The canonical request, for finding out why two sides differ. `signed_headers` are in lower case and sorted;
/// `None` if one of them is not in the request.
#[must_use]
pub fn canonical_request(
    request: &RawRequest<'_>,
    signed_headers: &[&str],
    service: &str,
) -> Option<String> {
    let hash = request.payload.hash();
    canonical::request(request, signed_headers, signs_raw_path(service), &hash)
}

/// Services whose path is signed as sent, without normalising and a second encoding.
/// Source: S3 API reference, "Authenticating requests"; botocore uses the same signer for these.
fn signs_raw_path(service: &str) -> bool {
    matches!(
        service,
        "s3" | "s3-object-lambda" | "s3-outposts" | "s3express"
    )
}
