//! Calls against a real moto server, from `QUELL_MOTO`, the project's virtual environment, or `PATH`.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use effects::Performer;
use model::EffectCommand;
use model::effect::{AssumeRole, ScriptCall};
use ports::{Effects, Probe};
use serde_json::{Value, json};

use crate::aws_calls::call;
use crate::world::{config, done, failed, intent, perform, scripts};

/// A moto server of its own; it ends with the test.
pub(crate) struct Moto {
    child: Child,
    pub(crate) url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("QUELL_MOTO") {
        return path.into();
    }
    let own = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../.venv/bin/moto_server"
    ));
    if own.is_file() {
        own
    } else {
        PathBuf::from("moto_server")
    }
}

pub(crate) async fn moto() -> Option<Moto> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let started = Command::new(program())
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = started else {
        eprintln!("not run: no moto_server (set QUELL_MOTO)");
        return None;
    };
    let mut moto = Moto {
        child,
        url: format!("http://127.0.0.1:{port}"),
    };
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return Some(moto);
        }
        if let Ok(Some(status)) = moto.child.try_wait() {
            eprintln!("not run: moto_server ended with {status}");
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("moto_server does not answer within a minute");
}

async fn ask(performer: &Performer, service: &str, operation: &str, params: Value) -> Value {
    done(
        perform(
            performer,
            EffectCommand::CallAws(call(service, operation, params)),
        )
        .await,
    )
}

#[tokio::test]
async fn calls_reach_moto_and_come_back() {
    let Some(moto) = moto().await else { return };
    let scratch = tempfile::tempdir().unwrap();
    let mut config = config();
    config.aws.endpoint_url = Some(moto.url.clone());
    config.scripts = scripts(scratch.path().to_path_buf());
    let has_python = config.scripts.is_some();
    let performer = Performer::new(config).unwrap();

    let volume = run_and_tag_an_instance(&performer).await;
    look_up_a_snapshot(&performer, &volume).await;
    act_as_a_role(&performer).await;
    if has_python {
        call_from_a_script(&performer).await;
    }
    let missing = call("ssm", "DescribeInstanceInformation", json!({}));
    let failure = failed(perform(&performer, EffectCommand::CallAws(missing)).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("NotImplementedByTarget", false)
    );
}

/// Gives the id of the instance's volume.
async fn run_and_tag_an_instance(performer: &Performer) -> Value {
    let images = ask(
        performer,
        "ec2",
        "DescribeImages",
        json!({"Owners": ["amazon"]}),
    )
    .await;
    let run = json!({"ImageId": images["Images"][0]["ImageId"], "MinCount": 1, "MaxCount": 1});
    let instance =
        ask(performer, "ec2", "RunInstances", run).await["Instances"][0]["InstanceId"].clone();
    let tags = json!([{"Key": "a&b", "Value": "ü <x>"}]);
    ask(
        performer,
        "ec2",
        "CreateTags",
        json!({"Resources": [instance], "Tags": tags}),
    )
    .await;
    let found = ask(
        performer,
        "ec2",
        "DescribeInstances",
        json!({"InstanceIds": [instance]}),
    )
    .await;
    let found = &found["Reservations"][0]["Instances"][0];
    assert_eq!(found["Tags"], tags);
    let absent = call(
        "ec2",
        "DescribeInstances",
        json!({"InstanceIds": ["i-0123456789abcdef0"]}),
    );
    let failure = failed(perform(performer, EffectCommand::CallAws(absent)).await);
    assert_eq!(
        (failure.code.as_str(), failure.status),
        ("InvalidInstanceID.NotFound", Some(400))
    );
    found["BlockDeviceMappings"][0]["Ebs"]["VolumeId"].clone()
}

/// A script calls AWS through boto3, from inside the sandbox, as its role.
async fn call_from_a_script(performer: &Performer) {
    let script = "
def run(events, context):
    try:
        import boto3
    except ModuleNotFoundError:
        return 'no boto3'
    name = events['Name']
    boto3.client('ec2').create_security_group(GroupName=name, Description='made by a script')
    return boto3.client('sts').get_caller_identity()['Arn']
";
    let run = EffectCommand::RunScript(ScriptCall {
        attachment: None,
        runtime: "python3.11".to_owned(),
        handler: "run".to_owned(),
        script: script.to_owned(),
        payload: json!({"Name": "quarantine"}),
        isolated: false,
        assume_role: Some(AssumeRole {
            role_arn: "arn:aws:iam::123456789012:role/scripts".to_owned(),
            session_name: "run-8".to_owned(),
            ..AssumeRole::default()
        }),
        region: "eu-west-1".to_owned(),
        timeout_secs: 60,
    });
    let answer = done(perform(performer, run).await)["Payload"].clone();
    if answer == "no boto3" {
        eprintln!("not run: python3 has no boto3");
        return;
    }
    assert!(
        answer.as_str().unwrap().ends_with("scripts/run-8"),
        "{answer}"
    );
    let groups = ask(
        performer,
        "ec2",
        "DescribeSecurityGroups",
        json!({"GroupNames": ["quarantine"]}),
    )
    .await;
    assert_eq!(
        groups["SecurityGroups"][0]["Description"],
        "made by a script"
    );
}

async fn look_up_a_snapshot(performer: &Performer, volume: &Value) {
    let create = EffectCommand::CallAws(call("ec2", "CreateSnapshot", json!({"VolumeId": volume})));
    let intent = intent(performer, create);
    assert_eq!(performer.probe(intent.clone()).await, Probe::NotHappened);
    let snapshot = done(performer.perform(intent.clone()).await)["SnapshotId"].clone();
    match performer.probe(intent).await {
        Probe::Happened(found) => assert_eq!(found["SnapshotId"], snapshot),
        other => panic!("{other:?}"),
    }
}

async fn act_as_a_role(performer: &Performer) {
    let own = ask(performer, "sts", "GetCallerIdentity", Value::Null).await;
    let mut as_role = call("sts", "GetCallerIdentity", Value::Null);
    as_role.assume_role = Some(AssumeRole {
        role_arn: "arn:aws:iam::210987654321:role/responder".to_owned(),
        session_name: "run-7".to_owned(),
        ..AssumeRole::default()
    });
    let identity = done(perform(performer, EffectCommand::CallAws(as_role)).await);
    assert_eq!(identity["Account"], "210987654321", "{identity}");
    assert_ne!(identity["Arn"], own["Arn"]);
    assert!(
        identity["Arn"]
            .as_str()
            .unwrap()
            .ends_with("responder/run-7"),
        "{identity}"
    );
}
