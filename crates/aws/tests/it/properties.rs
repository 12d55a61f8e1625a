//! Nothing that comes from outside makes the crate panic, and what it writes it can read.

use std::sync::Arc;

use aws::credentials::profile::Profiles;
use aws::model::{Service, catalog};
use aws::sigv4::{Payload, RawRequest, Verifier};
use aws::{Call, Credentials, HttpResponse, decode_with, prepare, prepare_with, timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((member(), inner), 0..5)
                .prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "InstanceIds",
        "Filters",
        "Name",
        "Values",
        "TagSpecifications",
        "Bucket",
        "Key",
        "x",
    ])
    .prop_map(str::to_owned)
}

fn operation() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("ec2", "DescribeInstances"),
        ("ec2", "RunInstances"),
        ("iam", "GetRole"),
        ("sns", "GetTopicAttributes"),
        ("ssm", "GetParameters"),
        ("dynamodb", "GetItem"),
        ("s3", "PutBucketAcl"),
        ("s3", "ListObjectsV2"),
        ("lambda", "Invoke"),
        ("guardduty", "GetFindings"),
        ("ssm-incidents", "GetIncidentRecord"),
        ("cloudfront", "GetDistribution"),
    ])
}

/// XML and JSON with the names that the models look for, in no sensible order.
fn body() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "<a>",
        "</a>",
        "<item>",
        "</item>",
        "<Error>",
        "</Error>",
        "<Code>",
        "</Code>",
        "<x/>",
        "&amp;",
        "&#x41;",
        "&x;",
        "<!DOCTYPE a>",
        "<![CDATA[",
        "]]>",
        "<?xml?>",
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "\"findings\"",
        "\"Item\"",
        "1",
        "null",
        "true",
        "text",
        "<DescribeInstancesResponse>",
        "</DescribeInstancesResponse>",
        "<reservationSet>",
        "</reservationSet>",
        "\u{0}",
        "é",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A model with every scalar, spoken over the given protocol.
fn echo(protocol: &str) -> Arc<Service> {
    let model = json!({
        "metadata": {"protocol": protocol, "protocols": [protocol], "apiVersion": "1", "endpointPrefix": "e",
            "jsonVersion": "1.1", "targetPrefix": "T"},
        "operations": {"Echo": {"name": "Echo", "http": {"method": "POST", "requestUri": "/"},
            "input": {"shape": "All", "locationName": "All"}, "output": {"shape": "All"}}},
        "shapes": {
            "All": {"type": "structure", "members": {
                "text": {"shape": "Text"}, "number": {"shape": "Long"}, "flag": {"shape": "Flag"},
                "ratio": {"shape": "Double"}, "at": {"shape": "At"},
                "list": {"shape": "List"}, "map": {"shape": "Map"}, "inner": {"shape": "All"}}},
            "Text": {"type": "string"}, "Long": {"type": "long"}, "Flag": {"type": "boolean"},
            "Double": {"type": "double"}, "At": {"type": "timestamp"},
            "List": {"type": "list", "member": {"shape": "Text"}},
            "Map": {"type": "map", "key": {"shape": "Text"}, "value": {"shape": "Long"}},
        },
    });
    Arc::new(Service::from_botocore("echo", &model).unwrap())
}

/// Text that both JSON and XML 1.0 can carry.
const TEXT: &str = "[ -~é\u{1F600}]{1,12}";

fn all(depth: u32) -> BoxedStrategy<Value> {
    let inner = if depth == 0 {
        Just(Value::Null).boxed()
    } else {
        all(depth - 1)
    };
    let fields = (
        TEXT,
        any::<i64>(),
        any::<bool>(),
        -1.0e9..1.0e9_f64,
        0..4_000_000_000_i64,
        prop::collection::vec(TEXT, 0..4),
        prop::collection::btree_map("[a-z]{1,6}", any::<i64>(), 0..4),
        inner,
    );
    fields
        .prop_map(|(text, number, flag, ratio, second, list, map, inner)| {
            let at = timestamp::format_answer(jiff::Timestamp::from_second(second).unwrap());
            let mut value = json!({"text": text, "number": number, "flag": flag, "ratio": ratio, "at": at,
                "list": list, "map": map});
            if !inner.is_null() {
                value["inner"] = inner;
            }
            value
        })
        .boxed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_parameters((service, operation) in operation(), params in any_json()) {
        let call = Call { service, operation, params: &params, region: "eu-west-1", endpoint_url: None, token: "t", options: aws::CallOptions::defaults() };
        if let Ok(prepared) = prepare(&call)
            && let Ok(signed) = prepared.sign(&Credentials::new("a", "b"), jiff::Timestamp::UNIX_EPOCH)
        {
            prop_assert!(signed.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
            prop_assert!(signed.target().bytes().all(|byte| byte.is_ascii_graphic()));
        }
        let _ = aws::knowledge::mutation(service, operation, &params);
        let mut params = params;
        aws::knowledge::inject_token(service, operation, &mut params, "t");
    }

    #[test]
    fn any_answer((service, operation) in operation(), body in body(), status in prop::sample::select(vec![200_u16, 301, 400, 500])) {
        let service = catalog().service(service).unwrap();
        let headers = vec![("x-amzn-errortype".to_owned(), body.chars().take(8).collect())];
        let response = HttpResponse { status, headers, body: body.into() };
        let _ = decode_with(&service, operation, &response);
    }

    #[test]
    fn any_bytes((service, operation) in operation(), body in prop::collection::vec(any::<u8>(), 0..200)) {
        let service = catalog().service(service).unwrap();
        let response = HttpResponse { status: 200, body: body.into(), ..HttpResponse::default() };
        let _ = decode_with(&service, operation, &response);
    }

    #[test]
    fn any_signature(path in ".{0,20}", query in ".{0,60}", value in ".{0,80}") {
        let headers = [("host".to_owned(), "h".to_owned()), ("authorization".to_owned(), format!("AWS4-HMAC-SHA256 {value}"))];
        for headers in [&headers[..1], &headers[..]] {
            let query = format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}");
            let raw = RawRequest { method: "GET", path: &path, query: &query, headers, payload: Payload::Bytes(b"") };
            prop_assert!(Verifier::default().verify(&raw, &|_| Some("s".to_owned()), jiff::Timestamp::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn any_text(text in ".{0,80}") {
        let _ = timestamp::parse(&text);
        let _ = Profiles::parse(&text, &format!("[profile a]\n{text}"));
    }

    /// What a request carries an answer can carry back. REST and JSON bodies are the same on both sides.
    #[test]
    fn round_trip(params in all(2), protocol in prop::sample::select(vec!["json", "rest-json", "rest-xml"])) {
        let service = echo(protocol);
        let call = Call { service: "", operation: "Echo", params: &params, region: "r", endpoint_url: None, token: "", options: aws::CallOptions::defaults() };
        let prepared = prepare_with(service, &call).unwrap();
        let response = HttpResponse { status: 200, body: prepared.request.body.clone(), ..HttpResponse::default() };
        let mut answer = prepared.decode(&response).unwrap();
        answer.as_object_mut().unwrap().remove("ResponseMetadata");
        prop_assert_eq!(answer, params);
    }
}
