//! Buckets in another region.

use aws::HttpRequest;
use aws::client::Request;
use serde_json::json;

use super::{World, answer, policy};

fn get_object() -> Request {
    Request::new(
        "s3",
        "GetObject",
        json!({"Bucket": "b-1", "Key": "k"}),
        "us-east-1",
    )
}

#[test]
fn a_bucket_elsewhere_is_followed_once_and_remembered() {
    let moved = || {
        let body = "<Error><Code>PermanentRedirect</Code><Message>m</Message></Error>";
        answer(301, &[("x-amz-bucket-region", "eu-west-1")], body)
    };
    let regions = |world: &World| -> Vec<bool> {
        let signed = |request: &HttpRequest| {
            request
                .header("authorization")
                .unwrap()
                .contains("/eu-west-1/s3/")
        };
        world.sent().iter().map(signed).collect()
    };
    let world = World::new([moved(), answer(200, &[], "body")]);
    world.call(&get_object(), policy(false)).unwrap();
    world.call(&get_object(), policy(false)).unwrap();
    assert_eq!(regions(&world), [false, true, true]);
    // The answer names no region: S3 is asked.
    let body = "<Error><Code>PermanentRedirect</Code></Error>";
    let silent = answer(301, &[], body);
    let head = answer(403, &[("x-amz-bucket-region", "eu-west-1")], "");
    let world = World::new([silent, head, answer(200, &[], "body")]);
    world.call(&get_object(), policy(true)).unwrap();
    assert_eq!(regions(&world), [false, false, true]);
    assert_eq!(world.sent()[1].method, "HEAD");
    // Signed for the wrong region.
    let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
    let world = World::new([answer(400, &[], body), answer(200, &[], "body")]);
    world.call(&get_object(), policy(true)).unwrap();
    assert_eq!(regions(&world), [false, true]);
    // No circle.
    let back = answer(
        301,
        &[("x-amz-bucket-region", "us-east-1")],
        "<Error><Code>PermanentRedirect</Code></Error>",
    );
    let world = World::new([moved(), back]);
    let refused = world.call(&get_object(), policy(true)).unwrap_err();
    assert_eq!(
        (refused.code(), world.sent().len()),
        ("PermanentRedirect", 2)
    );
}
