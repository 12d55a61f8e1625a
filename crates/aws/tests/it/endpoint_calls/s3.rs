//! Where buckets and access points are.

use aws::{AddressingStyle, CallOptions, Credentials, Signing};
use serde_json::json;

use super::{check, check_with, place, refusal, with};

#[test]
fn buckets_in_host_or_path() {
    let get = |bucket: &str| {
        (
            "s3",
            "GetObject",
            json!({"Bucket": bucket, "Key": "a b/c+d"}),
        )
    };
    let key = "a%20b/c%2Bd";
    for (bucket, wanted) in [
        (
            "bucket",
            format!("https://bucket.s3.eu-west-1.amazonaws.com/{key}"),
        ),
        (
            "with.dots",
            format!("https://s3.eu-west-1.amazonaws.com/with.dots/{key}"),
        ),
        (
            "With_Under",
            format!("https://s3.eu-west-1.amazonaws.com/With_Under/{key}"),
        ),
    ] {
        check(get(bucket), "eu-west-1", (&wanted, "s3 eu-west-1"));
    }
    let path = with(|options| options.s3.addressing_style = AddressingStyle::Path);
    let in_path = format!("https://s3.eu-west-1.amazonaws.com/bucket/{key}");
    check_with(
        get("bucket"),
        ("eu-west-1", None),
        &path,
        (&in_path, "s3 eu-west-1"),
    );
    // A named endpoint has the bucket in its path, unless the caller wants it otherwise and it is no address.
    let virtual_host = with(|options| options.s3.addressing_style = AddressingStyle::Virtual);
    for (url, options, wanted) in [
        (
            "http://127.0.0.1:5000",
            CallOptions::defaults(),
            format!("http://127.0.0.1:5000/bucket/{key}"),
        ),
        (
            "http://127.0.0.1:5000/",
            &virtual_host,
            format!("http://127.0.0.1:5000/bucket/{key}"),
        ),
        (
            "http://moto:5000/x",
            CallOptions::defaults(),
            format!("http://moto:5000/x/bucket/{key}"),
        ),
        (
            "https://s3.example.com",
            &virtual_host,
            format!("https://bucket.s3.example.com/{key}"),
        ),
        (
            "https://s3-accelerate.amazonaws.com",
            CallOptions::defaults(),
            format!("https://bucket.s3-accelerate.amazonaws.com/{key}"),
        ),
    ] {
        check_with(
            get("bucket"),
            ("eu-west-1", Some(url)),
            options,
            (&wanted, "s3 eu-west-1"),
        );
    }
    let accelerate = with(|options| options.s3.use_accelerate = true);
    let wanted = format!("https://bucket.s3-accelerate.amazonaws.com/{key}");
    check_with(
        get("bucket"),
        ("eu-west-1", None),
        &accelerate,
        (&wanted, "s3 eu-west-1"),
    );
    let error = refusal(get("with.dots"), "eu-west-1", &accelerate);
    assert_eq!(
        error,
        "Path-style addressing cannot be used with S3 Accelerate"
    );
    for (operation, url) in [
        (
            "ListObjectsV2",
            "https://bucket.s3.eu-west-1.amazonaws.com/",
        ),
        ("HeadBucket", "https://bucket.s3.eu-west-1.amazonaws.com/"),
        (
            "GetBucketLocation",
            "https://s3.eu-west-1.amazonaws.com/bucket",
        ),
    ] {
        check(
            ("s3", operation, json!({"Bucket": "bucket"})),
            "eu-west-1",
            (url, "s3 eu-west-1"),
        );
    }
    check(
        ("s3", "ListBuckets", json!({})),
        "eu-west-1",
        ("https://s3.eu-west-1.amazonaws.com/", "s3 eu-west-1"),
    );
}

#[test]
fn access_points() {
    let get = |arn: &str| ("s3", "GetObject", json!({"Bucket": arn, "Key": "k"}));
    let point = "arn:aws:s3:us-west-2:123456789012:accesspoint/mine";
    let wanted = (
        "https://mine-123456789012.s3-accesspoint.us-west-2.amazonaws.com/k",
        "s3 us-west-2",
    );
    check(get(point), "eu-west-1", wanted);
    let own_region = with(|options| options.s3.use_arn_region = Some(false));
    let error = refusal(get(point), "eu-west-1", &own_region);
    assert_eq!(
        error,
        "Invalid configuration: region from ARN `us-west-2` does not match client region `eu-west-1` and UseArnRegion is `false`"
    );
    let lambda = "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/mine";
    let wanted = (
        "https://mine-123456789012.s3-object-lambda.us-west-2.amazonaws.com/k",
        "s3-object-lambda us-west-2",
    );
    check(get(lambda), "eu-west-1", wanted);
    let outpost = "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-0a1b/accesspoint/mine";
    let url = "https://mine-123456789012.op-0a1b.s3-outposts.us-west-2.amazonaws.com/k";
    check(get(outpost), "eu-west-1", (url, "s3-outposts us-west-2"));
    // Points of several regions want a signature that is not written here.
    let several = place(
        get("arn:aws:s3::123456789012:accesspoint/m.mrap"),
        "eu-west-1",
        None,
        CallOptions::defaults(),
    )
    .unwrap();
    assert_eq!(
        several.request.authority,
        "m.mrap.accesspoint.s3-global.amazonaws.com"
    );
    let at = jiff::Timestamp::UNIX_EPOCH;
    let error = several.sign(&Credentials::new("a", "b"), at).unwrap_err();
    assert!(
        error.to_string().contains("cannot be signed with `sigv4a`"),
        "{error}"
    );
    let refused = with(|options| options.s3.disable_multi_region_access_points = true);
    let error = refusal(
        get("arn:aws:s3::123456789012:accesspoint/m.mrap"),
        "eu-west-1",
        &refused,
    );
    assert_eq!(
        error,
        "Invalid configuration: Multi-Region Access Point ARNs are disabled."
    );
}

#[test]
fn directory_buckets() {
    let get = || {
        (
            "s3",
            "GetObject",
            json!({"Bucket": "mine--use1-az4--x-s3", "Key": "k"}),
        )
    };
    let host = "mine--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com";
    let prepared = place(get(), "us-east-1", None, CallOptions::defaults()).unwrap();
    assert_eq!(prepared.request.authority, host);
    assert_eq!(
        prepared.signing,
        Signing::Unsupported("sigv4-s3express".to_owned())
    );
    // With the caller's own keys.
    let plain = with(|options| options.s3.disable_express_session_auth = Some(true));
    check_with(
        get(),
        ("us-east-1", None),
        &plain,
        (&format!("https://{host}/k"), "s3express us-east-1"),
    );
}
