//! Whole calls: JSON to a signed request, answers to JSON, for services that a responder uses.

use aws::model::catalog;
use aws::{Call, Credentials, Error, FailureKind, HttpResponse, Prepared, prepare};
use serde_json::{Value, json};

fn call(service: &str, operation: &str, params: Value) -> Result<Prepared, Error> {
    prepare(&Call {
        service,
        operation,
        params: &params,
        region: "eu-west-1",
        endpoint_url: Some("http://127.0.0.1:5555"),
        token: "tok-1",
        options: aws::CallOptions::defaults(),
    })
}

fn body(prepared: &Prepared) -> String {
    String::from_utf8(prepared.request.body.to_vec()).unwrap()
}

fn answer(status: u16, kind: &str, body: &str) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![
            ("Content-Type".to_owned(), kind.to_owned()),
            ("x-amzn-RequestId".to_owned(), "req-1".to_owned()),
        ],
        body: body.to_owned().into(),
    }
}

#[test]
fn operations_in_every_spelling() {
    for operation in [
        "DescribeInstances",
        "describe_instances",
        "describe-instances",
        "describeInstances",
    ] {
        let prepared = call("ec2", operation, json!({"InstanceIds": ["i-1"]})).unwrap();
        assert_eq!(prepared.operation(), "DescribeInstances");
        assert_eq!(
            body(&prepared),
            "Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1"
        );
    }
}

#[test]
fn text_becomes_what_the_model_wants() {
    let params = json!({
        "ImageId": "ami-1", "MinCount": "1", "MaxCount": "5", "EbsOptimized": "True", "DisableApiTermination": "false",
        "BlockDeviceMappings": "[{\"DeviceName\": \"/dev/xvda\", \"Ebs\": {\"VolumeSize\": \"8\"}}]",
        "UserData": "#!/bin/sh",
    });
    let prepared = call("ec2", "RunInstances", params).unwrap();
    let body = body(&prepared);
    for part in [
        "&MaxCount=5&",
        "&EbsOptimized=true&",
        "&DisableApiTermination=false&",
        "&BlockDeviceMapping.1.Ebs.VolumeSize=8",
        "&UserData=IyEvYmluL3No",
        "&ClientToken=tok-1",
    ] {
        assert!(body.contains(part), "{part} in {body}");
    }
    let params = json!({"Name": "/p", "Value": 5, "Overwrite": "true", "Type": "String"});
    let prepared = call("ssm", "PutParameter", params).unwrap();
    let sent: Value = serde_json::from_slice(&prepared.request.body).unwrap();
    assert_eq!(
        sent,
        json!({"Name": "/p", "Value": "5", "Overwrite": true, "Type": "String"})
    );
    assert_eq!(
        prepared.request.header("x-amz-target"),
        Some("AmazonSSM.PutParameter")
    );
}

#[test]
fn wrong_parameters_are_found_before_sending() {
    let error = call(
        "ec2",
        "StopInstances",
        json!({"InstanceId": "i-1", "Force": "perhaps"}),
    )
    .unwrap_err()
    .to_string();
    assert_eq!(
        error,
        "Parameter validation failed:\n\
         Missing required parameter in input: \"InstanceIds\"\n\
         Unknown parameter in input: \"InstanceId\", must be one of: InstanceIds, Hibernate, SkipOsShutdown, DryRun, Force\n\
         Invalid type for parameter Force, value: perhaps, type: <class 'str'>, valid types: <class 'bool'>"
    );
    let nested = json!({"GroupId": "sg-1", "IpPermissions": [{"FromPort": "ssh"}]});
    let error = call("ec2", "AuthorizeSecurityGroupIngress", nested)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Invalid type for parameter IpPermissions[0].FromPort, value: ssh"),
        "{error}"
    );
    let error = call("ssm", "GetParameter", json!({"Name": ""}))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Invalid length for parameter Name, value: 0, valid min length: 1"),
        "{error}"
    );
    let error = call("ec2", "DescribeInstance", json!({}))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("did you mean `DescribeInstances`"),
        "{error}"
    );
    assert!(matches!(
        call("logs", "StartLiveTail", json!({})),
        Err(Error::EventStream { .. })
    ));
    let error = call(
        "s3",
        "HeadBucket",
        json!({"Bucket": "b", "ExpectedBucketOwner": "1\r\nx: y"}),
    )
    .unwrap_err();
    assert!(error.to_string().contains("control characters"), "{error}");
}

#[test]
fn s3_calls_carry_paths_bodies_and_checksums() {
    let block = json!({"BlockPublicAcls": true, "RestrictPublicBuckets": "True"});
    let params = json!({"Bucket": "b", "PublicAccessBlockConfiguration": block});
    let prepared = call("s3", "PutPublicAccessBlock", params).unwrap();
    let request = &prepared.request;
    assert_eq!(
        (request.method.as_str(), request.target().as_str()),
        ("PUT", "/b?publicAccessBlock")
    );
    assert_eq!(
        body(&prepared),
        "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><BlockPublicAcls>true\
         </BlockPublicAcls><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
    );
    assert!(request.header("x-amz-checksum-crc32").is_some());
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let signed = prepared
        .sign(&Credentials::new("AKID", "secret"), at)
        .unwrap();
    assert!(signed.header("x-amz-content-sha256").is_some());
    assert!(
        signed
            .header("authorization")
            .unwrap()
            .contains("/eu-west-1/s3/aws4_request")
    );

    let prepared = call("s3", "get-object", json!({"Bucket": "b", "Key": "a b/c+d"})).unwrap();
    assert_eq!(prepared.request.path, "/b/a%20b/c%2Bd");
    let text = prepared
        .decode(&answer(200, "text/plain", "hello"))
        .unwrap();
    assert_eq!(
        (&text["Body"], &text["ContentType"]),
        (&json!("hello"), &json!("text/plain"))
    );
    let prepared = call("s3", "GetBucketLocation", json!({"Bucket": "b"})).unwrap();
    let location =
        "<?xml version=\"1.0\"?><LocationConstraint xmlns=\"u\">eu-west-1</LocationConstraint>";
    assert_eq!(
        prepared.decode(&answer(200, "", location)).unwrap()["LocationConstraint"],
        "eu-west-1"
    );
    let prepared = call(
        "s3",
        "CopyObject",
        json!({"Bucket": "b", "Key": "k", "CopySource": "b/x"}),
    )
    .unwrap();
    let late = "<Error><Code>InternalError</Code><Message>m</Message></Error>";
    assert_eq!(
        prepared.decode(&answer(200, "", late)).unwrap_err().code,
        "InternalError"
    );

    let params = json!({"AccountId": "123456789012", "PublicAccessBlockConfiguration": block});
    let prepared = call("s3control", "PutPublicAccessBlock", params.clone()).unwrap();
    assert_eq!(prepared.request.authority, "127.0.0.1:5555");
    assert_eq!(
        prepared.request.header("x-amz-account-id"),
        Some("123456789012")
    );
    let real = Call {
        service: "s3control",
        operation: "PutPublicAccessBlock",
        params: &params,
        region: "eu-west-1",
        endpoint_url: None,
        token: "",
        options: aws::CallOptions::defaults(),
    };
    assert_eq!(
        prepare(&real).unwrap().request.authority,
        "123456789012.s3-control.eu-west-1.amazonaws.com"
    );
}

#[test]
fn answers_have_boto3s_shape() {
    let prepared = call("ec2", "DescribeInstances", json!({})).unwrap();
    let xml = r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r-9</requestId>
        <reservationSet><item><reservationId>r-1</reservationId><groupSet/><instancesSet><item>
        <instanceId>i-1</instanceId><launchTime>2026-01-02T03:04:05.000Z</launchTime><ebsOptimized>false</ebsOptimized>
        <instanceState><code>16</code><name>running</name></instanceState>
        <tagSet><item><key>a&amp;b</key><value/></item></tagSet></item></instancesSet></item></reservationSet>
        </DescribeInstancesResponse>"#;
    // moto labels XML as HTML.
    let answer_json = prepared
        .decode(&answer(200, "text/html; charset=utf-8", xml))
        .unwrap();
    assert_eq!(
        answer_json["Reservations"],
        json!([{"ReservationId": "r-1", "Groups": [], "Instances": [{"InstanceId": "i-1",
            "LaunchTime": "2026-01-02T03:04:05+00:00", "EbsOptimized": false,
            "State": {"Code": 16, "Name": "running"}, "Tags": [{"Key": "a&b", "Value": ""}]}]}])
    );
    assert_eq!(answer_json["ResponseMetadata"]["RequestId"], "r-9");
    assert_eq!(answer_json["ResponseMetadata"]["HTTPStatusCode"], 200);
    assert_eq!(answer_json.get("NextToken"), None);
}

#[test]
fn errors_keep_code_message_status_and_id() {
    let ec2 = call("ec2", "DescribeInstances", json!({})).unwrap();
    let xml = "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>no i-1</Message></Error></Errors>\
               <RequestID>r-2</RequestID></Response>";
    let error = ec2.decode(&answer(400, "text/xml", xml)).unwrap_err();
    assert_eq!(
        (
            error.code.as_str(),
            error.status,
            error.request_id.as_deref()
        ),
        ("InvalidInstanceID.NotFound", 400, Some("r-2"))
    );
    assert_eq!(
        error.to_string(),
        "no i-1 (Service: ec2; Status Code: 400; Error Code: InvalidInstanceID.NotFound; Request ID: r-2)"
    );
    let ssm = call("ssm", "GetParameter", json!({"Name": "/p"})).unwrap();
    let json_error = r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"gone"}"#;
    let error = ssm
        .decode(&answer(400, "application/x-amz-json-1.1", json_error))
        .unwrap_err();
    assert_eq!(
        (error.code.as_str(), error.message.as_str()),
        ("ParameterNotFound", "gone")
    );
    assert_eq!(error.request_id.as_deref(), Some("req-1"));
    assert_eq!(error.detail.get("message"), Some(&json!("gone")));
}

#[test]
fn pages_instead_of_answers() {
    let page = "<!doctype html>\n<html lang=en>\n<title>500 Internal Server Error</title>";
    for (service, operation, params) in [
        ("ec2", "DescribeInstances", json!({})),
        ("ssm", "ListDocuments", json!({})),
        ("s3", "ListBuckets", json!({})),
        ("guardduty", "ListDetectors", json!({})),
    ] {
        let prepared = call(service, operation, params).unwrap();
        for status in [200, 404, 500] {
            let error = prepared
                .decode(&answer(status, "text/html", page))
                .unwrap_err();
            assert_eq!(
                error.kind,
                FailureKind::NotImplementedByTarget,
                "{service} {status}"
            );
            assert!(!aws::retry::is_retryable(&error));
        }
        let gateway = prepared
            .decode(&answer(503, "text/html", page))
            .unwrap_err();
        assert!(aws::retry::is_retryable(&gateway), "{service}");
        let truncated = prepared
            .decode(&answer(200, "", "<Trunc"))
            .err()
            .or(prepared.decode(&answer(200, "", "{\"a\"")).err());
        assert_eq!(truncated.unwrap().kind, FailureKind::Unreadable);
    }
    let prepared = call("ssm", "ListDocuments", json!({})).unwrap();
    let huge = HttpResponse {
        status: 200,
        body: vec![b' '; aws::MAX_ANSWER + 1].into(),
        ..HttpResponse::default()
    };
    assert_eq!(
        prepared.decode(&huge).unwrap_err().kind,
        FailureKind::Unreadable
    );
}

#[test]
fn iam_policies_are_opened() {
    let prepared = call("iam", "GetRole", json!({"RoleName": "r"})).unwrap();
    let xml = "<GetRoleResponse><GetRoleResult><Role><RoleName>r</RoleName><AssumeRolePolicyDocument>\
               %7B%22Version%22%3A%222012-10-17%22%7D</AssumeRolePolicyDocument></Role></GetRoleResult>\
               <ResponseMetadata><RequestId>q</RequestId></ResponseMetadata></GetRoleResponse>";
    let role = prepared.decode(&answer(200, "text/xml", xml)).unwrap();
    assert_eq!(
        role["Role"]["AssumeRolePolicyDocument"],
        json!({"Version": "2012-10-17"})
    );
    assert_eq!(role["ResponseMetadata"]["RequestId"], "q");
}

#[test]
fn web_identity_goes_unsigned() {
    let params = json!({"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "run", "WebIdentityToken": "eyJh"});
    let prepared = call("sts", "AssumeRoleWithWebIdentity", params).unwrap();
    assert!(prepared.signing.is_unsigned());
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let sent = prepared.sign(&Credentials::new("a", "b"), at).unwrap();
    assert_eq!(sent.header("authorization"), None);
}

#[test]
fn only_a_signature_that_the_service_takes_is_written() {
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let keys = Credentials::new("a", "b");
    let old = call("sdb", "ListDomains", json!({})).unwrap();
    let error = old.sign(&keys, at).unwrap_err().to_string();
    assert!(
        error.contains("`ListDomains` of `sdb` cannot be signed with `sigv2`"),
        "{error}"
    );
    let token = call("codecatalyst", "VerifySession", json!({})).unwrap();
    assert!(matches!(
        token.sign(&keys, at),
        Err(Error::Signature { scheme, .. }) if scheme == "bearer"
    ));
    let sent = token.bear("abc.def").unwrap();
    assert_eq!(sent.header("authorization"), Some("Bearer abc.def"));
    assert!(token.bear("a b\r\n").is_err());
    assert!(
        call("sts", "GetCallerIdentity", json!({}))
            .unwrap()
            .bear("t")
            .is_err()
    );
}

/// A call that gives every required member a value can be written for every operation that is not refused.
#[test]
fn every_operation_with_no_required_member_can_be_written() {
    let mut written = 0;
    for name in catalog().names() {
        let service = catalog().service(name).unwrap();
        for operation in &service.operations {
            match call(name, operation.name, Value::Null) {
                Ok(_) => written += 1,
                Err(Error::Parameters(_) | Error::EventStream { .. }) => {}
                Err(other) => panic!("{name}:{}: {other}", operation.name),
            }
        }
    }
    assert!(written > 2_500, "{written}");
}
