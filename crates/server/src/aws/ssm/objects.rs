//! Objects in S3 that requests name: their addresses, strictly read, and their bytes.
//!
//! An address is never fetched as it stands: bucket and key are taken out of it, and S3 is asked for them through the AWS
//! client. So no request reaches a host of the caller's choice.

use percent_encoding::percent_decode_str;
use ports::document::{ObjectError, ObjectPlace};

use crate::call::Call;
use crate::error::ApiError;

/// Reads an object of at most `limit` bytes.
pub(super) async fn read(
    call: &Call,
    place: &ObjectPlace,
    limit: u64,
) -> Result<Vec<u8>, ObjectError> {
    let objects = call.state.config().objects.as_ref();
    let objects = objects.ok_or_else(|| ObjectError::Refused {
        code: "Unavailable".to_owned(),
        message: "this server has no access to S3".to_owned(),
    })?;
    objects.object(place.clone(), limit).await
}

/// What an address of an object means: `s3://BUCKET/KEY`, `https://BUCKET.s3[.REGION].amazonaws.com/KEY` or
/// `https://s3[.REGION].amazonaws.com/BUCKET/KEY`. A query (of a presigned address) says nothing of the object.
pub(super) fn place(call: &Call, address: &str) -> Result<ObjectPlace, ApiError> {
    parse(address, &call.scope.region).ok_or_else(|| {
        let shown = crate::error::echo(address);
        ApiError::validation(format!(
            "`{shown}` is no address of an object in S3: write s3://BUCKET/KEY or https://BUCKET.s3.REGION.amazonaws.com/KEY."
        ))
    })
}

fn parse(address: &str, region: &str) -> Option<ObjectPlace> {
    let place = |region: &str, bucket: &str, key: String| ObjectPlace {
        region: region.to_owned(),
        bucket: bucket.to_owned(),
        key,
    };
    let found = if let Some(rest) = address.strip_prefix("s3://") {
        let (bucket, key) = rest.split_once('/')?;
        place(region, bucket, key.to_owned())
    } else {
        let rest = address.strip_prefix("https://")?;
        let (rest, _query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.split_once('/')?;
        let path = percent_decode_str(path).decode_utf8().ok()?.into_owned();
        let name = host
            .strip_suffix(".amazonaws.com")
            .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
        let (bucket, own) = match name.rsplit_once(".s3") {
            Some((bucket, own)) => (Some(bucket), own),
            None => (None, name.strip_prefix("s3")?),
        };
        // `s3.eu-west-1`, or `s3-eu-west-1` of old.
        let own = own.strip_prefix(['.', '-']).unwrap_or(own);
        let region = if own.is_empty() { region } else { own };
        match bucket {
            Some(bucket) => place(region, bucket, path),
            None => {
                let (bucket, key) = path.split_once('/')?;
                place(region, bucket, key.to_owned())
            }
        }
    };
    let fits = is_bucket(&found.bucket) && is_region(&found.region);
    let key = (1..=1024).contains(&found.key.len()) && !found.key.contains('\0');
    (fits && key).then_some(found)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_bucket(text: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    (3..=63).contains(&text.len()) && text.bytes().all(letters) && !text.contains("..")
}

fn is_region(text: &str) -> bool {
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_objects_and_nowhere_else() {
        for (address, want) in [
            ("s3://code/a/b.zip", Some("us-east-1 code a/b.zip")),
            (
                "https://code.s3.eu-west-1.amazonaws.com/a%20b.py",
                Some("eu-west-1 code a b.py"),
            ),
            (
                "https://code.s3.amazonaws.com/a.py?X-Amz-Signature=1",
                Some("us-east-1 code a.py"),
            ),
            (
                "https://my.code.s3.amazonaws.com/x/y",
                Some("us-east-1 my.code x/y"),
            ),
            (
                "https://s3.eu-west-1.amazonaws.com/code/a.py",
                Some("eu-west-1 code a.py"),
            ),
            (
                "https://s3-eu-west-1.amazonaws.com/code/a.py",
                Some("eu-west-1 code a.py"),
            ),
            (
                "https://s3.amazonaws.com/code/a.py",
                Some("us-east-1 code a.py"),
            ),
            ("http://code.s3.amazonaws.com/a", None),
            ("https://169.254.169.254/latest/meta-data", None),
            ("https://evil.example/code.s3.amazonaws.com/a", None),
            ("https://code.s3.amazonaws.com.evil.example/a", None),
            ("https://code.s3.@evil.amazonaws.com/a", None),
            ("https://code.ec2.amazonaws.com/a", None),
            ("https://s3.amazonaws.com/code", None),
            ("s3://code", None),
            ("s3://code/", None),
            ("s3://Co_de/a", None),
            ("s3://a..b/a", None),
            ("file:///etc/passwd", None),
            ("", None),
        ] {
            let found = parse(address, "us-east-1");
            let shown = found.map(|at| format!("{} {} {}", at.region, at.bucket, at.key));
            assert_eq!(shown.as_deref(), want, "{address}");
        }
    }
}
