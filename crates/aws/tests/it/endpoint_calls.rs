//! Where whole calls go and what they are signed for.

mod s3;

use aws::endpoint::partition;
use aws::{
    AccountIdEndpointMode, Call, CallOptions, EndpointParameter, Error, Prepared,
    RegionalEndpoints, Signing, prepare,
};
use serde_json::{Value, json};

/// A service, an operation and its parameters.
type What<'a> = (&'a str, &'a str, Value);

fn place(
    (service, operation, params): What<'_>,
    region: &str,
    endpoint_url: Option<&str>,
    options: &CallOptions,
) -> Result<Prepared, Error> {
    prepare(&Call {
        service,
        operation,
        params: &params,
        region,
        endpoint_url,
        token: "t",
        options,
    })
}

fn with(change: impl FnOnce(&mut CallOptions)) -> CallOptions {
    let mut options = CallOptions::new();
    change(&mut options);
    options
}

/// URL without query, region and service of the signature.
fn seen(prepared: &Prepared) -> (String, String) {
    let request = &prepared.request;
    let url = format!("{}://{}{}", request.scheme, request.authority, request.path);
    assert_eq!(request.header("host"), Some(request.authority.as_str()));
    let signed = match &prepared.signing {
        Signing::SigV4(scope) => format!("{} {}", scope.service, scope.region),
        other => format!("{other:?}"),
    };
    (url, signed)
}

fn check(what: What<'_>, region: &str, wanted: (&str, &str)) {
    check_with(what, (region, None), CallOptions::defaults(), wanted);
}

fn check_with(
    what: What<'_>,
    (region, endpoint_url): (&str, Option<&str>),
    options: &CallOptions,
    wanted: (&str, &str),
) {
    let shown = format!("{what:?}");
    let prepared = place(what, region, endpoint_url, options);
    let prepared = prepared.unwrap_or_else(|error| panic!("{shown}: {error}"));
    let (url, signed) = seen(&prepared);
    assert_eq!((url.as_str(), signed.as_str()), wanted, "{shown}");
}

fn refusal(what: What<'_>, region: &str, options: &CallOptions) -> String {
    let shown = format!("{what:?}");
    match place(what, region, None, options) {
        Ok(prepared) => panic!("{shown}: {}", prepared.request.url()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn regional_and_global_services() {
    for (service, operation, region, url, signed) in [
        (
            "ec2",
            "DescribeInstances",
            "eu-west-1",
            "https://ec2.eu-west-1.amazonaws.com/",
            "ec2 eu-west-1",
        ),
        (
            "ec2",
            "DescribeInstances",
            "cn-north-1",
            "https://ec2.cn-north-1.amazonaws.com.cn/",
            "ec2 cn-north-1",
        ),
        (
            "ec2",
            "DescribeInstances",
            "xx-moon-1",
            "https://ec2.xx-moon-1.amazonaws.com/",
            "ec2 xx-moon-1",
        ),
        (
            "iam",
            "ListUsers",
            "eu-west-1",
            "https://iam.amazonaws.com/",
            "iam us-east-1",
        ),
        (
            "iam",
            "ListUsers",
            "us-gov-east-1",
            "https://iam.us-gov.amazonaws.com/",
            "iam us-gov-west-1",
        ),
        (
            "iam",
            "ListUsers",
            "cn-northwest-1",
            "https://iam.cn-north-1.amazonaws.com.cn/",
            "iam cn-north-1",
        ),
        (
            "sts",
            "GetCallerIdentity",
            "eu-west-1",
            "https://sts.eu-west-1.amazonaws.com/",
            "sts eu-west-1",
        ),
        (
            "route53",
            "ListHostedZones",
            "eu-west-1",
            "https://route53.amazonaws.com/2013-04-01/hostedzone",
            "route53 us-east-1",
        ),
        (
            "organizations",
            "ListAccounts",
            "eu-west-1",
            "https://organizations.us-east-1.amazonaws.com/",
            "organizations us-east-1",
        ),
        (
            "cloudfront",
            "ListDistributions",
            "eu-west-1",
            "https://cloudfront.amazonaws.com/2020-05-31/distribution",
            "cloudfront us-east-1",
        ),
        (
            "support",
            "DescribeServices",
            "eu-west-1",
            "https://support.us-east-1.amazonaws.com/",
            "support us-east-1",
        ),
        (
            "ssm-incidents",
            "ListReplicationSets",
            "eu-west-1",
            "https://ssm-incidents.eu-west-1.amazonaws.com/listReplicationSets",
            "ssm-incidents eu-west-1",
        ),
        (
            "stepfunctions",
            "ListStateMachines",
            "eu-west-1",
            "https://states.eu-west-1.amazonaws.com/",
            "states eu-west-1",
        ),
    ] {
        check((service, operation, json!({})), region, (url, signed));
    }
    let health = || ("health", "DescribeEvents", json!({}));
    check(
        health(),
        "eu-west-1",
        (
            "https://health.eu-west-1.amazonaws.com/",
            "health us-east-1",
        ),
    );
    check(
        health(),
        "cn-north-1",
        (
            "https://health.cn-north-1.amazonaws.com.cn/",
            "health cn-northwest-1",
        ),
    );
    assert_eq!(partition("eusc-de-east-1"), "aws-eusc");
}

#[test]
fn fips_and_dual_stack() {
    let describe = || ("ec2", "DescribeInstances", json!({}));
    let fips = with(|options| options.use_fips = true);
    let dual = with(|options| options.use_dual_stack = true);
    let fips_host = ("https://ec2-fips.us-east-1.amazonaws.com/", "ec2 us-east-1");
    check_with(describe(), ("us-east-1", None), &fips, fips_host);
    // The region names of old, as boto3 reads them.
    check(describe(), "fips-us-east-1", fips_host);
    check(describe(), "us-east-1-fips", fips_host);
    let dual_host = ("https://ec2.us-east-1.api.aws/", "ec2 us-east-1");
    check_with(describe(), ("us-east-1", None), &dual, dual_host);
    // A named endpoint is taken as it is.
    let named = ("http://127.0.0.1:5000/base/", "ec2 us-east-1");
    let url = Some("http://127.0.0.1:5000/base/");
    check_with(describe(), ("us-east-1", url), &fips, named);
    check_with(describe(), ("us-east-1", url), &dual, named);
    let error = refusal(("s3", "ListBuckets", json!({})), "cn-north-1", &fips);
    assert_eq!(error, "Partition does not support FIPS");
}

#[test]
fn named_endpoints_and_their_errors() {
    let iam = || ("iam", "ListUsers", json!({}));
    // boto3 signs for the region of the caller when the endpoint is the caller's.
    let named = ("http://127.0.0.1:5555/base/", "iam eu-west-1");
    check_with(
        iam(),
        ("eu-west-1", Some("http://127.0.0.1:5555/base")),
        CallOptions::defaults(),
        named,
    );
    for bad in [
        "127.0.0.1:5555",
        "ftp://x",
        "http://",
        "http://a b",
        "http://x?y",
        "http://u@x",
    ] {
        let error = place(iam(), "eu-west-1", Some(bad), CallOptions::defaults()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("endpoint_url `{bad}` is not usable: give")),
            "{error}"
        );
    }
    for bad in ["eu west", "evil.example.com/", "-x", "12345", "a.b"] {
        let error = refusal(iam(), bad, CallOptions::defaults());
        assert!(
            error.starts_with(&format!("region `{bad}` is not usable: give")),
            "{error}"
        );
    }
    let error = refusal(iam(), "", CallOptions::defaults());
    assert!(
        error.starts_with("You must specify a region. Name one"),
        "{error}"
    );
}

#[test]
fn global_endpoints_of_sts_and_s3() {
    let who = || ("sts", "GetCallerIdentity", json!({}));
    let legacy = with(|options| options.sts_endpoints = RegionalEndpoints::Legacy);
    let world = ("https://sts.amazonaws.com/", "sts us-east-1");
    check_with(who(), ("eu-west-1", None), &legacy, world);
    let newer = ("https://sts.ap-east-1.amazonaws.com/", "sts ap-east-1");
    check_with(who(), ("ap-east-1", None), &legacy, newer);
    let get = || ("s3", "GetObject", json!({"Bucket": "bucket", "Key": "a/b"}));
    check(
        get(),
        "us-east-1",
        ("https://bucket.s3.amazonaws.com/a/b", "s3 us-east-1"),
    );
    let regional = with(|options| options.s3.us_east_1_endpoint = RegionalEndpoints::Regional);
    let wanted = (
        "https://bucket.s3.us-east-1.amazonaws.com/a/b",
        "s3 us-east-1",
    );
    check_with(get(), ("us-east-1", None), &regional, wanted);
}

#[test]
fn accounts_in_hosts() {
    let block = || {
        let config = json!({"BlockPublicAcls": true});
        (
            "s3control",
            "PutPublicAccessBlock",
            json!({"AccountId": "123456789012", "PublicAccessBlockConfiguration": config}),
        )
    };
    let path = "/v20180820/configuration/publicAccessBlock";
    for (endpoint_url, host) in [
        (
            None,
            "https://123456789012.s3-control.eu-west-1.amazonaws.com",
        ),
        (
            Some("https://control.vpce.example.com"),
            "https://123456789012.control.vpce.example.com",
        ),
        // `123456789012.127.0.0.1` reaches nobody.
        (Some("http://127.0.0.1:5000"), "http://127.0.0.1:5000"),
        (Some("http://moto:5000"), "http://moto:5000"),
    ] {
        let wanted = format!("{host}{path}");
        check_with(
            block(),
            ("eu-west-1", endpoint_url),
            CallOptions::defaults(),
            (&wanted, "s3 eu-west-1"),
        );
    }
    let bucket = json!({"AccountId": "123456789012", "Bucket": "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-01/bucket/b"});
    let prepared = place(
        ("s3control", "GetBucket", bucket),
        "us-west-2",
        None,
        CallOptions::defaults(),
    )
    .unwrap();
    assert_eq!(
        prepared.request.authority,
        "s3-outposts.us-west-2.amazonaws.com"
    );
    assert_eq!(prepared.request.header("x-amz-outpost-id"), Some("op-01"));
    assert_eq!(seen(&prepared).1, "s3-outposts us-west-2");

    let tables = || ("dynamodb", "ListTables", json!({}));
    let regional = (
        "https://dynamodb.us-east-1.amazonaws.com/",
        "dynamodb us-east-1",
    );
    check(tables(), "us-east-1", regional);
    let known = with(|options| options.account_id = Some("123456789012".to_owned()));
    let own = (
        "https://123456789012.ddb.us-east-1.amazonaws.com/",
        "dynamodb us-east-1",
    );
    check_with(tables(), ("us-east-1", None), &known, own);
    let disabled = with(|options| {
        options.account_id = Some("123456789012".to_owned());
        options.account_id_endpoint_mode = AccountIdEndpointMode::Disabled;
    });
    check_with(tables(), ("us-east-1", None), &disabled, regional);
    let required =
        with(|options| options.account_id_endpoint_mode = AccountIdEndpointMode::Required);
    let error = refusal(tables(), "us-east-1", &required);
    assert!(
        error.contains("AccountIdEndpointMode is required but no AccountID was provided"),
        "{error}"
    );
}

/// Parameters deep in a request decide the endpoint, by JMESPath.
#[test]
fn resources_in_hosts() {
    let arn = "arn:aws:dynamodb:us-east-1:222222222222:table/t";
    let known = with(|options| options.account_id = Some("111111111111".to_owned()));
    let url = "https://222222222222.ddb.us-east-1.amazonaws.com/";
    let of = |account: &str| format!("https://{account}.ddb.us-east-1.amazonaws.com/");
    let key = json!({"k": {"S": "v"}});
    for (operation, params) in [
        ("DescribeTable", json!({"TableName": arn})),
        (
            "BatchGetItem",
            json!({"RequestItems": {arn: {"Keys": [key]}}}),
        ),
        (
            "TransactGetItems",
            json!({"TransactItems": [{"Get": {"Key": key, "TableName": arn}}]}),
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Delete": {"Key": key, "TableName": arn}}]}),
        ),
    ] {
        check_with(
            ("dynamodb", operation, params),
            ("us-east-1", None),
            &known,
            (url, "dynamodb us-east-1"),
        );
    }
    let by_name = json!({"RequestItems": {"t": {"Keys": [key]}}});
    check_with(
        ("dynamodb", "BatchGetItem", by_name),
        ("us-east-1", None),
        &known,
        (&of("111111111111"), "dynamodb us-east-1"),
    );

    let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/s";
    let wanted = (
        "https://123456789012.control-kinesis.eu-west-1.amazonaws.com/",
        "kinesis eu-west-1",
    );
    check(
        ("kinesis", "DescribeStream", json!({"StreamARN": stream})),
        "eu-west-1",
        wanted,
    );
    let put = json!({"StreamARN": stream, "Data": "d", "PartitionKey": "p"});
    let wanted = (
        "https://123456789012.data-kinesis.eu-west-1.amazonaws.com/",
        "kinesis eu-west-1",
    );
    check(("kinesis", "PutRecord", put), "eu-west-1", wanted);

    let event = json!([{"Source": "s", "DetailType": "t", "Detail": "{}"}]);
    let put = json!({"EndpointId": "abc.456", "Entries": event});
    let prepared = place(
        ("events", "PutEvents", put),
        "us-east-1",
        None,
        CallOptions::defaults(),
    )
    .unwrap();
    assert_eq!(
        prepared.request.authority,
        "abc.456.endpoint.events.amazonaws.com"
    );
    assert_eq!(prepared.signing, Signing::Unsupported("sigv4a".to_owned()));
    let bad = json!({"EndpointId": "bad_id", "Entries": event});
    let error = refusal(
        ("events", "PutEvents", bad),
        "us-east-1",
        CallOptions::defaults(),
    );
    assert_eq!(error, "EndpointId must be a valid host label.");
}

#[test]
fn prefixes_of_the_model() {
    let sync = || {
        (
            "stepfunctions",
            "StartSyncExecution",
            json!({"stateMachineArn": "arn:aws:states:eu-west-1:1:x"}),
        )
    };
    check(
        sync(),
        "eu-west-1",
        (
            "https://sync-states.eu-west-1.amazonaws.com/",
            "states eu-west-1",
        ),
    );
    let named = ("http://127.0.0.1:5000/", "states eu-west-1");
    check_with(
        sync(),
        ("eu-west-1", Some("http://127.0.0.1:5000")),
        CallOptions::defaults(),
        named,
    );
}

#[test]
fn parameters_of_rules_by_name() {
    let options = with(|options| {
        let style = EndpointParameter::Flag(true);
        options
            .endpoint_parameters
            .insert("ForcePathStyle".to_owned(), style);
        let unknown = EndpointParameter::Text("x".to_owned());
        options
            .endpoint_parameters
            .insert("NoSuchParameter".to_owned(), unknown);
    });
    let wanted = ("https://s3.eu-west-1.amazonaws.com/bucket", "s3 eu-west-1");
    check_with(
        ("s3", "HeadBucket", json!({"Bucket": "bucket"})),
        ("eu-west-1", None),
        &options,
        wanted,
    );
    let wrong = with(|options| {
        let style = EndpointParameter::Text("yes".to_owned());
        options
            .endpoint_parameters
            .insert("ForcePathStyle".to_owned(), style);
    });
    let error = refusal(("s3", "ListBuckets", json!({})), "eu-west-1", &wrong);
    assert_eq!(
        error,
        "endpoint parameter `ForcePathStyle` must be true or false"
    );
}

#[test]
fn services_with_one_endpoint_are_known() {
    for (service, expected) in [
        ("iam", true),
        ("route53", true),
        ("cloudfront", true),
        ("organizations", true),
        ("ec2", false),
        ("sts", false),
        ("s3", false),
        ("guardduty", false),
    ] {
        let model = aws::model::catalog().service(service).unwrap();
        assert_eq!(aws::endpoint::is_global(&model), expected, "{service}");
    }
}
