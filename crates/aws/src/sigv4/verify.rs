//! Verifying signatures of requests that come in, by header and by query (presigned URLs).

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use subtle::ConstantTimeEq;

use super::Payload;
use super::canonical::{self, RawRequest, UNSIGNED_PAYLOAD};
use super::{ALGORITHM, amz_date, sha256_hex, signature, signs_raw_path, string_to_sign};
use crate::percent::decode_bytes;

/// How far a signer's clock may be off, in seconds. Source: IAM user guide, 15 minutes for most services.
const SKEW_S: i64 = 15 * 60;
/// Longest life of a presigned URL, in seconds: seven days.
const MAX_EXPIRES_S: i64 = 7 * 24 * 60 * 60;
/// More signed headers than this are refused.
const MAX_SIGNED_HEADERS: usize = 128;

/// Scope of a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `20150830`.
    pub date: String,
    /// Region.
    pub region: String,
    /// Service name, as `events`.
    pub service: String,
}

/// Who signed a request and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Access key id.
    pub access_key_id: String,
    /// Scope.
    pub scope: Scope,
    /// Session token; the caller compares it with the one it gave out.
    pub session_token: Option<String>,
    /// By query, not by header.
    pub presigned: bool,
    /// Whether the body is covered by the signature.
    pub payload_signed: bool,
}

/// Why a request is refused. [`VerifyError::code`] gives AWS's code.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum VerifyError {
    /// No signature at all.
    #[error("Missing Authentication Token")]
    MissingToken,
    /// A signature that lacks a part or cannot be read.
    #[error("{0}")]
    Incomplete(String),
    /// The key is not known.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// The signature is another one.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access \
         Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
    /// The signer's clock is too far off, or the presigned URL has ended.
    #[error("{0}")]
    Expired(String),
}

impl VerifyError {
    /// AWS's error code. Services with JSON protocols (`json` true) use other codes than those with XML ones.
    #[must_use]
    pub fn code(&self, json: bool) -> &'static str {
        match (self, json) {
            (Self::MissingToken, true) => "MissingAuthenticationTokenException",
            (Self::MissingToken, false) => "MissingAuthenticationToken",
            (Self::Incomplete(_), true) => "IncompleteSignatureException",
            (Self::Incomplete(_), false) => "IncompleteSignature",
            (Self::UnknownKey, true) => "UnrecognizedClientException",
            (Self::UnknownKey, false) => "InvalidClientTokenId",
            (Self::Mismatch | Self::Expired(_), true) => "InvalidSignatureException",
            (Self::Mismatch, false) => "SignatureDoesNotMatch",
            (Self::Expired(_), false) => "RequestExpired",
        }
    }

    /// AWS's HTTP status; JSON services answer 400 throughout, others mostly 403.
    #[must_use]
    pub fn status(&self, json: bool) -> u16 {
        match self {
            Self::Incomplete(_) => 400,
            _ if json => 400,
            _ => 403,
        }
    }
}

/// Verifies signatures.
#[derive(Debug, Clone, Copy)]
pub struct Verifier {
    /// Largest difference between the signer's clock and ours, in seconds.
    pub skew_s: i64,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { skew_s: SKEW_S }
    }
}

/// What a request says about its own signature.
#[derive(Debug)]
struct Claim {
    access_key_id: String,
    scope: Scope,
    signed_headers: String,
    signature: String,
    moment: String,
    expires_s: Option<i64>,
    session_token: Option<String>,
}

impl Verifier {
    /// Verifies a request's signature at the time `at`. `secret_of` gives the secret of an access key id.
    ///
    /// The credential scope's region and service are not judged: the caller decides whether they are its own.
    ///
    /// # Errors
    /// [`VerifyError`] says what AWS would answer.
    pub fn verify(
        &self,
        request: &RawRequest<'_>,
        secret_of: &dyn Fn(&str) -> Option<String>,
        at: Timestamp,
    ) -> Result<Verified, VerifyError> {
        let (claim, presigned) = match request.canonical_header("authorization") {
            Some(authorization) => (from_header(request, &authorization)?, false),
            None => (
                from_query(request.query)?.ok_or(VerifyError::MissingToken)?,
                true,
            ),
        };
        let secret = secret_of(&claim.access_key_id).ok_or(VerifyError::UnknownKey)?;
        let (hash, payload_signed) = payload_hash(request, presigned, &claim.scope.service)?;
        let signed: Vec<&str> = claim.signed_headers.split(';').collect();
        check_signed_headers(request, &signed)?;
        let is_signed = |request: &RawRequest<'_>, hash: &str| {
            is_signed(request, (&claim, &secret), &signed, hash)
        };
        if !is_signed(request, &hash)? {
            // Every byte of a form is covered either way; only the older way is tried second.
            let form = form(request).ok_or(VerifyError::Mismatch)?;
            if !is_signed(
                &RawRequest {
                    payload: form,
                    ..*request
                },
                &form.hash(),
            )? {
                return Err(VerifyError::Mismatch);
            }
        }
        // After the signature, as AWS does: a wrong secret is not told that its clock is off.
        self.check_time(&claim, at)?;
        Ok(Verified {
            access_key_id: claim.access_key_id,
            scope: claim.scope,
            session_token: claim.session_token,
            presigned,
            payload_signed,
        })
    }

    fn check_time(&self, claim: &Claim, at: Timestamp) -> Result<(), VerifyError> {
        let signed_at = parse_amz_date(&claim.moment)
            .ok_or_else(|| incomplete("Date must be in ISO-8601 'basic format'."))?
            .as_second();
        if !claim.moment.starts_with(&claim.scope.date) {
            return Err(VerifyError::Mismatch);
        }
        let now = at.as_second();
        let minutes = self.skew_s / 60;
        let shown = |second: i64| {
            Timestamp::from_second(second)
                .map(amz_date)
                .unwrap_or_default()
        };
        let earliest = now - claim.expires_s.unwrap_or(self.skew_s);
        if signed_at < earliest {
            return Err(VerifyError::Expired(match claim.expires_s {
                None => format!(
                    "Signature expired: {} is now earlier than {} ({} - {minutes} min.)",
                    claim.moment,
                    shown(earliest),
                    shown(now)
                ),
                Some(expires) => {
                    format!(
                        "Signature expired: {} plus {expires} s is now earlier than {}",
                        claim.moment,
                        shown(now)
                    )
                }
            }));
        }
        if signed_at > now + self.skew_s {
            return Err(VerifyError::Expired(format!(
                "Signature not yet current: {} is still later than {} ({} + {minutes} min.)",
                claim.moment,
                shown(now + self.skew_s),
                shown(now)
            )));
        }
        Ok(())
    }
}

/// Whether the claimed signature is that of the request with this payload hash.
fn is_signed(
    request: &RawRequest<'_>,
    (claim, secret): (&Claim, &str),
    signed: &[&str],
    hash: &str,
) -> Result<bool, VerifyError> {
    let raw_path = signs_raw_path(&claim.scope.service);
    let canonical = canonical::request(request, signed, raw_path, hash)
        .ok_or_else(|| incomplete("a header named in SignedHeaders is not in the request."))?;
    let scope = [
        claim.scope.date.as_str(),
        claim.scope.region.as_str(),
        claim.scope.service.as_str(),
    ];
    let expected = signature(
        secret,
        scope,
        &string_to_sign(&claim.moment, scope, &canonical),
    );
    Ok(expected.as_bytes().ct_eq(claim.signature.as_bytes()).into())
}

/// The body as a form, if that is what the request says it is.
fn form<'a>(request: &RawRequest<'a>) -> Option<Payload<'a>> {
    let kind = request
        .canonical_header("content-type")?
        .to_ascii_lowercase();
    let is_form = request.method == "POST" && kind.starts_with("application/x-www-form-urlencoded");
    match request.payload {
        Payload::Bytes(body) if is_form && std::str::from_utf8(body).is_ok() => {
            Some(Payload::Form(body))
        }
        _ => None,
    }
}

fn incomplete(reason: &str) -> VerifyError {
    VerifyError::Incomplete(reason.to_owned())
}

/// `20150830T123600Z`, or nothing else.
fn parse_amz_date(text: &str) -> Option<Timestamp> {
    let is_form = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_form {
        return None;
    }
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    civil
        .to_zoned(TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn from_header(request: &RawRequest<'_>, authorization: &str) -> Result<Claim, VerifyError> {
    let Some(rest) = authorization.strip_prefix(ALGORITHM) else {
        return Err(incomplete(
            "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is understood.",
        ));
    };
    let part = |name: &str| {
        rest.split([',', ' '])
            .find_map(|part| {
                part.trim()
                    .strip_prefix(name)
                    .and_then(|value| value.strip_prefix('='))
            })
            .map(str::to_owned)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                VerifyError::Incomplete(format!(
                    "Authorization header requires '{name}' parameter."
                ))
            })
    };
    let (access_key_id, scope) = credential(&part("Credential")?)?;
    let moment = match request.canonical_header("x-amz-date") {
        Some(moment) => moment,
        None => request
            .canonical_header("date")
            .and_then(|date| {
                let at = crate::timestamp::parse(&date).and_then(crate::timestamp::Moment::to_timestamp);
                at.map(amz_date).or(Some(date))
            })
            .ok_or_else(|| {
                incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
            })?,
    };
    Ok(Claim {
        access_key_id,
        scope,
        signed_headers: part("SignedHeaders")?,
        signature: part("Signature")?,
        moment,
        expires_s: None,
        session_token: request.canonical_header("x-amz-security-token"),
    })
}

/// `None` if the query bears no signature.
fn from_query(query: &str) -> Result<Option<Claim>, VerifyError> {
    let find = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(have, _)| *have == name)
            .map(|(_, value)| String::from_utf8_lossy(&decode_bytes(value)).into_owned())
    };
    let need = |name: &str| {
        find(name).ok_or_else(|| {
            VerifyError::Incomplete(format!(
                "AWS query-string parameters must include '{name}'."
            ))
        })
    };
    match find("X-Amz-Algorithm") {
        None => return Ok(None),
        Some(algorithm) if algorithm == ALGORITHM => {}
        Some(_) => {
            return Err(incomplete(
                "Unsupported AWS 'algorithm': only 'AWS4-HMAC-SHA256' is understood.",
            ));
        }
    }
    let (access_key_id, scope) = credential(&need("X-Amz-Credential")?)?;
    let expires_s = match find("X-Amz-Expires") {
        None => None,
        Some(text) => Some(
            text.parse()
                .ok()
                .filter(|seconds| (0..=MAX_EXPIRES_S).contains(seconds))
                .ok_or_else(|| {
                    incomplete("X-Amz-Expires must be a number of seconds from 0 to 604800.")
                })?,
        ),
    };
    Ok(Some(Claim {
        access_key_id,
        scope,
        signed_headers: need("X-Amz-SignedHeaders")?,
        signature: need("X-Amz-Signature")?,
        moment: need("X-Amz-Date")?,
        expires_s,
        session_token: find("X-Amz-Security-Token"),
    }))
}

/// `AKIA.../20150830/us-east-1/ec2/aws4_request`; the key itself may hold `/`.
fn credential(text: &str) -> Result<(String, Scope), VerifyError> {
    let fault = || {
        VerifyError::Incomplete(format!(
            "Credential must have at least 5 slash-delimited elements ending in 'aws4_request', got: '{text}'"
        ))
    };
    let mut parts = text.rsplitn(5, '/');
    let mut next = || {
        parts
            .next()
            .filter(|part| !part.is_empty())
            .ok_or_else(fault)
    };
    let (end, service, region, date, key) = (next()?, next()?, next()?, next()?, next()?);
    if end != "aws4_request" || date.len() != 8 {
        return Err(fault());
    }
    let scope = Scope {
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    };
    Ok((key.to_owned(), scope))
}

/// `host` must be signed, and every `x-amz-` header that is there: else someone on the way could add one.
fn check_signed_headers(request: &RawRequest<'_>, signed: &[&str]) -> Result<(), VerifyError> {
    if signed.len() > MAX_SIGNED_HEADERS {
        return Err(incomplete("SignedHeaders names more than 128 headers."));
    }
    if !signed.contains(&"host") && !signed.contains(&":authority") {
        return Err(incomplete(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ));
    }
    let unsigned = request
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .find(|name| {
            matches!(name.as_str(), "x-amz-date" | "x-amz-target")
                && !signed.contains(&name.as_str())
        });
    match unsigned {
        Some(name) => Err(VerifyError::Incomplete(format!(
            "'{name}' must be a 'SignedHeader' in the AWS Authorization."
        ))),
        None => Ok(()),
    }
}

/// The hash that stands in the canonical request, and whether it covers the body.
fn payload_hash(
    request: &RawRequest<'_>,
    presigned: bool,
    service: &str,
) -> Result<(String, bool), VerifyError> {
    let actual = match request.payload {
        Payload::Bytes(bytes) | Payload::Form(bytes) => sha256_hex(bytes),
        Payload::Digest(hex) => hex.to_ascii_lowercase(),
        Payload::Unsigned => return Ok((UNSIGNED_PAYLOAD.to_owned(), false)),
    };
    match request.canonical_header("x-amz-content-sha256") {
        Some(claimed) if claimed == UNSIGNED_PAYLOAD => Ok((claimed, false)),
        Some(claimed) if claimed.starts_with("STREAMING-") => Err(incomplete(
            "chunk-signed bodies (x-amz-content-sha256: STREAMING-...) are not supported.",
        )),
        Some(claimed) if bool::from(claimed.as_bytes().ct_eq(actual.as_bytes())) => {
            Ok((claimed, true))
        }
        Some(_) => Err(VerifyError::Mismatch),
        None if presigned && signs_raw_path(service) => Ok((UNSIGNED_PAYLOAD.to_owned(), false)),
        None => Ok((actual, true)),
    }
}
