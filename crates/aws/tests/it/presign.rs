//! Presigned URLs: verified by our own verifier, and equal to botocore's where it is installed.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use aws::sigv4::{Payload, PresignError, RawRequest, Verifier, VerifyError};
use aws::{AddressingStyle, Call, CallOptions, Credentials, Error, HttpRequest, Prepared, prepare};
use serde_json::{Value, json};

const AT: &str = "2026-03-04T05:06:07Z";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn credentials(token: Option<&str>) -> Credentials {
    let mut credentials = Credentials::new("AKIDEXAMPLE", SECRET);
    credentials.session_token = token.map(str::to_owned);
    credentials
}

fn prepared((service, operation, params, region): (&str, &str, &Value, &str)) -> Prepared {
    let mut options = CallOptions::new();
    options.s3.addressing_style = AddressingStyle::Path;
    prepare(&Call {
        service,
        operation,
        params,
        region,
        endpoint_url: None,
        token: "00000000-0000-4000-8000-000000000000",
        options: &options,
    })
    .unwrap()
}

/// Service, operation, region, parameters, and the method if another than the model's.
fn table() -> Vec<(
    &'static str,
    &'static str,
    &'static str,
    Value,
    Option<&'static str>,
)> {
    vec![
        (
            "s3",
            "GetObject",
            "eu-west-1",
            json!({"Bucket": "my-bucket", "Key": "a/b c/ü+~.txt"}),
            None,
        ),
        (
            "s3",
            "GetObject",
            "us-west-2",
            json!({"Bucket": "my-bucket", "Key": "k", "VersionId": "v&1", "ResponseContentType": "text/plain; x=y"}),
            None,
        ),
        (
            "s3",
            "ListObjectsV2",
            "eu-central-1",
            json!({"Bucket": "my-bucket", "Prefix": "a b/", "MaxKeys": 5}),
            None,
        ),
        (
            "s3",
            "HeadObject",
            "eu-central-1",
            json!({"Bucket": "my-bucket", "Key": "k"}),
            None,
        ),
        (
            "s3",
            "PutObject",
            "eu-central-1",
            json!({"Bucket": "my-bucket", "Key": "k"}),
            None,
        ),
        (
            "s3",
            "DeleteObject",
            "eu-central-1",
            json!({"Bucket": "my-bucket", "Key": "k"}),
            None,
        ),
        (
            "sts",
            "GetCallerIdentity",
            "eu-west-1",
            json!({}),
            Some("GET"),
        ),
        (
            "sts",
            "AssumeRole",
            "eu-west-1",
            json!({"RoleArn": "arn:aws:iam::123456789012:role/a b", "RoleSessionName": "me"}),
            Some("GET"),
        ),
        (
            "ec2",
            "DescribeInstances",
            "eu-west-1",
            json!({"InstanceIds": ["i-1", "i-2"]}),
            Some("GET"),
        ),
        (
            "rds",
            "DescribeDBInstances",
            "eu-west-1",
            json!({"MaxRecords": 20}),
            Some("GET"),
        ),
        (
            "lambda",
            "ListTags",
            "eu-west-1",
            json!({"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f"}),
            None,
        ),
    ]
}

/// The URL's parts without the order of its parameters.
fn parts(url: &str) -> (String, BTreeMap<String, String>) {
    let (address, query) = url.split_once('?').unwrap();
    let pairs = query.split('&').map(|pair| {
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    (address.to_owned(), pairs.collect())
}

fn verify(url: &str, method: &str, at: &str) -> Result<bool, VerifyError> {
    let (_, rest) = url.split_once("://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let (path, query) = target.split_once('?').unwrap();
    let headers = [("host".to_owned(), host.to_owned())];
    let request = RawRequest {
        method,
        path,
        query,
        headers: &headers,
        payload: Payload::Bytes(b""),
    };
    let verified =
        Verifier::default().verify(&request, &|_| Some(SECRET.to_owned()), at.parse().unwrap())?;
    Ok(verified.presigned)
}

#[test]
fn urls_are_verified_until_they_end() {
    for (service, operation, region, params, method) in table() {
        for token in [None, Some("FwoG/+=token")] {
            let mut call = prepared((service, operation, &params, region));
            if let Some(method) = method {
                call.request.method = method.to_owned();
            }
            let url = call
                .presign(&credentials(token), AT.parse().unwrap(), 900)
                .unwrap();
            assert_eq!(
                verify(&url.url, &url.method, "2026-03-04T05:21:07Z"),
                Ok(true),
                "{service} {operation}"
            );
            let late = verify(&url.url, &url.method, "2026-03-04T05:21:08Z");
            assert!(matches!(late, Err(VerifyError::Expired(_))), "{late:?}");
            let forged = url.url.replace(region, "us-gov-east-1");
            assert!(verify(&forged, &url.method, AT).is_err(), "{forged}");
            let other = verify(&url.url, "PATCH", AT);
            assert_eq!(other, Err(VerifyError::Mismatch));
            assert!(!format!("{url:?}").contains("Signature"));
        }
    }
}

#[test]
fn lives_are_one_second_to_seven_days() {
    let params = json!({});
    let call = prepared(("sts", "GetCallerIdentity", &params, "eu-west-1"));
    for (life, fits) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
        let found = call.presign(&credentials(None), AT.parse().unwrap(), life);
        match found {
            Err(error) => {
                assert!(!fits);
                assert_eq!(error, Error::Presign(PresignError::Expires(life)));
            }
            Ok(_) => assert!(fits, "{life}"),
        }
    }
}

#[test]
fn headers_of_the_request_are_signed_and_told() {
    // As EKS wants its token: a header names the cluster.
    let params = json!({});
    let mut call = prepared(("sts", "GetCallerIdentity", &params, "eu-west-1"));
    call.request.method = "GET".to_owned();
    call.request.set_header("x-k8s-aws-id", "my-cluster");
    let url = call
        .presign(&credentials(None), AT.parse().unwrap(), 60)
        .unwrap();
    let (_, query) = parts(&url.url);
    assert_eq!(query["X-Amz-SignedHeaders"], "host%3Bx-k8s-aws-id");
    assert_eq!(query["Action"], "GetCallerIdentity");
    assert_eq!(
        url.headers,
        [("x-k8s-aws-id".to_owned(), "my-cluster".to_owned())]
    );
    assert!(url.body.is_empty());
}

#[test]
fn a_body_that_is_no_form_is_signed_unless_it_is_for_s3() {
    let params = json!({"SecretId": "s"});
    let call = prepared(("secretsmanager", "GetSecretValue", &params, "eu-west-1"));
    let url = call
        .presign(&credentials(None), AT.parse().unwrap(), 60)
        .unwrap();
    let body: Value = serde_json::from_slice(&url.body).unwrap();
    assert_eq!(body, params);
    let told: Vec<&str> = url.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        told.contains(&"x-amz-target") && told.contains(&"content-type"),
        "{told:?}"
    );
}

fn form(request: &HttpRequest) -> BTreeMap<String, String> {
    let body = std::str::from_utf8(&request.body).unwrap();
    parts(&format!("x?{body}")).1
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[test]
fn copies_between_regions_bring_their_url() {
    let params =
        json!({"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-1", "Description": "a b"});
    let call = prepared(("ec2", "CopySnapshot", &params, "eu-west-1"));
    let signed = call
        .sign(&credentials(Some("tok")), AT.parse().unwrap())
        .unwrap();
    let fields = form(&signed);
    assert_eq!(fields["DestinationRegion"], "eu-west-1");
    assert_eq!(fields["SourceRegion"], "us-west-2");
    let url = decoded(&fields["PresignedUrl"]);
    let (address, query) = parts(&url);
    assert_eq!(address, "https://ec2.us-west-2.amazonaws.com/");
    assert!(query["X-Amz-Credential"].contains("us-west-2"));
    assert_eq!(query["DestinationRegion"], "eu-west-1");
    assert_eq!(verify(&url, "GET", AT), Ok(true));
    // The request itself fits its signature with the URL in it.
    let verified = Verifier::default().verify(
        &RawRequest {
            method: &signed.method,
            path: &signed.path,
            query: &signed.query,
            headers: &signed.headers,
            payload: Payload::Bytes(&signed.body),
        },
        &|_| Some(SECRET.to_owned()),
        AT.parse().unwrap(),
    );
    assert!(verified.unwrap().payload_signed);

    let params = json!({"SourceRegion": "us-west-2", "SourceSnapshotId": "snap-1", "PresignedUrl": "https://mine"});
    let given = prepared(("ec2", "CopySnapshot", &params, "eu-west-1"));
    let signed = given.sign(&credentials(None), AT.parse().unwrap()).unwrap();
    assert_eq!(decoded(&form(&signed)["PresignedUrl"]), "https://mine");

    let params = json!({"SourceRegion": "us-west-2", "SourceDBSnapshotIdentifier": "arn:aws:rds:us-west-2:1:snapshot:s",
        "TargetDBSnapshotIdentifier": "t"});
    let call = prepared(("rds", "CopyDBSnapshot", &params, "eu-west-1"));
    let fields = form(&call.sign(&credentials(None), AT.parse().unwrap()).unwrap());
    assert!(!fields.contains_key("SourceRegion") && !fields.contains_key("DestinationRegion"));
    let url = decoded(&fields["PreSignedUrl"]);
    assert_eq!(parts(&url).1["DestinationRegion"], "eu-west-1");
    assert_eq!(verify(&url, "GET", AT), Ok(true));

    let params = json!({"SourceDBSnapshotIdentifier": "s", "TargetDBSnapshotIdentifier": "t"});
    let here = prepared(("rds", "CopyDBSnapshot", &params, "eu-west-1"));
    let fields = form(&here.sign(&credentials(None), AT.parse().unwrap()).unwrap());
    assert!(!fields.contains_key("PreSignedUrl"));
}

const ORACLE: &str = r#"
import sys, json, datetime
import botocore.session, botocore.auth, botocore.compat
from botocore.config import Config
at = datetime.datetime.strptime(sys.argv[1], '%Y-%m-%dT%H:%M:%SZ')
for module in (botocore.auth, botocore.compat):
    if hasattr(module, 'get_current_datetime'):
        module.get_current_datetime = lambda remove_tzinfo=True: at
from botocore import xform_name
out = []
for service, operation, region, params, method, token in json.load(sys.stdin):
    session = botocore.session.get_session()
    client = session.create_client(service, region_name=region, aws_access_key_id='AKIDEXAMPLE',
        aws_secret_access_key='wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', aws_session_token=token,
        config=Config(signature_version='s3v4' if service == 's3' else None, s3={'addressing_style': 'path'}))
    out.append(client.generate_presigned_url(xform_name(operation), Params=params, ExpiresIn=900, HttpMethod=method))
print(json.dumps(out))
"#;

/// The URLs that botocore makes; `None` with a note where there is none.
fn botocore_urls(asked: &Value) -> Option<Vec<String>> {
    let venv = std::env::var("QUELL_VENV")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv").to_owned());
    let python = format!("{venv}/bin/python");
    let child = Command::new(&python)
        .args(["-c", ORACLE, AT])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("not run: no `{python}`; set QUELL_VENV");
        return None;
    };
    serde_json::to_writer(child.stdin.take().unwrap(), asked).unwrap();
    let output = child.wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    if words.contains("No module named 'botocore'") {
        println!("not run: `{python}` has no botocore");
        return None;
    }
    assert!(output.status.success(), "{words}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn urls_are_botocores() {
    let mut asked = Vec::new();
    let mut ours = Vec::new();
    for (service, operation, region, params, method) in table() {
        for token in [None, Some("FwoG/+=token")] {
            let mut call = prepared((service, operation, &params, region));
            if let Some(method) = method {
                call.request.method = method.to_owned();
            }
            let url = call
                .presign(&credentials(token), AT.parse().unwrap(), 900)
                .unwrap();
            ours.push((format!("{service} {operation}"), url.url));
            asked.push(json!([service, operation, region, params, method, token]));
        }
    }
    let Some(theirs) = botocore_urls(&Value::Array(asked)) else {
        return;
    };
    assert_eq!(ours.len(), theirs.len());
    for ((what, ours), theirs) in ours.iter().zip(&theirs) {
        assert_eq!(parts(ours), parts(theirs), "{what}");
    }
}
