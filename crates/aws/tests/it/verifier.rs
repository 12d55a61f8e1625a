//! The verifier against what clients send and what attackers change.

use aws::sigv4::{self, Payload, RawRequest, SigningScope, Verified, Verifier, VerifyError};
use aws::{Call, Credentials, HttpRequest, prepare};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::sigv4_suite::{KEY, SECRET};

fn now() -> Timestamp {
    "2026-03-04T05:06:07Z".parse().unwrap()
}

fn verify(request: &HttpRequest, at: Timestamp) -> Result<Verified, VerifyError> {
    let raw = RawRequest {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &request.headers,
        payload: Payload::Bytes(&request.body),
    };
    Verifier::default().verify(&raw, &|key| (key == KEY).then(|| SECRET.to_owned()), at)
}

/// A call whose path holds an encoded ARN, as the CLI sends it.
fn signed() -> HttpRequest {
    let params = json!({"resourceArn": "arn:aws:ssm-incidents::123456789012:response-plan/p"});
    let call = Call {
        service: "ssm-incidents",
        operation: "list-tags-for-resource",
        params: &params,
        region: "eu-west-1",
        endpoint_url: Some("http://127.0.0.1:8710"),
        token: "t",
        options: aws::CallOptions::defaults(),
    };
    prepare(&call)
        .unwrap()
        .sign(&Credentials::new(KEY, SECRET), now())
        .unwrap()
}

#[test]
fn own_signature_is_accepted() {
    let request = signed();
    assert_eq!(
        request.path,
        "/tags/arn%3Aaws%3Assm-incidents%3A%3A123456789012%3Aresponse-plan%2Fp"
    );
    let verified = verify(&request, now()).unwrap();
    assert_eq!(verified.scope.service, "ssm-incidents");
    assert_eq!(verified.scope.region, "eu-west-1");
    assert!(verified.payload_signed && !verified.presigned);
}

#[test]
fn every_change_is_noticed() {
    let changes: [fn(&mut HttpRequest); 7] = [
        |request| request.method = "DELETE".to_owned(),
        |request| request.path.push('x'),
        |request| request.query = "a=b".to_owned(),
        |request| request.body = "x".into(),
        |request| request.set_header("host", "evil.example.com"),
        |request| request.set_header("x-amz-date", "20260304T050608Z"),
        |request| {
            let authorization = request
                .header("authorization")
                .unwrap()
                .replace("eu-west-1", "us-east-1");
            request.set_header("authorization", authorization);
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        let mut request = signed();
        change(&mut request);
        assert_eq!(
            verify(&request, now()),
            Err(VerifyError::Mismatch),
            "change {at}"
        );
    }
}

#[test]
fn refusals_have_awss_codes() {
    let mut request = signed();
    request.headers.retain(|(name, _)| name != "authorization");
    let error = verify(&request, now()).unwrap_err();
    assert_eq!(
        (error.code(false), error.code(true)),
        (
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException"
        )
    );

    let mut request = signed();
    request.set_header(
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKID/20260304/r/s/aws4_request",
    );
    let error = verify(&request, now()).unwrap_err();
    assert_eq!(
        (error.code(false), error.status(false)),
        ("IncompleteSignature", 400)
    );
    assert!(error.to_string().contains("'SignedHeaders'"), "{error}");

    for authorization in [
        "Bearer x",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=h, Signature=x",
    ] {
        request.set_header("authorization", authorization);
        assert!(
            matches!(verify(&request, now()), Err(VerifyError::Incomplete(_))),
            "{authorization}"
        );
    }

    let mut request = signed();
    let authorization = request
        .header("authorization")
        .unwrap()
        .replace(KEY, "AKIDOTHER");
    request.set_header("authorization", authorization);
    let error = verify(&request, now()).unwrap_err();
    assert_eq!(
        (error.code(false), error.code(true)),
        ("InvalidClientTokenId", "UnrecognizedClientException")
    );

    let mut request = signed();
    let authorization = request
        .header("authorization")
        .unwrap()
        .replace("host;", "");
    request.set_header("authorization", authorization);
    assert!(matches!(
        verify(&request, now()),
        Err(VerifyError::Incomplete(_))
    ));
}

#[test]
fn clocks_may_differ_by_fifteen_minutes() {
    let request = signed();
    let minute = SignedDuration::from_mins(1);
    assert!(verify(&request, now() + minute * 15).is_ok());
    assert!(verify(&request, now() - minute * 15).is_ok());
    let late = verify(&request, now() + minute * 16).unwrap_err();
    assert_eq!(
        late.to_string(),
        "Signature expired: 20260304T050607Z is now earlier than 20260304T050707Z (20260304T052207Z - 15 min.)"
    );
    assert_eq!(
        (late.code(false), late.code(true)),
        ("RequestExpired", "InvalidSignatureException")
    );
    let early = verify(&request, now() - minute * 16).unwrap_err();
    assert!(
        early
            .to_string()
            .starts_with("Signature not yet current: 20260304T050607Z is still later than")
    );
}

/// A presigned URL made by botocore 1.43.11 (`generate_presigned_url`, key and secret of the suite).
#[test]
fn presigned_urls() {
    let base = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260304%2Feu-west-1%2Fsts%2Faws4_request\
                &X-Amz-Date=20260304T050607Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
                &Action=GetCallerIdentity&Version=2011-06-15";
    let headers = vec![("host".to_owned(), "127.0.0.1:8710".to_owned())];
    let raw = RawRequest {
        method: "GET",
        path: "/",
        query: base,
        headers: &headers,
        payload: Payload::Bytes(b""),
    };
    let canonical = sigv4::canonical_request(&raw, &["host"], "sts").unwrap();
    assert!(canonical.contains("\nAction=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm="));
    let request = HttpRequest {
        method: "GET".to_owned(),
        scheme: "http".to_owned(),
        authority: "127.0.0.1:8710".to_owned(),
        path: "/".to_owned(),
        query: format!("{base}&X-Amz-Signature={PRESIGNED}"),
        headers,
        body: "".into(),
    };
    let verified = verify(&request, now()).unwrap();
    assert!(verified.presigned);
    let hour = SignedDuration::from_hours(1);
    assert!(matches!(
        verify(&request, now() + hour),
        Err(VerifyError::Expired(_))
    ));
    assert!(matches!(
        verify(&request, now() - hour),
        Err(VerifyError::Expired(_))
    ));
    let mut longer = request.clone();
    longer.query = longer.query.replace("Expires=60", "Expires=600");
    assert_eq!(verify(&longer, now()), Err(VerifyError::Mismatch));
    longer.query = longer.query.replace("Expires=600", "Expires=604801");
    assert!(matches!(
        verify(&longer, now()),
        Err(VerifyError::Incomplete(_))
    ));
}

/// Signature of the URL above, computed by botocore.
const PRESIGNED: &str = "5238a1038b7c2cea20f27da58546eed6fc6303500a66a361d0a066318b0cadad";

#[test]
fn unsigned_bodies_are_told_apart() {
    let mut request = signed();
    request.headers.retain(|(name, _)| name != "authorization");
    let scope = SigningScope {
        unsigned_payload: true,
        ..SigningScope::new("r", "s3")
    };
    sigv4::sign(&mut request, &Credentials::new(KEY, SECRET), &scope, now());
    assert!(!verify(&request, now()).unwrap().payload_signed);
    request.body = "anything".into();
    assert!(!verify(&request, now()).unwrap().payload_signed);
}

/// Method, path, query, headers beside `host`, `x-amz-date` and the token, body, authorization.
type Sent = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

/// What botocore 1.43.11 sends, signed by it.
const SENT_BY_BOTOCORE: &[Sent] = &[
    (
        "DELETE",
        "/tags/arn%3Aaws%3Assm-incidents%3A%3A123456789012%3Aresponse-plan%2Fp%C3%A9",
        "tagKeys=a%20b&tagKeys=A%2Bc",
        &[],
        "",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/ssm-incidents/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-security-token, \
         Signature=9fb51b37aba29a0bf9f6745f41087204aa08211ec972b7bb03fbbb1d718f9016",
    ),
    (
        "POST",
        "/",
        "",
        &[
            ("X-Amz-Target", "AmazonSSM.GetDocument"),
            ("Content-Type", "application/x-amz-json-1.1"),
        ],
        "{\"Name\": \"é\"}",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/ssm/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, \
         Signature=23adb731b0cabfc946e9df65232ba27b3b252eaf4484c2092e87a6fc37b1bace",
    ),
    (
        "POST",
        "/",
        "",
        &[(
            "Content-Type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )],
        "Action=GetRole&Version=2010-05-08&RoleName=r",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/iam/aws4_request, \
         SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, \
         Signature=eee240c615b9d5e986efb38cc4b3a38a5f3c4f45314ef21b96dc29169cf8bd62",
    ),
    (
        "GET",
        "/b/a%20b//../c%2Bd",
        "list-type=2&prefix=x%2Fy",
        &[(
            "X-Amz-Content-SHA256",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        )],
        "",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260304/eu-west-1/s3/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, \
         Signature=c4be3f2028df58cb12fc5a911600efeac21e67f0775bb9a0347cb0e59393b94f",
    ),
];

#[test]
fn what_botocore_sends_is_accepted() {
    for (method, path, query, headers, body, authorization) in SENT_BY_BOTOCORE {
        let mut all = vec![
            ("Host", "127.0.0.1:8710"),
            ("X-Amz-Date", "20260304T050607Z"),
            ("X-Amz-Security-Token", "tok/en=="),
            ("Authorization", *authorization),
            ("User-Agent", "aws-cli"),
        ];
        all.extend_from_slice(headers);
        let request = HttpRequest {
            method: (*method).to_owned(),
            scheme: "http".to_owned(),
            authority: "127.0.0.1:8710".to_owned(),
            path: (*path).to_owned(),
            query: (*query).to_owned(),
            headers: all
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: (*body).into(),
        };
        let verified =
            verify(&request, now()).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        assert_eq!(verified.session_token.as_deref(), Some("tok/en=="));
        let mut changed = request.clone();
        changed.set_header("x-amz-security-token", "other");
        assert_eq!(verify(&changed, now()), Err(VerifyError::Mismatch));
    }
}
