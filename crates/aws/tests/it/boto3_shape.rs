//! What boto3 does beside the models, seen from a caller. What random calls reach is compared with botocore itself in
//! `differential`; here is what they do not.

use aws::{Call, CallOptions, Error, FailureKind, HttpResponse, Prepared, prepare};
use serde_json::{Value, json};

const TOKEN: &str = "11111111-2222-4333-8444-555555555555";

fn call(service: &str, operation: &str, params: Value) -> Result<Prepared, Error> {
    prepare(&Call {
        service,
        operation,
        params: &params,
        region: "eu-west-1",
        endpoint_url: None,
        token: TOKEN,
        options: CallOptions::defaults(),
    })
}

fn refusal(service: &str, operation: &str, params: Value) -> String {
    call(service, operation, params).unwrap_err().to_string()
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.to_owned().into(),
    }
}

fn read(service: &str, operation: &str, params: Value, response: &HttpResponse) -> Value {
    let mut read = call(service, operation, params)
        .unwrap()
        .decode(response)
        .unwrap();
    read.as_object_mut().unwrap().remove("ResponseMetadata");
    read
}

#[test]
fn a_name_that_is_a_word_of_python_has_another() {
    let export = |from: &str| json!({"logGroupName": "g", from: 1, "to": 2, "destination": "b"});
    for from in ["from", "fromTime"] {
        let prepared = call("logs", "CreateExportTask", export(from)).unwrap();
        let body: Value = serde_json::from_slice(&prepared.request.body).unwrap();
        assert_eq!(body["from"], 1);
    }
    let mut both = export("from");
    both["fromTime"] = 1.into();
    assert!(refusal("logs", "CreateExportTask", both).contains("give one of them"));
    for filters in ["Filter", "Filters"] {
        let params = json!({filters: [{"Name": "vpc-id", "Values": ["v"]}]});
        let prepared = call("ec2", "DescribeNatGateways", params).unwrap();
        assert!(String::from_utf8_lossy(&prepared.request.body).contains("Filter.1.Name=vpc-id"));
    }
}

#[test]
fn bad_buckets_and_metadata_are_refused() {
    for bucket in ["", "a/b", "a b", "arn:aws:s3:::b", "ü"] {
        let report = refusal("s3", "ListObjectsV2", json!({"Bucket": bucket}));
        assert!(
            report.contains(&format!("Invalid bucket name \"{bucket}\"")),
            "{report}"
        );
    }
    let object = json!({"Bucket": "b", "Key": "k", "Metadata": {"name": "grün"}});
    let report = refusal("s3", "PutObject", object);
    assert!(
        report.contains("Non ascii characters found in S3 metadata for key \"name\""),
        "{report}"
    );
}

#[test]
fn copy_sources_are_text_or_structures() {
    for (source, sent) in [
        (json!("b/a b"), "b/a%20b"),
        (json!("b/k?versionId=v 1"), "b/k%3FversionId%3Dv%201"),
        (json!("b/k?versionId=v1"), "b/k?versionId=v1"),
        (
            json!({"Bucket": "b", "Key": "ü/k", "VersionId": "v"}),
            "b/%C3%BC/k?versionId=v",
        ),
        (json!("{\"Bucket\": \"b\", \"Key\": \"k\"}"), "b/k"),
        (
            json!({"Bucket": "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap", "Key": "k"}),
            "arn%3Aaws%3As3%3Aeu-west-1%3A123456789012%3Aaccesspoint/ap/object/k",
        ),
    ] {
        let params = json!({"Bucket": "to", "Key": "k", "CopySource": source});
        let prepared = call("s3", "CopyObject", params).unwrap();
        assert_eq!(prepared.request.header("x-amz-copy-source"), Some(sent));
    }
    let params = json!({"Bucket": "to", "Key": "k", "CopySource": {"Bucket": "b"}});
    assert!(
        refusal("s3", "CopyObject", params)
            .contains("Missing required parameter in CopySource: \"Key\"")
    );
}

#[test]
fn a_customers_key_goes_out_with_its_digest() {
    let key = "0123456789abcdef0123456789abcdef";
    for given in [
        json!(key),
        json!({"$base64": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}),
    ] {
        let params = json!({"Bucket": "b", "Key": "k", "SSECustomerAlgorithm": "AES256", "SSECustomerKey": given});
        let request = call("s3", "GetObject", params).unwrap().request;
        let header =
            |name: &str| request.header(&format!("x-amz-server-side-encryption-customer-{name}"));
        assert_eq!(
            header("key"),
            Some("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
        );
        assert_eq!(header("key-md5"), Some("hRasmdxgYDKV3nvbahU1MA=="));
    }
}

#[test]
fn listings_are_decoded_unless_the_caller_wanted_them_encoded() {
    let body = "<ListBucketResult><EncodingType>url</EncodingType><Prefix>a%2Fb+c</Prefix>\
        <Contents><Key>%C3%BC%0A</Key></Contents></ListBucketResult>";
    let response = answer(200, &[], body);
    let plain = read("s3", "ListObjectsV2", json!({"Bucket": "b"}), &response);
    assert_eq!(plain["Prefix"], "a/b c");
    assert_eq!(plain["Contents"][0]["Key"], "ü\n");
    let encoded = json!({"Bucket": "b", "EncodingType": "url"});
    let encoded = read("s3", "ListObjectsV2", encoded, &response);
    assert_eq!(encoded["Contents"][0]["Key"], "%C3%BC%0A");
    // The first version of the listing leaves its prefix as it was sent.
    let first = read("s3", "ListObjects", json!({"Bucket": "b"}), &response);
    assert_eq!(first["Prefix"], "a%2Fb+c");
}

#[test]
fn an_error_behind_status_200_is_one() {
    let params = json!({"Bucket": "b", "Key": "k", "CopySource": "b/k"});
    let body = "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code><Message>try again</Message></Error>";
    let prepared = call("s3", "CopyObject", params).unwrap();
    let error = prepared.decode(&answer(200, &[], body)).unwrap_err();
    assert_eq!(
        (
            error.kind,
            error.code.as_str(),
            error.message.as_str(),
            error.status
        ),
        (FailureKind::Api, "InternalError", "try again", 500)
    );
    // An object may be such a document.
    let got = read(
        "s3",
        "GetObject",
        json!({"Bucket": "b", "Key": "k"}),
        &answer(200, &[], body),
    );
    assert_eq!(got["Body"], body);
}

#[test]
fn locations_and_dates_of_s3() {
    let location = |text: &str| {
        let body = format!(
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{text}</LocationConstraint>"
        );
        read(
            "s3",
            "GetBucketLocation",
            json!({"Bucket": "b"}),
            &answer(200, &[], &body),
        )
    };
    assert_eq!(location(""), json!({"LocationConstraint": null}));
    assert_eq!(
        location("eu-west-1"),
        json!({"LocationConstraint": "eu-west-1"})
    );
    for (text, date) in [
        (
            "Sat, 21 Nov 2026 03:00:00 GMT",
            Some("2026-11-21T03:00:00+00:00"),
        ),
        ("0", Some("1970-01-01T00:00:00+00:00")),
        ("never", None),
    ] {
        let head = answer(200, &[("Expires", text)], "");
        let head = read(
            "s3",
            "HeadObject",
            json!({"Bucket": "b", "Key": "k"}),
            &head,
        );
        assert_eq!(
            (head["ExpiresString"].as_str(), head["Expires"].as_str()),
            (Some(text), date)
        );
    }
}

#[test]
fn errors_of_oauth_have_their_message() {
    let body = json!({"error": "authorization_pending", "error_description": "wait for the user"});
    let params = json!({"clientId": "c", "clientSecret": "s", "grantType": "g"});
    let prepared = call("sso-oidc", "CreateToken", params).unwrap();
    let headers = [("x-amzn-ErrorType", "AuthorizationPendingException")];
    let error = prepared
        .decode(&answer(400, &headers, &body.to_string()))
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("AuthorizationPendingException", "wait for the user")
    );
}

#[test]
fn timestream_says_how_to_find_it() {
    let query = |endpoint_url: Option<&str>| {
        prepare(&Call {
            service: "timestream-query",
            operation: "Query",
            params: &json!({"QueryString": "SELECT 1"}),
            region: "eu-west-1",
            endpoint_url,
            token: TOKEN,
            options: CallOptions::defaults(),
        })
    };
    let error = query(None).unwrap_err();
    assert!(matches!(error, Error::EndpointDiscovery { .. }));
    assert!(
        error.to_string().contains("call its `DescribeEndpoints`"),
        "{error}"
    );
    let cell = "query-cell1.timestream.eu-west-1.amazonaws.com";
    let prepared = query(Some(&format!("https://{cell}"))).unwrap();
    assert_eq!(prepared.request.authority, cell);
    let describe = call("timestream-query", "DescribeEndpoints", json!({})).unwrap();
    assert_eq!(
        describe.request.header("x-amz-api-version"),
        Some("2018-11-01")
    );
}

#[test]
fn an_address_in_the_parameters_is_used_only_at_awss_own_endpoint() {
    let params = json!({"MLModelId": "m", "Record": {}, "PredictEndpoint": "https://realtime.example.com/x"});
    let prepared = call("machinelearning", "Predict", params.clone()).unwrap();
    assert_eq!(prepared.request.authority, "realtime.example.com");
    let named = prepare(&Call {
        service: "machinelearning",
        operation: "Predict",
        params: &params,
        region: "eu-west-1",
        endpoint_url: Some("http://127.0.0.1:5555"),
        token: TOKEN,
        options: CallOptions::defaults(),
    });
    assert_eq!(named.unwrap().request.authority, "127.0.0.1:5555");
}

#[test]
fn an_arn_on_an_outpost_tells_the_account() {
    let arn = "arn:aws:s3-outposts:eu-west-1:123456789012:outpost:op-01234567890123456:bucket:b";
    let prepared = call("s3control", "GetBucket", json!({"Bucket": arn})).unwrap();
    assert_eq!(
        prepared.request.header("x-amz-account-id"),
        Some("123456789012")
    );
    let other = json!({"Bucket": arn, "AccountId": "210987654321"});
    assert!(refusal("s3control", "GetBucket", other).contains("leave one out"));
    let plain = json!({"Bucket": "arn:aws:s3:::b", "AccountId": "123456789012"});
    assert!(refusal("s3control", "GetBucket", plain).contains("outpost"));
}

#[test]
fn templates_and_consoles_are_opened() {
    let template = |body: &str| {
        let body = format!(
            "<GetTemplateResponse><GetTemplateResult><TemplateBody>{body}</TemplateBody></GetTemplateResult></GetTemplateResponse>"
        );
        read(
            "cloudformation",
            "GetTemplate",
            json!({"StackName": "s"}),
            &answer(200, &[], &body),
        )
    };
    assert_eq!(
        template("{\"Resources\": {}}")["TemplateBody"],
        json!({"Resources": {}})
    );
    assert_eq!(template("Resources: {}")["TemplateBody"], "Resources: {}");
    let console = |output: &str| {
        let body = format!("<R><output>{output}</output></R>");
        read(
            "ec2",
            "GetConsoleOutput",
            json!({"InstanceId": "i"}),
            &answer(200, &[], &body),
        )
    };
    assert_eq!(console("W29rXf8K\n")["Output"], "[ok]\u{fffd}\n");
    assert_eq!(console("no base64!")["Output"], "no base64!");
}
