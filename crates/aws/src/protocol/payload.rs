//! What is done to a body as a whole: compression and checksums of requests, checksums of answers.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value};

use super::{Parts, broken, input};
use crate::checksum::Algorithm;
use crate::model::{Operation, Service};
use crate::options::{CallOptions, Checksums};
use crate::service_error::ServiceError;
use crate::{Error, HttpResponse};

/// Compresses the body where the operation permits it and it is long enough.
pub(crate) fn compress(operation: &Operation, options: &CallOptions, parts: &mut Parts) {
    let least = usize::try_from(options.request_min_compression_size).unwrap_or(usize::MAX);
    if !operation.compressible || options.disable_request_compression || parts.body.len() < least {
        return;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // INVARIANT: writing to memory does not fail; if it did, the plain body is as good.
    let Ok(packed) = encoder
        .write_all(&parts.body)
        .and_then(|()| encoder.finish())
    else {
        return;
    };
    parts.body = packed.into();
    let is_encoding = |name: &str| name.eq_ignore_ascii_case("content-encoding");
    match parts.headers.iter_mut().find(|(name, _)| is_encoding(name)) {
        Some((_, value)) => value.push_str(",gzip"),
        None => parts
            .headers
            .push(("Content-Encoding".to_owned(), "gzip".to_owned())),
    }
}

/// Adds the checksum that the caller names, the operation demands, or boto3 sends where there is a place for one.
/// None is added beside one that the caller gives.
///
/// # Errors
/// [`Error::Parameters`] for an algorithm that this crate does not know.
pub(crate) fn add_checksum(
    service: &Service,
    operation: &Operation,
    (params, options): (&Map<String, Value>, &CallOptions),
    parts: &mut Parts,
) -> Result<(), Error> {
    let given = |name: &str| {
        let name = name.to_ascii_lowercase();
        let algorithm = name.strip_prefix("x-amz-checksum-");
        algorithm.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if parts.headers.iter().any(|(name, _)| given(name)) {
        return Ok(());
    }
    let member = operation.checksum_member;
    let named = member
        .and_then(|member| params.get(member))
        .and_then(Value::as_str);
    let algorithm = match (named, member) {
        (Some(name), Some(member)) => Algorithm::named(name).ok_or_else(|| {
            Error::Parameters(format!(
                "Invalid value for parameter {member}: `{name}` is not computed here; name one of {}, or give the checksum itself",
                Algorithm::ALL.map(Algorithm::name).join(", ")
            ))
        })?,
        (None, member)
            if operation.checksum_required
                || member.is_some() && options.request_checksums == Checksums::WhenSupported =>
        {
            Algorithm::Crc32
        }
        _ => return Ok(()),
    };
    let digest = STANDARD.encode(algorithm.digest(&parts.body));
    parts.headers.push((algorithm.header(), digest));
    if named.is_none()
        && let Some(header) = member.and_then(|member| {
            let member = input(service, operation)?.member(member)?;
            member.target.traits().location_name
        })
    {
        parts
            .headers
            .push((header.to_owned(), algorithm.name().to_owned()));
    }
    Ok(())
}

/// Checks the body of an answer against the checksum that came with it, where the operation's answers carry one.
/// One of a whole made of parts (it has a `-`) is not of this body.
///
/// # Errors
/// [`ServiceError`] with code `ChecksumMismatch`.
pub(crate) fn verify(operation: &Operation, response: &HttpResponse) -> Result<(), ServiceError> {
    let declared = |algorithm: &Algorithm| {
        let names = &operation.answer_checksums;
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(algorithm.name()))
    };
    for algorithm in Algorithm::BY_SPEED.into_iter().filter(declared) {
        let Some(expected) = response.header(&algorithm.header()) else {
            continue;
        };
        if expected.contains('-') {
            continue;
        }
        let actual = STANDARD.encode(algorithm.digest(&response.body));
        if actual != expected.trim() {
            let reason = format!(
                "the {} checksum of the answer's body is `{actual}`, but its header says `{}`: the body was changed on its way; repeat the call",
                algorithm.name(),
                expected.chars().take(100).collect::<String>()
            );
            let mut error = broken(response, &reason);
            "ChecksumMismatch".clone_into(&mut error.code);
            return Err(error);
        }
        return Ok(());
    }
    Ok(())
}
