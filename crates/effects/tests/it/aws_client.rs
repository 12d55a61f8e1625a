//! The client as commands use it: calls, pages, waits and dry runs, against a stub and a moto server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::Credentials;
use aws::client::{PageLimits, Policy, Request, WaitOverrides};
use bytes::Bytes;
use effects::config::CredentialSource;
use effects::{AwsClient, AwsClientConfig, Local, LocalService};
use ports::BoxFuture;
use serde_json::{Value, json};

use crate::http_stub::{Reply, Stub};
use crate::moto::moto;
use crate::world::config;

fn client(url: &str, change: impl FnOnce(&mut AwsClientConfig)) -> AwsClient {
    let config = config();
    let mut config = AwsClientConfig {
        clock: config.clock,
        entropy: config.entropy,
        aws: config.aws,
        local: None,
    };
    config.aws.endpoint_url = Some(url.to_owned());
    change(&mut config);
    AwsClient::new(&config).unwrap()
}

fn request(service: &str, operation: &str, params: Value) -> Request {
    Request::new(service, operation, params, "eu-west-1")
}

async fn call(client: &AwsClient, service: &str, operation: &str, params: Value) -> Value {
    let request = request(service, operation, params);
    client
        .call(&request, Policy::of(&request))
        .await
        .unwrap()
        .value
}

#[tokio::test]
async fn a_dry_run_shows_the_signed_request_and_sends_nothing() {
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let client = client(&stub.url(), |_| {});
    let stop = request("ec2", "stop_instances", json!({"InstanceIds": ["i-1"]}));
    let shown = client.dry_run(&stop).await.unwrap();
    assert!(String::from_utf8_lossy(&shown.body).contains("Action=StopInstances"));
    let signature = shown.header("authorization").unwrap();
    assert!(signature.contains("Credential=AKIDEXAMPLE/"), "{signature}");
    assert!(stub.seen().is_empty());
    let wrong = request("ec2", "stop_instances", json!({"Instances": 1}));
    let refused = client.dry_run(&wrong).await.unwrap_err();
    assert_eq!((refused.code(), refused.attempts), ("ParamValidation", 0));
}

/// Stands for Quell's own door; answers one page of everything.
#[derive(Default)]
struct Door(Mutex<Vec<String>>);

impl LocalService for Door {
    fn serves(&self, service: &str, _: &str) -> bool {
        service == "ssm-incidents"
    }

    fn call(&self, request: http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> {
        let signature = request.headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned();
        self.0
            .lock()
            .unwrap()
            .push(format!("{} {signature}", request.uri().path()));
        let body = Bytes::from_static(
            br#"{"incidentRecordSummaries":[],"replicationSet":{"status":"ACTIVE"}}"#,
        );
        Box::pin(async move { http::Response::new(body) })
    }
}

#[tokio::test]
async fn pages_and_waits_of_quells_own_services_stay_in_the_process() {
    let stub = Stub::start(|_, _| Reply::Drop).await;
    let door = Arc::new(Door::default());
    let service: Arc<dyn LocalService> = Arc::<Door>::clone(&door);
    let client = client(&stub.url(), |config| {
        // Quell's own services need no keys of AWS.
        config.aws.credentials = CredentialSource::Disabled;
        config.local = Some(Local {
            service,
            credentials: Credentials::new("QUELLINTERNAL", "x"),
            url: "http://127.0.0.1:8710".to_owned(),
        });
    });
    let list = request("ssm-incidents", "ListIncidentRecords", json!({}));
    let limits = PageLimits::default();
    let pages = client.pages(&list, Policy::of(&list), limits).unwrap();
    let whole = pages.collect().await.unwrap();
    assert_eq!(whole["incidentRecordSummaries"], json!([]));
    let set = json!({"arn": "arn:aws:ssm-incidents::123456789012:replication-set/x"});
    let set = request("ssm-incidents", "", set);
    let overrides = WaitOverrides::default();
    let waited = client
        .wait("wait_for_replication_set_active", &set, overrides)
        .await
        .unwrap();
    assert_eq!(waited.attempts, 1);
    let seen = door.0.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|line| line.contains("Credential=QUELLINTERNAL/")),
        "{seen:?}"
    );
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn lists_and_states_of_a_moto_account() {
    let Some(moto) = moto().await else { return };
    let client = client(&moto.url, |_| {});
    for i in 0..23 {
        call(
            &client,
            "iam",
            "CreateUser",
            json!({"UserName": format!("u-{i:02}")}),
        )
        .await;
    }
    users_in_pages(&client).await;
    objects_in_pages(&client).await;
    states(&client).await;
}

async fn users_in_pages(client: &AwsClient) {
    let list = request("iam", "list-users", Value::Null);
    let limits = PageLimits {
        page_size: Some(10),
        ..PageLimits::default()
    };
    let whole = client
        .pages(&list, Policy::of(&list), limits)
        .unwrap()
        .collect()
        .await
        .unwrap();
    let names: Vec<&str> = whole["Users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["UserName"].as_str().unwrap())
        .collect();
    let expected: Vec<String> = (0..23).map(|i| format!("u-{i:02}")).collect();
    assert_eq!(names, expected);
    assert!(whole.get("NextToken").is_none(), "{whole}");
}

async fn objects_in_pages(client: &AwsClient) {
    let bucket =
        json!({"Bucket": "b-1", "CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}});
    call(client, "s3", "CreateBucket", bucket).await;
    for i in 0..7 {
        let object = json!({"Bucket": "b-1", "Key": format!("k {i}"), "Body": "x"});
        call(client, "s3", "PutObject", object).await;
    }
    for operation in ["ListObjectsV2", "ListObjects"] {
        let list = request("s3", operation, json!({"Bucket": "b-1"}));
        let limits = PageLimits {
            page_size: Some(3),
            ..PageLimits::default()
        };
        let mut pages = client.pages(&list, Policy::of(&list), limits).unwrap();
        let mut lengths = Vec::new();
        while let Some(page) = pages.next().await {
            lengths.push(page.unwrap()["Contents"].as_array().unwrap().len());
        }
        assert_eq!(lengths, [3, 3, 1], "{operation}");
    }
}

async fn states(client: &AwsClient) {
    let soon = WaitOverrides {
        delay: Some(Duration::from_millis(100)),
        max_attempts: Some(3),
        ..WaitOverrides::default()
    };
    let bucket = request("s3", "", json!({"Bucket": "b-1"}));
    client.wait("bucket_exists", &bucket, soon).await.unwrap();
    let missing = request("s3", "", json!({"Bucket": "b-2"}));
    client
        .wait("BucketNotExists", &missing, soon)
        .await
        .unwrap();
    let late = client
        .wait("bucket_exists", &missing, soon)
        .await
        .unwrap_err();
    assert!(late.to_string().contains("Max attempts exceeded"), "{late}");
    let images = call(
        client,
        "ec2",
        "DescribeImages",
        json!({"Owners": ["amazon"]}),
    )
    .await;
    let run = json!({"ImageId": images["Images"][0]["ImageId"], "MinCount": 1, "MaxCount": 1});
    let run = call(client, "ec2", "RunInstances", run).await;
    let ids = json!({"InstanceIds": [run["Instances"][0]["InstanceId"]]});
    let instance = request("ec2", "", ids.clone());
    client
        .wait("instance_running", &instance, soon)
        .await
        .unwrap();
    call(client, "ec2", "TerminateInstances", ids).await;
    client
        .wait("instance-terminated", &instance, soon)
        .await
        .unwrap();
    let failed = client
        .wait("instance_running", &instance, soon)
        .await
        .unwrap_err();
    assert!(
        failed.to_string().contains("terminal failure state"),
        "{failed}"
    );
}
