//! Where S3 buckets really are: a request that went to another region is sent once more, and the region remembered.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::{HttpResponse, ServiceError};

/// Buckets kept.
const KEPT: usize = 4096;
/// How much of an error's body is searched for the region.
const SEARCHED: usize = 8192;

/// The regions of buckets that were met in an unexpected one.
#[derive(Debug, Default)]
pub(super) struct BucketRegions {
    known: Mutex<HashMap<String, String>>,
}

/// What an answer says about a bucket in another region.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redirect {
    /// None of that.
    No,
    /// It is in this region.
    To(String),
    /// It is elsewhere, but the answer does not say where.
    Elsewhere,
}

impl BucketRegions {
    pub(super) fn of(&self, bucket: &str) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(bucket).cloned()
    }

    pub(super) fn remember(&self, bucket: &str, region: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT && !known.contains_key(bucket) {
            known.clear();
        }
        known.insert(bucket.to_owned(), region.to_owned());
    }
}

/// The bucket of an S3 call, if its region can be another: not for ARNs, which name theirs.
pub(super) fn bucket_of<'a>(service: &str, params: &'a Value) -> Option<&'a str> {
    let bucket = params.get("Bucket").and_then(Value::as_str)?;
    (service == "s3" && !bucket.is_empty() && !bucket.starts_with("arn:")).then_some(bucket)
}

/// Reads a refusal. Source: the cases in which botocore redirects.
pub(super) fn redirect(operation: &str, error: &ServiceError, answer: &HttpResponse) -> Redirect {
    let told = header_region(answer).or_else(|| body_region(answer));
    let code = error.code.as_str();
    let elsewhere = matches!(error.status, 301 | 302 | 307)
        || code == "PermanentRedirect"
        || (code == "AuthorizationHeaderMalformed" && told.is_some())
        || (code == "IllegalLocationConstraintException" && operation != "CreateBucket")
        // An answer to HEAD has no body that could name the code.
        || (operation.starts_with("Head") && error.status == 400 && (operation == "HeadObject" || told.is_some()));
    match told {
        _ if !elsewhere => Redirect::No,
        Some(region) => Redirect::To(region),
        None => Redirect::Elsewhere,
    }
}

/// The region that S3 names in a header of nearly every answer.
pub(super) fn header_region(answer: &HttpResponse) -> Option<String> {
    answer
        .header("x-amz-bucket-region")
        .filter(|region| is_region(region))
        .map(str::to_owned)
}

fn body_region(answer: &HttpResponse) -> Option<String> {
    let start = answer.body.get(..answer.body.len().min(SEARCHED))?;
    let text = String::from_utf8_lossy(start);
    let (_, rest) = text.split_once("<Region>")?;
    let (region, _) = rest.split_once("</Region>")?;
    is_region(region).then(|| region.to_owned())
}

/// Only what can be a region's name: it becomes part of a host name.
fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::FailureKind;

    fn answer(status: u16, header: Option<&str>, body: &'static str) -> HttpResponse {
        HttpResponse {
            status,
            headers: header
                .map(|region| ("x-amz-bucket-region".to_owned(), region.to_owned()))
                .into_iter()
                .collect(),
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    const MALFORMED: &str =
        "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";

    /// Operation, status, code, region header, body, and where it leads: a region, `?` or nowhere.
    const REFUSALS: &str = "
        GetObject    301 PermanentRedirect                  eu-west-1     -         eu-west-1
        GetObject    301 PermanentRedirect                  -             -         ?
        GetObject    307 TemporaryRedirect                  x-1           -         x-1
        GetObject    400 AuthorizationHeaderMalformed       -             malformed eu-west-1
        GetObject    400 AuthorizationHeaderMalformed       -             -         -
        HeadObject   400 400                                -             -         ?
        HeadBucket   400 400                                eu-west-1     -         eu-west-1
        HeadBucket   400 400                                -             -         -
        HeadBucket   404 404                                eu-west-1     -         -
        CreateBucket 400 IllegalLocationConstraintException x-1           -         -
        GetObject    400 IllegalLocationConstraintException x-1           -         x-1
        GetObject    403 AccessDenied                       eu-west-1     -         -
        GetObject    301 PermanentRedirect                  evil.example/ -         ?
    ";

    #[test]
    fn refusals_that_name_another_region() {
        for line in REFUSALS.trim().lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [operation, status, code, header, body, expected] = words[..] else {
                panic!("{line}");
            };
            let body = if body == "malformed" { MALFORMED } else { "" };
            let header = Some(header).filter(|header| *header != "-");
            let answer = answer(status.parse().unwrap(), header, body);
            let error = ServiceError::new(FailureKind::Api, &answer, code, "");
            let expected = match expected {
                "-" => Redirect::No,
                "?" => Redirect::Elsewhere,
                region => Redirect::To(region.to_owned()),
            };
            assert_eq!(redirect(operation, &error, &answer), expected, "{line}");
        }
    }

    #[test]
    fn only_buckets_of_s3_can_be_elsewhere() {
        assert_eq!(bucket_of("s3", &json!({"Bucket": "b"})), Some("b"));
        assert_eq!(
            bucket_of("s3", &json!({"Bucket": "arn:aws:s3:x:1:accesspoint/a"})),
            None
        );
        assert_eq!(bucket_of("s3", &json!({})), None);
        assert_eq!(bucket_of("ec2", &json!({"Bucket": "b"})), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let regions = BucketRegions::default();
        for i in 0..KEPT * 2 + 3 {
            regions.remember(&i.to_string(), "eu-west-1");
        }
        assert!(regions.known.lock().unwrap().len() <= KEPT);
        assert_eq!(
            regions.of(&(KEPT * 2 + 2).to_string()).as_deref(),
            Some("eu-west-1")
        );
    }
}
