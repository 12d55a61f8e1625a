//! AWS calls against a stub: what is sent, what comes back, and what is repeated when the answer is lost.

mod repeats;

use std::sync::{Arc, Mutex};

use aws::Credentials;
use bytes::Bytes;
use effects::config::CredentialSource;
use effects::{Local, LocalService, Performer};
use model::effect::AwsCall;
use model::{EffectCommand, Outcome, Recovery};
use ports::{BoxFuture, Effects};
use serde_json::{Value, json};

use crate::http_stub::{Received, Reply, Stub};
use crate::world::{config, done, failed, intent, perform};

pub(crate) fn call(service: &str, operation: &str, params: Value) -> AwsCall {
    AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params,
        region: "eu-west-1".to_owned(),
        assume_role: None,
        timeout_secs: 20,
        spelling: model::effect::Spelling::default(),
    }
}

fn performer(url: String) -> Performer {
    let mut config = config();
    config.aws.endpoint_url = Some(url);
    Performer::new(config).unwrap()
}

fn xml(body: &str) -> Reply {
    Reply::Answer(200, "text/xml", body.to_owned())
}

fn ec2_error(status: u16, code: &str) -> Reply {
    Reply::Answer(
        status,
        "text/xml",
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>told so</Message></Error></Errors><RequestID>req-1</RequestID></Response>"
        ),
    )
}

/// One command of each recovery class.
fn of_class(class: &str) -> (EffectCommand, Recovery) {
    let (service, operation, params, recovery) = match class {
        "read" => ("ec2", "DescribeInstances", json!({}), Recovery::Repeat),
        "idempotent" => (
            "ec2",
            "StopInstances",
            json!({"InstanceIds": ["i-1"]}),
            Recovery::Repeat,
        ),
        "token" => (
            "ec2",
            "RunInstances",
            json!({"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1}),
            Recovery::RepeatWithToken {
                lifetime_secs: 8 * 3600 - 300,
            },
        ),
        "probe" => (
            "ec2",
            "CreateSnapshot",
            json!({"VolumeId": "vol-1"}),
            Recovery::Probe,
        ),
        "ask" => (
            "ec2",
            "RebootInstances",
            json!({"InstanceIds": ["i-1"]}),
            Recovery::Ask,
        ),
        other => panic!("no class {other}"),
    };
    (
        EffectCommand::CallAws(call(service, operation, params)),
        recovery,
    )
}

#[tokio::test]
async fn every_command_has_its_recovery_class() {
    let performer = performer("http://127.0.0.1:9".to_owned());
    for class in ["read", "idempotent", "token", "probe", "ask"] {
        let (command, recovery) = of_class(class);
        assert_eq!(performer.recovery(&command), recovery, "{class}");
    }
    let publish = call("sns", "publish", json!({"TopicArn": "t", "Message": "m"}));
    assert_eq!(
        performer.recovery(&EffectCommand::CallAws(publish)),
        Recovery::Ask
    );
}

#[tokio::test]
async fn a_call_is_signed_sent_and_read() {
    let stub = Stub::start(|_, _| {
        xml("<DescribeInstancesResponse><requestId>req-9</requestId><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><amiLaunchIndex>0</amiLaunchIndex></item></instancesSet></item></reservationSet></DescribeInstancesResponse>")
    })
    .await;
    let command = EffectCommand::CallAws(call(
        "ec2",
        "describe_instances",
        json!({"InstanceIds": ["i-1"], "MaxResults": "5"}),
    ));
    let result = done(perform(&performer(stub.url()), command).await);
    assert_eq!(
        result["Reservations"][0]["Instances"][0]["InstanceId"],
        "i-1"
    );
    assert_eq!(
        result["Reservations"][0]["Instances"][0]["AmiLaunchIndex"],
        0
    );
    assert_eq!(result["ResponseMetadata"]["HTTPStatusCode"], 200);
    assert_eq!(result["ResponseMetadata"]["RequestId"], "req-9");
    let seen = &stub.seen()[0];
    assert!(
        seen.body.contains("Action=DescribeInstances") && seen.body.contains("InstanceId.1=i-1"),
        "{}",
        seen.body
    );
    let signature = seen.header("authorization").unwrap();
    assert!(
        signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
        "{signature}"
    );
    assert!(
        signature.contains("/eu-west-1/ec2/aws4_request"),
        "{signature}"
    );
    assert_eq!(
        seen.header("host"),
        Some(stub.url().trim_start_matches("http://"))
    );
}

#[tokio::test]
async fn a_service_error_keeps_its_words() {
    let stub = Stub::start(|_, _| ec2_error(400, "InvalidInstanceID.NotFound")).await;
    let failure = failed(perform(&performer(stub.url()), of_class("read").0).await);
    assert_eq!(failure.code, "InvalidInstanceID.NotFound");
    assert_eq!(failure.message, "told so");
    assert_eq!(failure.shape, None, "EC2's model has no errors");
    assert_eq!(
        (
            failure.status,
            failure.request_id.as_deref(),
            failure.transient
        ),
        (Some(400), Some("req-1"), false)
    );
    assert_eq!(stub.seen().len(), 1);
}

/// The name that the model has for an error is not always the code on the wire.
#[tokio::test]
async fn an_error_has_the_name_that_the_model_has_for_it() {
    let query = |code: &str| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        );
        Reply::Answer(400, "text/xml", body)
    };
    for (service, operation, params, code, shape) in [
        (
            "iam",
            "DeleteUser",
            json!({"UserName": "u"}),
            "DeleteConflict",
            Some("DeleteConflictException"),
        ),
        (
            "rds",
            "DescribeDBInstances",
            Value::Null,
            "DBInstanceNotFound",
            Some("DBInstanceNotFoundFault"),
        ),
        ("iam", "ListUsers", Value::Null, "AccessDenied", None),
    ] {
        let stub = Stub::start(move |_, _| query(code)).await;
        let call = EffectCommand::CallAws(call(service, operation, params));
        let failure = failed(perform(&performer(stub.url()), call).await);
        assert_eq!(failure.code, code);
        assert_eq!(failure.shape.as_deref(), shape, "{code}");
    }
}

#[tokio::test]
async fn other_protocols_are_spoken_too() {
    let stub = Stub::start(|request: &Received, _| match request.header("x-amz-target") {
        Some("AmazonSSM.GetParameter") => {
            Reply::Answer(200, "application/x-amz-json-1.1", r#"{"Parameter":{"Name":"n","Value":"v","Version":3}}"#.to_owned())
        }
        Some(_) => Reply::Answer(400, "application/x-amz-json-1.1", r#"{"__type":"ParameterNotFound","message":"none"}"#.to_owned()),
        None => xml("<ListUsersResponse><ListUsersResult><Users><member><UserName>u</UserName></member></Users></ListUsersResult></ListUsersResponse>"),
    })
    .await;
    let performer = performer(stub.url());
    let result = done(
        perform(
            &performer,
            EffectCommand::CallAws(call("ssm", "GetParameter", json!({"Name": "n"}))),
        )
        .await,
    );
    assert_eq!(result["Parameter"]["Version"], 3);
    let failure = failed(
        perform(
            &performer,
            EffectCommand::CallAws(call("ssm", "GetParameterHistory", json!({"Name": "n"}))),
        )
        .await,
    );
    assert_eq!(failure.code, "ParameterNotFound");
    assert_eq!(failure.shape.as_deref(), Some("ParameterNotFound"));
    let result = done(
        perform(
            &performer,
            EffectCommand::CallAws(call("iam", "ListUsers", Value::Null)),
        )
        .await,
    );
    assert_eq!(result["Users"][0]["UserName"], "u");
}

#[tokio::test]
async fn an_answer_that_never_comes_ends_by_its_limit() {
    for class in ["read", "ask"] {
        let stub = Stub::start(|_, _| Reply::Hang).await;
        let (EffectCommand::CallAws(mut call), _) = of_class(class) else {
            unreachable!()
        };
        call.timeout_secs = 1;
        let outcome = perform(&performer(stub.url()), EffectCommand::CallAws(call)).await;
        match class {
            "read" => assert_eq!(failed(outcome).code, "Timeout"),
            _ => assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}"),
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_plain_failure_for_every_class() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    for class in ["read", "ask"] {
        let failure = failed(perform(&performer(url.clone()), of_class(class).0).await);
        assert_eq!(
            (failure.code.as_str(), failure.transient),
            ("Network", true),
            "{class}: {}",
            failure.message
        );
    }
}

#[tokio::test]
async fn faults_of_a_call_are_named_and_nothing_is_sent() {
    let stub = Stub::start(|_, _| xml("<R/>")).await;
    let performer = performer(stub.url());
    for (service, operation, params, needle) in [
        ("ec3", "DescribeInstances", json!({}), "ec2"),
        ("ec2", "DescribeInstance", json!({}), "DescribeInstances"),
        (
            "ec2",
            "DescribeInstances",
            json!({"Instances": []}),
            "Instances",
        ),
        ("ec2", "CreateSnapshot", json!({}), "VolumeId"),
        ("ec2", "DescribeInstances", json!("text"), "Parameter"),
    ] {
        let failure = failed(
            perform(
                &performer,
                EffectCommand::CallAws(call(service, operation, params)),
            )
            .await,
        );
        assert_eq!(failure.code, "ParamValidation", "{}", failure.message);
        assert!(failure.message.contains(needle), "{}", failure.message);
    }
    let mut nowhere = call("ec2", "DescribeInstances", json!({}));
    nowhere.region = "eu west 1".to_owned();
    assert_eq!(
        failed(perform(&performer, EffectCommand::CallAws(nowhere)).await).code,
        "ParamValidation"
    );
    assert!(stub.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_given_up() {
    let stub = Stub::start(|_, _| Reply::Answer(200, "text/xml", " ".repeat((10 << 20) + 1))).await;
    let failure = failed(perform(&performer(stub.url()), of_class("read").0).await);
    assert_eq!((failure.code.as_str(), failure.transient), ("Http", false));
    assert_eq!(stub.seen().len(), 1);
}

/// Stands for Quell's own door.
#[derive(Default)]
struct Door(Mutex<Vec<http::Request<Bytes>>>);

impl LocalService for Door {
    fn serves(&self, service: &str, operation: &str) -> bool {
        service == "ssm" && operation == "StartAutomationExecution"
    }

    fn call(&self, request: http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> {
        self.0.lock().unwrap().push(request);
        let body = Bytes::from_static(br#"{"AutomationExecutionId":"a-1"}"#);
        Box::pin(async move {
            http::Response::builder()
                .header("x-amzn-requestid", "q-1")
                .body(body)
                .unwrap()
        })
    }
}

#[tokio::test]
async fn what_quell_serves_itself_stays_in_the_process() {
    let stub =
        Stub::start(|_, _| Reply::Answer(200, "application/x-amz-json-1.1", "{}".to_owned())).await;
    let door = Arc::new(Door::default());
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let service: Arc<dyn LocalService> = Arc::<Door>::clone(&door);
    config.local = Some(Local {
        service,
        credentials: Credentials::new("QUELLINTERNAL", "x"),
        url: "http://127.0.0.1:8710".to_owned(),
    });
    let performer = Performer::new(config).unwrap();
    let start = EffectCommand::CallAws(call(
        "ssm",
        "start_automation_execution",
        json!({"DocumentName": "d"}),
    ));
    let intent = intent(&performer, start);
    let result = done(performer.perform(intent.clone()).await);
    assert_eq!(result["AutomationExecutionId"], "a-1");
    assert_eq!(result["ResponseMetadata"]["RequestId"], "q-1");
    assert!(stub.seen().is_empty());
    let requests = std::mem::take(&mut *door.0.lock().unwrap());
    let signature = requests[0].headers()["authorization"].to_str().unwrap();
    assert!(
        signature.contains("Credential=QUELLINTERNAL/") && signature.contains("/eu-west-1/ssm/"),
        "{signature}"
    );
    let body: Value = serde_json::from_slice(requests[0].body()).unwrap();
    assert_eq!(body["ClientToken"], intent.id.to_string());

    done(
        perform(
            &performer,
            EffectCommand::CallAws(call("ssm", "GetParameter", json!({"Name": "n"}))),
        )
        .await,
    );
    assert_eq!(stub.seen().len(), 1, "everything else goes out");
}

#[tokio::test]
async fn a_server_without_credentials_says_so() {
    let mut config = config();
    config.aws.credentials = CredentialSource::Disabled;
    let failure = failed(perform(&Performer::new(config).unwrap(), of_class("read").0).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("Credentials", false)
    );
}
