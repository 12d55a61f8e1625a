//! Credential sources and assumed roles against stubs.

use effects::Performer;
use effects::config::{CredentialSource, Environment};
use model::EffectCommand;
use model::effect::{AssumeRole, ScriptCall};
use serde_json::{Value, json};

use crate::aws_calls::call;
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{RealClock, config, done, failed, perform, scripts};
use ports::Clock;

/// Answers STS with keys named after the role, everything else with an empty answer.
pub(crate) fn aws(request: &Received, session_secs: i64) -> Reply {
    if !request.body.contains("Action=AssumeRole") {
        return Reply::Answer(
            200,
            "text/xml",
            "<R><requestId>r</requestId></R>".to_owned(),
        );
    }
    let end = RealClock::start().now() + jiff::SignedDuration::from_secs(session_secs);
    let action = if request.body.contains("WithWebIdentity") {
        "AssumeRoleWithWebIdentity"
    } else {
        "AssumeRole"
    };
    let name = ["inner", "outer", "responder", "web", "lent"]
        .into_iter()
        .find(|name| request.body.contains(name))
        .unwrap_or("nobody");
    Reply::Answer(
        200,
        "text/xml",
        format!(
            "<{action}Response><{action}Result><Credentials><AccessKeyId>ASIA{name}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-{name}</SessionToken><Expiration>{end}</Expiration></Credentials></{action}Result></{action}Response>"
        ),
    )
}

pub(crate) fn signer(request: &Received) -> String {
    let signed = request
        .header("authorization")
        .and_then(|signature| signature.split_once("Credential="));
    signed
        .map_or("unsigned", |(_, scope)| scope.split('/').next().unwrap())
        .to_owned()
}

pub(crate) fn signers(stub: &Stub) -> Vec<String> {
    stub.seen().iter().map(signer).collect()
}

pub(crate) fn chain(url: String, variables: &[(&str, &str)]) -> Performer {
    let mut config = config();
    config.aws.endpoint_url = Some(url);
    config.aws.credentials = CredentialSource::Chain(environment(variables));
    Performer::new(config).unwrap()
}

pub(crate) fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::from_pairs(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

pub(crate) fn read() -> EffectCommand {
    EffectCommand::CallAws(call("ec2", "DescribeInstances", Value::Null))
}

fn read_as(role: &str) -> EffectCommand {
    let mut call = call("ec2", "DescribeInstances", Value::Null);
    call.assume_role = Some(AssumeRole {
        role_arn: format!("arn:aws:iam::123456789012:role/{role}"),
        session_name: "run-1".to_owned(),
        ..AssumeRole::default()
    });
    EffectCommand::CallAws(call)
}

#[tokio::test]
async fn a_role_is_assumed_through_another() {
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let performer = Performer::new(config).unwrap();
    let mut call = call("ec2", "DescribeInstances", Value::Null);
    let arns = ["outer", "inner"].map(|role| format!("arn:aws:iam::123456789012:role/{role}"));
    call.assume_role = AssumeRole::chain(arns, "run-1");
    for _ in 0..2 {
        done(perform(&performer, EffectCommand::CallAws(call.clone())).await);
    }
    assert_eq!(
        signers(&stub),
        ["AKIDEXAMPLE", "ASIAouter", "ASIAinner", "ASIAinner"]
    );
}

#[tokio::test]
async fn a_role_is_assumed_once_and_kept() {
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let performer = Performer::new(config).unwrap();
    for _ in 0..3 {
        done(perform(&performer, read_as("responder")).await);
    }
    assert_eq!(
        signers(&stub),
        [
            "AKIDEXAMPLE",
            "ASIAresponder",
            "ASIAresponder",
            "ASIAresponder"
        ]
    );
    let seen = stub.seen();
    assert!(
        seen[0].body.contains("RoleSessionName=run-1"),
        "{}",
        seen[0].body
    );
    assert_eq!(
        seen[1].header("x-amz-security-token"),
        Some("token-responder")
    );
}

#[tokio::test]
async fn a_session_near_its_end_is_replaced() {
    let stub = Stub::start(|request, _| aws(request, 290)).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let performer = Performer::new(config).unwrap();
    for _ in 0..2 {
        done(perform(&performer, read_as("responder")).await);
    }
    assert_eq!(
        signers(&stub),
        [
            "AKIDEXAMPLE",
            "ASIAresponder",
            "AKIDEXAMPLE",
            "ASIAresponder"
        ]
    );
}

#[tokio::test]
async fn a_session_that_ended_early_is_replaced_once() {
    let expired = "<Response><Errors><Error><Code>ExpiredToken</Code><Message>over</Message></Error></Errors></Response>";
    let stub = Stub::start(move |request, number| match number {
        1 => Reply::Answer(400, "text/xml", expired.to_owned()),
        _ => aws(request, 3600),
    })
    .await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let performer = Performer::new(config).unwrap();
    done(perform(&performer, read_as("responder")).await);
    assert_eq!(
        signers(&stub),
        [
            "AKIDEXAMPLE",
            "ASIAresponder",
            "AKIDEXAMPLE",
            "ASIAresponder"
        ]
    );
}

#[tokio::test]
async fn a_refused_role_is_a_credentials_failure() {
    let denied = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not yours</Message></Error></ErrorResponse>";
    let stub = Stub::start(move |_, _| Reply::Answer(403, "text/xml", denied.to_owned())).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let failure = failed(perform(&Performer::new(config).unwrap(), read_as("responder")).await);
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("Credentials", false)
    );
    assert!(
        failure.message.contains("role/responder") && failure.message.contains("AccessDenied"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn the_environment_comes_first() {
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
        ("AWS_SESSION_TOKEN", "t"),
    ];
    assert!(!format!("{:?}", environment(&keys)).contains("hidden"));
    done(perform(&chain(stub.url(), &keys), read()).await);
    assert_eq!(signers(&stub), ["AKIAENV"]);
}

#[tokio::test]
async fn profiles_lead_through_roles() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(
        home.path().join(".aws/credentials"),
        "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = x\n",
    )
    .unwrap();
    std::fs::write(
        home.path().join(".aws/config"),
        "[profile middle]\nrole_arn = arn:aws:iam::1:role/inner\nsource_profile = base\n\
         [profile ops]\nrole_arn = arn:aws:iam::1:role/outer\nsource_profile = middle\nexternal_id = ext\n",
    )
    .unwrap();
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let home = home.path().display().to_string();
    let performer = chain(stub.url(), &[("HOME", &home), ("AWS_PROFILE", "ops")]);
    for _ in 0..2 {
        done(perform(&performer, read()).await);
    }
    assert_eq!(
        signers(&stub),
        ["AKIABASE", "ASIAinner", "ASIAouter", "ASIAouter"]
    );
    assert!(stub.seen()[1].body.contains("ExternalId=ext"));

    let failure = failed(
        perform(
            &chain(stub.url(), &[("HOME", &home), ("AWS_PROFILE", "absent")]),
            read(),
        )
        .await,
    );
    assert_eq!(failure.code, "Credentials");
    assert!(failure.message.contains("`absent`"), "{}", failure.message);
}

#[tokio::test]
async fn a_web_identity_is_exchanged_unsigned() {
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "the-token\n").unwrap();
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let file = token.path().display().to_string();
    let variables = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.as_str()),
    ];
    done(perform(&chain(stub.url(), &variables), read()).await);
    assert_eq!(signers(&stub), ["unsigned", "ASIAweb"]);
    assert!(
        stub.seen()[0].body.contains("WebIdentityToken=the-token"),
        "{}",
        stub.seen()[0].body
    );
}

/// A container's endpoint, an instance's metadata service and AWS in one.
async fn host() -> Stub {
    let end = RealClock::start().now() + jiff::SignedDuration::from_secs(3600);
    let document = move |key: &str| {
        let text = json!({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": "s", "Token": "t", "Expiration": end.to_string()});
        Reply::Answer(200, "application/json", text.to_string())
    };
    Stub::start(move |request: &Received, _| match request.line.as_str() {
        "GET /creds" if request.header("authorization") == Some("pod-token") => {
            document("ASIACONTAINER")
        }
        "PUT /latest/api/token"
            if request
                .header("x-aws-ec2-metadata-token-ttl-seconds")
                .is_some() =>
        {
            Reply::Answer(200, "text/plain", "session".to_owned())
        }
        line if line.starts_with("GET /latest/")
            && request.header("x-aws-ec2-metadata-token") != Some("session") =>
        {
            Reply::Answer(401, "text/plain", String::new())
        }
        "GET /latest/meta-data/iam/security-credentials/" => {
            Reply::Answer(200, "text/plain", "my-role".to_owned())
        }
        "GET /latest/meta-data/iam/security-credentials/my-role" => document("ASIAINSTANCE"),
        line if line.starts_with("GET") => Reply::Answer(404, "text/plain", String::new()),
        _ => aws(request, 3600),
    })
    .await
}

#[tokio::test]
async fn containers_and_instances_lend_their_roles() {
    let stub = host().await;
    let creds = format!("http://127.0.0.1:{}/creds", stub.port);
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", creds.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "pod-token"),
    ];
    done(perform(&chain(stub.url(), &container), read()).await);
    assert_eq!(signers(&stub).last().unwrap(), "ASIACONTAINER");

    let url = stub.url();
    done(
        perform(
            &chain(stub.url(), &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)]),
            read(),
        )
        .await,
    );
    assert_eq!(signers(&stub).last().unwrap(), "ASIAINSTANCE");

    let failure = failed(
        perform(
            &chain(stub.url(), &[("AWS_EC2_METADATA_DISABLED", "true")]),
            read(),
        )
        .await,
    );
    assert_eq!(
        (failure.code.as_str(), failure.transient),
        ("Credentials", false)
    );
    assert!(
        failure.message.contains("AWS_ACCESS_KEY_ID"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_script_gets_the_session_of_its_role_and_nothing_else() {
    let scratch = tempfile::tempdir().unwrap();
    let Some(scripts) = scripts(scratch.path().to_path_buf()) else {
        eprintln!("not run: no python3 on this machine");
        return;
    };
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    config.scripts = Some(scripts);
    let performer = Performer::new(config).unwrap();
    let script = "import os\ndef run(e, c): return {k: v for k, v in os.environ.items() if k.startswith('AWS_')}";
    let run = |assume_role| {
        let call = ScriptCall {
            attachment: None,
            runtime: "python3.8".to_owned(),
            handler: "run".to_owned(),
            script: script.to_owned(),
            payload: json!({}),
            isolated: false,
            assume_role,
            region: "eu-west-1".to_owned(),
            timeout_secs: 20,
        };
        perform(&performer, EffectCommand::RunScript(call))
    };
    let role = AssumeRole {
        role_arn: "arn:aws:iam::1:role/responder".to_owned(),
        session_name: "run-1".to_owned(),
        ..AssumeRole::default()
    };
    let variables = done(run(Some(role)).await)["Payload"].clone();
    assert_eq!(
        variables,
        json!({
            "AWS_ACCESS_KEY_ID": "ASIAresponder", "AWS_CONFIG_FILE": "/dev/null", "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": stub.url(), "AWS_REGION": "eu-west-1",
            "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "token-responder", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        })
    );
    let variables = done(run(None).await)["Payload"].clone();
    assert_eq!(variables.get("AWS_ACCESS_KEY_ID"), None, "no role, no keys");
}
