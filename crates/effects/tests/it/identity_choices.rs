//! What the operator chooses about identities: how roles are assumed, tokens in place of signatures, and where calls go
//! while keys come from elsewhere.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws::client::{Identity, Policy, Request};
use bytes::Bytes;
use effects::config::{CredentialSource, RoleChoices};
use effects::{AwsClient, AwsClientConfig, Local, LocalService, Performer};
use jiff::SignedDuration;
use model::EffectCommand;
use model::effect::AssumeRole;
use ports::{BoxFuture, Clock};
use serde_json::{Value, json};

use crate::aws_calls::call;
use crate::credentials::{aws, environment, signers};
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{RealClock, config, done, perform};

const RESPONDER: &str = "arn:aws:iam::123456789012:role/responder";

fn client(change: impl FnOnce(&mut AwsClientConfig)) -> AwsClient {
    let config = config();
    let mut config = AwsClientConfig {
        clock: config.clock,
        entropy: config.entropy,
        aws: config.aws,
        local: None,
    };
    change(&mut config);
    AwsClient::new(&config).unwrap()
}

fn decoded(body: &str) -> String {
    let percent = body.replace("%3A", ":").replace("%2F", "/");
    percent.replace("%7B", "{").replace("%7D", "}")
}

#[tokio::test]
async fn a_role_is_assumed_as_the_operator_says() {
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let mut config = config();
    config.aws.endpoint_url = Some(stub.url());
    let choices = RoleChoices {
        external_id: Some("ext-1".to_owned()),
        source_identity: Some("quell".to_owned()),
        duration_secs: Some(1800),
        policy: Some("{}".to_owned()),
        policy_arns: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        tags: [("team".to_owned(), "sec".to_owned())].into(),
        transitive_tag_keys: vec!["team".to_owned()],
    };
    config.aws.roles.insert(RESPONDER.to_owned(), choices);
    let performer = Performer::new(config).unwrap();
    let read_as = |role_arn: &str| {
        let mut call = call("ec2", "DescribeInstances", Value::Null);
        call.assume_role = Some(AssumeRole {
            role_arn: role_arn.to_owned(),
            session_name: "run-1".to_owned(),
            ..AssumeRole::default()
        });
        EffectCommand::CallAws(call)
    };
    for _ in 0..2 {
        done(perform(&performer, read_as(RESPONDER)).await);
    }
    assert_eq!(
        signers(&stub),
        ["AKIDEXAMPLE", "ASIAresponder", "ASIAresponder"],
        "the session is kept"
    );
    let asked = decoded(&stub.seen()[0].body);
    for part in [
        "RoleArn=arn:aws:iam::123456789012:role/responder",
        "RoleSessionName=run-1",
        "ExternalId=ext-1",
        "SourceIdentity=quell",
        "DurationSeconds=1800",
        "Policy={}",
        "PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess",
        "Tags.member.1.Key=team",
        "Tags.member.1.Value=sec",
        "TransitiveTagKeys.member.1=team",
    ] {
        assert!(asked.split('&').any(|pair| pair == part), "{part}: {asked}");
    }
    done(perform(&performer, read_as("arn:aws:iam::123456789012:role/outer")).await);
    let other = &stub.seen()[3].body;
    assert!(
        other.contains("outer") && !other.contains("ExternalId"),
        "{other}"
    );
}

/// A home directory whose default profile is logged in by an `sso_session`.
fn logged_in() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&folder).unwrap();
    let config = "[default]\nsso_session = corp\n[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = eu-central-1\n";
    std::fs::write(home.path().join(".aws/config"), config).unwrap();
    let role = aws::credentials::sso::SsoRole {
        profile: String::new(),
        session: Some("corp".to_owned()),
        start_url: String::new(),
        region: String::new(),
        account_id: String::new(),
        role_name: String::new(),
    };
    let end = RealClock::start().now() + SignedDuration::from_secs(3600);
    let token = json!({"accessToken": "login-token", "expiresAt": end.to_string()});
    std::fs::write(folder.join(role.cache_file_name()), token.to_string()).unwrap();
    home
}

fn home_of(folder: &Path) -> String {
    folder.display().to_string()
}

#[tokio::test]
async fn a_service_that_takes_a_token_gets_one() {
    let stub = Stub::start(|_, _| {
        let session = json!({"identity": "me"});
        Reply::Answer(200, "application/json", session.to_string())
    })
    .await;
    let home = logged_in();
    let empty = tempfile::tempdir().unwrap();
    let (login, nobody) = (home_of(home.path()), home_of(empty.path()));
    let request = Request::new("codecatalyst", "VerifySession", json!({}), "us-west-2");
    let verify = async |variables: &[(&str, &str)]| {
        let client = client(|config| {
            config.aws.endpoint_url = Some(stub.url());
            config.aws.credentials = CredentialSource::Chain(environment(variables));
        });
        client.call(&request, Policy::repeatable()).await
    };
    let own = ("AWS_BEARER_TOKEN_CODECATALYST", "own-token");
    for (variables, token) in [
        (&[("HOME", login.as_str())][..], "Bearer login-token"),
        (&[("HOME", login.as_str()), own], "Bearer own-token"),
        (&[("HOME", nobody.as_str()), own], "Bearer own-token"),
    ] {
        let answer = verify(variables).await.unwrap().value;
        assert_eq!(answer["identity"], "me");
        let seen = stub.seen();
        assert_eq!(seen.last().unwrap().header("authorization"), Some(token));
    }
    let before = stub.seen().len();
    let error = verify(&[("HOME", nobody.as_str())]).await.unwrap_err();
    assert_eq!(error.code(), "Credentials");
    assert!(
        error.message().contains("AWS_BEARER_TOKEN_CODECATALYST"),
        "{error}"
    );
    assert_eq!(stub.seen().len(), before, "nothing is sent without a token");
}

#[tokio::test]
async fn calls_go_elsewhere_than_what_fetches_their_keys() {
    let general = Stub::start(|request, _| aws(request, 3600)).await;
    let called = Stub::start(|request, _| aws(request, 3600)).await;
    let client = client(|config| {
        config.aws.endpoint_url = Some(general.url());
        let urls = [("ec2", called.url()), ("sts", called.url())];
        config.aws.call_endpoint_urls = urls.map(|(name, url)| (name.to_owned(), url)).into();
    });
    for (service, operation) in [("ec2", "DescribeInstances"), ("sts", "GetCallerIdentity")] {
        let request = Request::new(service, operation, json!({}), "eu-west-1")
            .with_identity(Identity::role(RESPONDER, "s"));
        client.call(&request, Policy::repeatable()).await.unwrap();
    }
    assert_eq!(signers(&general), ["AKIDEXAMPLE"], "AssumeRole");
    assert_eq!(signers(&called), ["ASIAresponder", "ASIAresponder"]);
}

#[tokio::test]
async fn an_instance_tells_its_region() {
    let stub = Stub::start(|request: &Received, _| match request.line.as_str() {
        "PUT /latest/api/token" => Reply::Answer(200, "text/plain", "session".to_owned()),
        "GET /latest/meta-data/placement/region"
            if request.header("x-aws-ec2-metadata-token") == Some("session") =>
        {
            Reply::Answer(200, "text/plain", "eu-north-1\n".to_owned())
        }
        _ => Reply::Answer(404, "text/plain", String::new()),
    })
    .await;
    let odd = Stub::start(|_, _| Reply::Answer(200, "text/plain", "<html>".to_owned())).await;
    let silent = Stub::start(|_, _| Reply::Hang).await;
    let empty = tempfile::tempdir().unwrap();
    let home = home_of(empty.path());
    let region = async |url: &str, disabled: &str| {
        let variables = [
            ("HOME", home.as_str()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url),
            ("AWS_EC2_METADATA_DISABLED", disabled),
        ];
        let credentials = CredentialSource::Chain(environment(&variables));
        let client = client(|config| config.aws.credentials = credentials);
        client.instance_region().await
    };
    let (url, clock) = (stub.url(), RealClock::start());
    assert_eq!(region(&url, "false").await.as_deref(), Some("eu-north-1"));
    assert_eq!(region(&url, "true").await, None);
    assert_eq!(region(&odd.url(), "false").await, None);
    let begun = clock.monotonic();
    assert_eq!(region(&silent.url(), "false").await, None);
    let taken = clock.monotonic() - begun;
    assert!(taken.as_secs() < 5, "{taken:?}: it is not waited for long");
    assert_eq!(silent.seen().len(), 1);
}

/// Counts how many calls it answers at once.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

struct Inside(Arc<Counting>);

impl LocalService for Inside {
    fn serves(&self, service: &str, _: &str) -> bool {
        service == "ssm"
    }

    fn call(&self, _: http::Request<Bytes>) -> BoxFuture<'static, http::Response<Bytes>> {
        let count = Arc::clone(&self.0);
        Box::pin(async move {
            let now = count.now.fetch_add(1, Ordering::SeqCst) + 1;
            count.most.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            count.now.fetch_sub(1, Ordering::SeqCst);
            count.all.fetch_add(1, Ordering::SeqCst);
            http::Response::new(Bytes::from_static(b"{}"))
        })
    }
}

#[tokio::test]
async fn calls_inside_the_process_keep_to_the_configured_number() {
    for (limit, most) in [(1, 1), (3, 3)] {
        let count = Arc::new(Counting::default());
        let client = client(|config| {
            config.aws.concurrency.each = limit;
            config.local = Some(Local {
                service: Arc::new(Inside(Arc::clone(&count))),
                credentials: aws::Credentials::new("INSIDE", "secret"),
                url: "http://127.0.0.1:9".to_owned(),
            });
        });
        let request = Request::new("ssm", "ListDocuments", json!({}), "eu-west-1");
        let call = async || {
            client.call(&request, Policy::repeatable()).await.unwrap();
        };
        tokio::join!(call(), call(), call(), call(), call());
        assert_eq!(count.all.load(Ordering::SeqCst), 5);
        assert_eq!(count.most.load(Ordering::SeqCst), most, "limit {limit}");
    }
}
