//! S3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use serde_json::{Map, Value};

use super::texts::base64_of;
use super::{Params, Place};
use crate::model::{Location, Shape};
use crate::options::Checksums;
use crate::protocol::Parts;
use crate::{Error, HttpResponse, percent, timestamp};

/// Operations that take a customer's encryption key.
pub(super) const WITH_KEY: &[&str] = &[
    "HeadObject",
    "GetObject",
    "PutObject",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "CompleteMultipartUpload",
];
/// Operations that answer with keys.
pub(super) const LISTS: &[&str] = &["ListObjects", "ListObjectsV2", "ListObjectVersions"];

/// botocore's pattern of bucket names, as its message has it.
const NAME_PATTERN: &str = r"^[a-zA-Z0-9.\-_]{1,255}$";

pub(super) fn check_bucket(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    let Some(bucket) = params.get("Bucket").and_then(Value::as_str) else {
        return Ok(());
    };
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_name = (1..=255).contains(&bucket.len()) && bucket.bytes().all(fits);
    if is_name || is_access_point(bucket) {
        return Ok(());
    }
    let shown: String = bucket.chars().take(300).collect();
    Err(Error::Parameters(format!(
        "Invalid bucket name \"{shown}\": Bucket name must match the regex \"{NAME_PATTERN}\" or be the ARN of an access point"
    )))
}

/// `arn:aws:s3:eu-west-1:123456789012:accesspoint/name` and its kin of object lambdas and outposts. An access point of
/// several regions has none in its ARN.
fn is_access_point(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let plain = |text: &str| {
        (1..=63).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'))
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if *arn != "arn" || !partition.starts_with("aws") || !region.bytes().all(lower) || !is_account {
        return false;
    }
    let steps: Vec<&str> = resource.split([':', '/']).collect();
    match (*service, steps.as_slice()) {
        ("s3" | "s3-object-lambda", ["accesspoint", name]) => plain(name),
        ("s3-outposts", ["outpost", outpost, "accesspoint", name]) => {
            !region.is_empty() && plain(outpost) && plain(name)
        }
        _ => false,
    }
}

pub(super) fn check_metadata(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    let entries = params.get("Metadata").and_then(Value::as_object);
    for (key, value) in entries.into_iter().flatten() {
        if !key.is_ascii() || !value.as_str().is_none_or(str::is_ascii) {
            return Err(Error::Parameters(format!(
                "Non ascii characters found in S3 metadata for key \"{key}\": S3 metadata can only contain ASCII characters; encode the text"
            )));
        }
    }
    Ok(())
}

/// Text is `bucket/key` with an optional `?versionId=`; a structure is `{Bucket, Key, VersionId}`, also as JSON text.
pub(super) fn copy_source(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    let Some(source) = params.get_mut("CopySource") else {
        return Ok(());
    };
    let opened = source
        .as_str()
        .filter(|text| text.starts_with('{'))
        .and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    match (source.as_str(), opened.as_ref().or(source.as_object())) {
        (_, Some(parts)) => *source = source_of(parts)?.into(),
        (Some(text), None) => {
            let (path, version) = match text.split_once("?versionId=") {
                Some((path, version))
                    if !version.is_empty() && !version.contains(char::is_whitespace) =>
                {
                    (path, format!("?versionId={version}"))
                }
                _ => (text, String::new()),
            };
            *source = format!("{}{version}", percent::encode_path(path)).into();
        }
        _ => {}
    }
    Ok(())
}

fn source_of(parts: &Map<String, Value>) -> Result<String, Error> {
    let text = |name: &str| parts.get(name).and_then(Value::as_str);
    let need = |name: &str| {
        text(name).ok_or_else(|| {
            Error::Parameters(format!(
                "Missing required parameter in CopySource: \"{name}\""
            ))
        })
    };
    let (bucket, key) = (need("Bucket")?, need("Key")?);
    let between = if is_access_point(bucket) {
        "/object/"
    } else {
        "/"
    };
    let version = text("VersionId").map(|version| format!("?versionId={version}"));
    Ok(format!(
        "{}{}",
        percent::encode_path(&format!("{bucket}{between}{key}")),
        version.unwrap_or_default()
    ))
}

pub(super) fn customer_key(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    key_with_digest(params, "SSECustomerKey");
    Ok(())
}

pub(super) fn copy_source_key(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    key_with_digest(params, "CopySourceSSECustomerKey");
    Ok(())
}

/// The key as given is bytes; a caller who gives its MD5 as well has encoded both.
fn key_with_digest(params: &mut Params, name: &str) {
    let digest_name = format!("{name}MD5");
    if params.contains_key(&digest_name) {
        return;
    }
    let Some(encoded) = params.get(name).and_then(base64_of) else {
        return;
    };
    let digest = Md5::digest(STANDARD.decode(&encoded).unwrap_or_default());
    params.insert(digest_name, STANDARD.encode(digest).into());
    params.insert(name.to_owned(), encoded.into());
}

pub(super) fn ask_encoded_keys(_: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    params.entry("EncodingType").or_insert_with(|| "url".into());
    Ok(())
}

pub(super) fn ask_checksum(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    if place.options.response_checksums == Checksums::WhenSupported {
        params
            .entry("ChecksumMode")
            .or_insert_with(|| "ENABLED".into());
    }
    Ok(())
}

/// Whether the keys of an answer are encoded at our own wish, so that [`decode_keys`] is due.
pub(crate) fn asks_encoded_keys(place: &Place<'_>, given: &Value) -> bool {
    place.service.name == "s3"
        && LISTS.contains(&place.operation.name)
        && given.get("EncodingType").is_none()
}

/// Members that boto3 decodes. Source: S3 API reference, `EncodingType` of each list.
const ENCODED: [(&str, &[&str]); 3] = [
    ("ListObjects", &["Delimiter", "Marker", "NextMarker"]),
    ("ListObjectsV2", &["Delimiter", "Prefix", "StartAfter"]),
    (
        "ListObjectVersions",
        &["KeyMarker", "NextKeyMarker", "Prefix", "Delimiter"],
    ),
];
/// Lists of an answer, and the member of their elements that is encoded.
const ENCODED_WITHIN: [(&str, &str); 4] = [
    ("Contents", "Key"),
    ("CommonPrefixes", "Prefix"),
    ("Versions", "Key"),
    ("DeleteMarkers", "Key"),
];

/// Undoes the encoding of a listing's keys.
pub(crate) fn decode_keys(place: &Place<'_>, answer: &mut Value) {
    let listed = ENCODED
        .iter()
        .find(|(operation, _)| *operation == place.operation.name && &*place.service.name == "s3");
    let Some((_, members)) = listed else { return };
    if answer.get("EncodingType").and_then(Value::as_str) != Some("url") {
        return;
    }
    let decode = |value: &mut Value| {
        if let Value::String(text) = value {
            let plain = percent::decode_bytes(&text.replace('+', " "));
            *text = String::from_utf8_lossy(&plain).into_owned();
        }
    };
    for name in *members {
        answer.get_mut(*name).map(decode);
    }
    for (list, member) in ENCODED_WITHIN {
        let items = answer.get_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            item.get_mut(member).map(decode);
        }
    }
}

/// A raw line end in an element would be read as another one, and the key be another key.
pub(super) fn keep_line_ends(_: &Place<'_>, parts: &mut Parts) {
    if !parts.body.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return;
    }
    let mut body = Vec::with_capacity(parts.body.len() + 16);
    for byte in &parts.body {
        match byte {
            b'\r' => body.extend_from_slice(b"&#xD;"),
            b'\n' => body.extend_from_slice(b"&#xA;"),
            other => body.push(*other),
        }
    }
    parts.body = body.into();
}

/// An error inside an answer of status 200 counts as one of status 500, so that it is one, and is tried again.
pub(super) fn late_error(place: &Place<'_>, response: &HttpResponse) -> Option<HttpResponse> {
    if response.status != 200 || response.body.is_empty() {
        return None;
    }
    let output = place.output()?;
    let is_object = output.payload_member().is_some_and(|member| {
        matches!(
            place.service.shape(&member.target),
            Shape::Blob | Shape::String { .. }
        )
    });
    if is_object || !is_error_document(&response.body) {
        return None;
    }
    let mut response = response.clone();
    response.status = 500;
    Some(response)
}

/// Whether the root of an XML document is `Error`: what comes before it is blank, a declaration or comments.
fn is_error_document(body: &[u8]) -> bool {
    let mut rest = body;
    loop {
        rest = rest.trim_ascii_start();
        let end: &[u8] = match rest {
            [b'<', b'?', ..] => b"?>",
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            _ => break,
        };
        let Some(at) = rest.windows(end.len()).position(|window| window == end) else {
            return false;
        };
        rest = rest.get(at + end.len()..).unwrap_or_default();
    }
    rest.strip_prefix(b"<Error").is_some_and(|after| {
        after
            .first()
            .is_some_and(|byte| matches!(byte, b'>' | b' ' | b'/' | b'\t' | b'\r' | b'\n'))
    })
}

/// The region is the text of the root; an empty one is us-east-1, for which boto3 has null.
pub(super) fn location(_: &Place<'_>, _: &HttpResponse, answer: &mut Value) {
    if let Value::Object(members) = answer {
        let region = members
            .get("LocationConstraint")
            .filter(|region| region.as_str().is_some_and(|text| !text.is_empty()))
            .cloned();
        members.insert("LocationConstraint".to_owned(), region.unwrap_or_default());
    }
}

/// `Expires` is whatever the uploader wrote; `ExpiresString` has it, and `Expires` only where it is a date.
pub(super) fn expires(place: &Place<'_>, response: &HttpResponse, answer: &mut Value) {
    let has_it = place.output().is_some_and(|output| {
        output
            .member("Expires")
            .is_some_and(|member| member.target.traits().location == Some(Location::Header))
    });
    let Some(text) = response
        .header("expires")
        .filter(|text| has_it && !text.is_empty())
    else {
        return;
    };
    if let Value::Object(members) = answer {
        if timestamp::parse(text).is_none() {
            members.remove("Expires");
        }
        members.insert("ExpiresString".to_owned(), text.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::catalog;

    #[test]
    fn access_points() {
        for (text, expected) in [
            ("arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", true),
            ("arn:aws:s3::123456789012:accesspoint/ap.mrap", true),
            (
                "arn:aws-cn:s3-object-lambda:cn-north-1:123456789012:accesspoint:ap",
                true,
            ),
            (
                "arn:aws:s3-outposts:eu-west-1:123456789012:outpost/op-1/accesspoint/ap",
                true,
            ),
            (
                "arn:aws:s3-outposts::123456789012:outpost/op-1/accesspoint/ap",
                false,
            ),
            ("arn:aws:s3:::my-bucket", false),
            ("arn:aws:s3:eu-west-1:1234:accesspoint/ap", false),
            ("arn:aws:s3:eu-west-1:123456789012:accesspoint/", false),
            ("arn:aws:s3", false),
            ("", false),
        ] {
            assert_eq!(is_access_point(text), expected, "{text}");
        }
    }

    #[test]
    fn errors_behind_status_200() {
        for (body, expected) in [
            (
                "<?xml version=\"1.0\"?>\n<Error><Code>SlowDown</Code></Error>",
                true,
            ),
            ("  <!-- x --><Error/>", true),
            ("<ErrorList/>", false),
            ("<CopyObjectResult><Error/></CopyObjectResult>", false),
            ("<?xml", false),
            ("", false),
        ] {
            assert_eq!(is_error_document(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn keys_of_listings_are_decoded() {
        let mut answer = json!({"EncodingType": "url", "Prefix": "a%20", "Contents": [{"Key": "a+b%2B"}, {"Size": 1}],
            "CommonPrefixes": [{"Prefix": "%C3%BC/"}], "Name": "a%20"});
        let service = catalog().service("s3").unwrap();
        let place = Place {
            service: &service,
            operation: service.operation("ListObjectsV2").unwrap(),
            options: crate::CallOptions::defaults(),
        };
        decode_keys(&place, &mut answer);
        assert_eq!(
            answer,
            json!({"EncodingType": "url", "Prefix": "a ", "Contents": [{"Key": "a b+"}, {"Size": 1}],
                "CommonPrefixes": [{"Prefix": "ü/"}], "Name": "a%20"})
        );
    }
}
