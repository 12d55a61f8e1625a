//! Sources of credentials that need files, processes and services beside the token service.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use effects::Performer;
use effects::config::CredentialSource;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use serde_json::{Value, json};

use crate::credentials::{aws, chain, environment, read, signers};
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{RealClock, config, done, failed, perform};

const SSO_CONFIG: &str = "\
[profile dev]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = ops
[profile old]
sso_start_url = https://old.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = ops
[profile over]
role_arn = arn:aws:iam::1:role/outer
source_profile = dev
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
";

/// A home directory with these files below `.aws`.
fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(".aws").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    home
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn after(seconds: i64) -> Timestamp {
    RealClock::start().now() + SignedDuration::from_secs(seconds)
}

fn token(end: i64, registration: Option<i64>) -> String {
    let mut token = json!({"accessToken": "the-token", "expiresAt": after(end).to_string()});
    if let Some(registration) = registration {
        let more = json!({"refreshToken": "refresh-1", "clientId": "client", "clientSecret": "client-secret",
            "registrationExpiresAt": after(registration).to_string()});
        for (name, value) in more.as_object().unwrap() {
            token[name.as_str()] = value.clone();
        }
    }
    token.to_string()
}

/// The token's file for a profile of [`SSO_CONFIG`], found as AWS's tools name it.
fn cache_file(home: &Path, session: &str) -> PathBuf {
    let role = aws::credentials::sso::SsoRole {
        profile: String::new(),
        session: session.starts_with("corp").then(|| session.to_owned()),
        start_url: session.to_owned(),
        region: String::new(),
        account_id: String::new(),
        role_name: String::new(),
    };
    home.join(".aws/sso/cache").join(role.cache_file_name())
}

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// IAM Identity Center: `renewal` says how a renewal is answered.
async fn identity_center(renewal: fn() -> Reply) -> Stub {
    Stub::start(move |request: &Received, _| {
        if request.line.starts_with("POST /token") {
            return renewal();
        }
        if request.line.starts_with("GET /federation/credentials") {
            let bearer = request.header("x-amz-sso_bearer_token").unwrap_or_default();
            if !["the-token", "new-token"].contains(&bearer) {
                return Reply::With(
                    401,
                    ("x-amzn-errortype", "UnauthorizedException".to_owned()),
                    "{\"message\": \"Session token not found or invalid\"}".to_owned(),
                );
            }
            let keys = json!({"roleCredentials": {"accessKeyId": format!("ASIA{bearer}"), "secretAccessKey": "s",
                "sessionToken": "t", "expiration": after(3600).as_millisecond()}});
            return Reply::Answer(200, "application/json", keys.to_string());
        }
        aws(request, 3600)
    })
    .await
}

fn renewed() -> Reply {
    let token = json!({"accessToken": "new-token", "expiresIn": 28800, "refreshToken": "refresh-2", "tokenType": "Bearer"});
    Reply::Answer(200, "application/json", token.to_string())
}

fn refused() -> Reply {
    Reply::With(
        400,
        ("x-amzn-errortype", "InvalidGrantException".to_owned()),
        "{\"error\": \"invalid_grant\", \"error_description\": \"used\"}".to_owned(),
    )
}

#[tokio::test]
async fn a_login_lends_the_keys_of_its_role() {
    let home = home(&[("config", SSO_CONFIG)]);
    let stub = identity_center(refused).await;
    put(&cache_file(home.path(), "corp"), &token(3600, Some(7200)));
    put(
        &cache_file(home.path(), "https://old.awsapps.com/start"),
        &token(60, None),
    );
    let home = text(home.path());
    for (profile, expected) in [
        ("dev", "ASIAthe-token"),
        ("old", "ASIAthe-token"),
        ("over", "ASIAouter"),
    ] {
        let performer = chain(stub.url(), &[("HOME", &home), ("AWS_PROFILE", profile)]);
        done(perform(&performer, read()).await);
        assert_eq!(signers(&stub).last().unwrap(), expected, "{profile}");
    }
    let asked = stub.seen();
    assert_eq!(
        asked[0].line,
        "GET /federation/credentials?role_name=ops&account_id=123456789012"
    );
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn a_login_about_to_end_is_renewed_and_kept() {
    let home = home(&[("config", SSO_CONFIG)]);
    let path = cache_file(home.path(), "corp");
    for end in [600, -5] {
        let stub = identity_center(renewed).await;
        put(&path, &token(end, Some(7200)));
        let performer = chain(
            stub.url(),
            &[("HOME", &text(home.path())), ("AWS_PROFILE", "dev")],
        );
        done(perform(&performer, read()).await);
        assert_eq!(signers(&stub).last().unwrap(), "ASIAnew-token");
        let asked: Value = serde_json::from_str(&stub.seen()[0].body).unwrap();
        assert_eq!(asked["grantType"], "refresh_token");
        assert_eq!(
            (&asked["refreshToken"], &asked["clientSecret"]),
            (&json!("refresh-1"), &json!("client-secret"))
        );
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(
            (&kept["accessToken"], &kept["refreshToken"]),
            (&json!("new-token"), &json!("refresh-2"))
        );
        assert_eq!(
            (&kept["region"], &kept["clientId"]),
            (&json!("eu-central-1"), &json!("client"))
        );
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}

#[tokio::test]
async fn a_login_that_cannot_be_renewed_is_used_while_it_lasts() {
    let home = home(&[("config", SSO_CONFIG)]);
    let path = cache_file(home.path(), "corp");
    let stub = identity_center(refused).await;
    put(&path, &token(600, Some(7200)));
    let performer = chain(
        stub.url(),
        &[("HOME", &text(home.path())), ("AWS_PROFILE", "dev")],
    );
    done(perform(&performer, read()).await);
    assert_eq!(signers(&stub).last().unwrap(), "ASIAthe-token");
}

#[tokio::test]
async fn a_lost_login_asks_for_a_new_one() {
    let home = home(&[("config", SSO_CONFIG)]);
    let variables = text(home.path());
    let (corp, old) = (
        cache_file(home.path(), "corp"),
        cache_file(home.path(), "https://old.awsapps.com/start"),
    );
    let revoked =
        json!({"accessToken": "revoked", "expiresAt": after(3600).to_string()}).to_string();
    for (profile, path, token, words) in [
        ("dev", &corp, None, "nobody has logged in"),
        ("dev", &corp, Some(token(-5, None)), "the login has ended"),
        (
            "dev",
            &corp,
            Some(token(-5, Some(-1))),
            "the login has ended",
        ),
        (
            "dev",
            &corp,
            Some(token(-5, Some(7200))),
            "InvalidGrantException",
        ),
        ("dev", &corp, Some(revoked), "UnauthorizedException"),
        ("dev", &corp, Some("{}".to_owned()), "is missing"),
        (
            "old",
            &old,
            Some(token(-5, Some(7200))),
            "the login has ended",
        ),
    ] {
        if let Some(token) = token {
            put(path, &token);
        }
        let stub = identity_center(refused).await;
        let performer = chain(
            stub.url(),
            &[("HOME", &variables), ("AWS_PROFILE", profile)],
        );
        let failure = failed(perform(&performer, read()).await);
        assert_eq!(
            (failure.code.as_str(), failure.transient),
            ("Credentials", false)
        );
        let remedy = format!("run `aws sso login --profile {profile}`");
        assert!(
            failure.message.contains(words) && failure.message.contains(&remedy),
            "{}",
            failure.message
        );
        for secret in ["the-token", "refresh-1", "client-secret", "revoked"] {
            assert!(!failure.message.contains(secret), "{}", failure.message);
        }
    }
}

#[tokio::test]
async fn an_identity_center_out_of_reach_is_a_passing_failure() {
    let home = home(&[("config", SSO_CONFIG)]);
    put(&cache_file(home.path(), "corp"), &token(-5, Some(7200)));
    let variables = [
        ("HOME", text(home.path())),
        ("AWS_PROFILE", "dev".to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let performer = chain("http://127.0.0.1:9".to_owned(), &variables);
    let failure = failed(perform(&performer, read()).await);
    assert!(
        failure.transient && failure.code == "Credentials",
        "{failure:?}"
    );
    assert!(
        !failure.message.contains("aws sso login"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_process_lends_its_keys_and_is_asked_again_near_their_end() {
    let home = home(&[]);
    let script = home.path().join("lend");
    let count = home.path().join("count");
    let write = |end: &str| {
        let text = format!(
            "#!/bin/sh\necho x >> '{}'\nprintf '{{\"Version\": 1, \"AccessKeyId\": \"ASIA%s\", \"SecretAccessKey\": \"s\", \"SessionToken\": \"t\", \"Expiration\": \"{end}\"}}' \"$1\"\n",
            text(&count)
        );
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    let file = format!(
        "[default]\ncredential_process = /bin/sh '{}' 'lent'\n",
        text(&script)
    );
    put(&home.path().join(".aws/config"), &file);
    let runs = || {
        std::fs::read_to_string(&count)
            .unwrap_or_default()
            .lines()
            .count()
    };
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    for (end, expected) in [(after(3600), 1), (after(200), 2)] {
        write(&end.to_string());
        let _ = std::fs::remove_file(&count);
        let performer = chain(
            stub.url(),
            &[("HOME", &text(home.path())), ("PATH", "/usr/bin:/bin")],
        );
        for _ in 0..2 {
            done(perform(&performer, read()).await);
        }
        assert_eq!(
            (signers(&stub).last().unwrap().as_str(), runs()),
            ("ASIAlent", expected)
        );
    }
    std::fs::write(
        &script,
        "#!/bin/sh\necho '{\"SecretAccessKey\": \"hunter2\"}'; echo no vault >&2; exit 7\n",
    )
    .unwrap();
    let performer = chain(stub.url(), &[("HOME", &text(home.path()))]);
    let failure = failed(perform(&performer, read()).await);
    assert!(
        failure.message.contains("exit status: 7: no vault"),
        "{}",
        failure.message
    );
    assert!(!failure.message.contains("hunter2"));
}

#[tokio::test]
async fn a_cached_login_session_is_used_while_it_lasts() {
    let session = "arn:aws:iam::123456789012:user/me";
    let home = home(&[("config", &format!("[default]\nlogin_session = {session}\n"))]);
    let path = home
        .path()
        .join(".aws/login/cache")
        .join(aws::credentials::login::cache_file_name(session));
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let keys = |end: i64| {
        json!({"accessToken": {"accessKeyId": "ASIALOGIN", "secretAccessKey": "s", "sessionToken": "t",
            "accountId": "123456789012", "expiresAt": after(end).to_string()}})
        .to_string()
    };
    put(&path, &keys(3600));
    done(perform(&chain(stub.url(), &[("HOME", &text(home.path()))]), read()).await);
    assert_eq!(signers(&stub), ["ASIALOGIN"]);
    put(&path, &keys(-5));
    let failure =
        failed(perform(&chain(stub.url(), &[("HOME", &text(home.path()))]), read()).await);
    assert!(
        failure.message.contains("aws login --profile default"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_named_profile_goes_before_the_environment() {
    let home = home(&[(
        "credentials",
        "[ops]\naws_access_key_id = AKIAOPS\naws_secret_access_key = s\n",
    )]);
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let home = text(home.path());
    let variables = [
        ("HOME", home.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    for (profile, expected) in [(None, "AKIAENV"), (Some("ops".to_owned()), "AKIAOPS")] {
        let mut config = config();
        config.aws.endpoint_url = Some(stub.url());
        config.aws.profile = profile;
        config.aws.credentials = CredentialSource::Chain(environment(&variables));
        done(perform(&Performer::new(config).unwrap(), read()).await);
        assert_eq!(signers(&stub).last().unwrap(), expected);
    }
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "the order of the settings is best seen in one place"
)]
async fn endpoints_and_their_region_come_from_variables_and_files() {
    let (general, ec2, explicit) = (
        Stub::start(|request, _| aws(request, 3600)).await,
        Stub::start(|request, _| aws(request, 3600)).await,
        Stub::start(|request, _| aws(request, 3600)).await,
    );
    let file = format!(
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\nservices = local\nendpoint_url = {}\n[services local]\nec2 =\n  endpoint_url = {}\n",
        general.url(),
        ec2.url()
    );
    let home = home(&[("config", &file)]);
    let home = text(home.path());
    let performer = |variables: &[(&str, &str)], own: bool| {
        let mut all = vec![("HOME", home.as_str())];
        all.extend_from_slice(variables);
        let mut config = config();
        config.aws.endpoint_url = None;
        if own {
            let urls = [("ec2".to_owned(), explicit.url())];
            config.aws.endpoint_urls = urls.into();
        }
        config.aws.credentials = CredentialSource::Chain(environment(&all));
        Performer::new(config).map_err(|error| error.to_string())
    };
    done(perform(&performer(&[], false).unwrap(), read()).await);
    assert_eq!(
        (ec2.seen().len(), general.seen().len()),
        (1, 0),
        "the section of the service"
    );
    let url = general.url();
    done(
        perform(
            &performer(&[("AWS_ENDPOINT_URL", &url)], false).unwrap(),
            read(),
        )
        .await,
    );
    assert_eq!(
        (ec2.seen().len(), general.seen().len()),
        (1, 1),
        "a variable goes before the file"
    );
    let url = ec2.url();
    done(
        perform(
            &performer(
                &[
                    ("AWS_ENDPOINT_URL", &general.url()),
                    ("AWS_ENDPOINT_URL_EC2", &url),
                ],
                false,
            )
            .unwrap(),
            read(),
        )
        .await,
    );
    assert_eq!(
        (ec2.seen().len(), general.seen().len()),
        (2, 1),
        "the service's variable goes first"
    );
    done(
        perform(
            &performer(&[("AWS_ENDPOINT_URL_EC2", &url)], true).unwrap(),
            read(),
        )
        .await,
    );
    assert_eq!(
        (ec2.seen().len(), explicit.seen().len()),
        (2, 1),
        "Quell's own setting goes before all"
    );
    let fault = performer(&[("AWS_ENDPOINT_URL_EC2", "nowhere")], false)
        .err()
        .unwrap();
    assert!(
        fault.contains("AWS_ENDPOINT_URL_EC2 is `nowhere`"),
        "{fault}"
    );
    let fault = performer(&[("AWS_USE_FIPS_ENDPOINT", "maybe")], false)
        .err()
        .unwrap();
    assert!(fault.contains("AWS_USE_FIPS_ENDPOINT"), "{fault}");
}

#[tokio::test]
async fn metadata_services_are_asked_again_and_token_files_read_anew() {
    let home = home(&[]);
    let file = home.path().join("pod-token");
    std::fs::write(&file, "first\n").unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let stub = Stub::start(move |request: &Received, _| {
        if !request.line.starts_with("GET /creds") && !request.line.contains("/latest/") {
            return aws(request, 3600);
        }
        let number = counted.fetch_add(1, Ordering::SeqCst);
        if number == 0 {
            return Reply::Answer(503, "text/plain", "later".to_owned());
        }
        let who = request.header("authorization").unwrap_or("INSTANCE").to_owned();
        let end = after(200).to_string();
        match request.line.as_str() {
            "PUT /latest/api/token" => Reply::Answer(200, "text/plain", "session".to_owned()),
            "GET /latest/meta-data/iam/security-credentials/" => Reply::Answer(200, "text/plain", "role".to_owned()),
            _ => Reply::Answer(
                200,
                "application/json",
                json!({"Code": "Success", "AccessKeyId": format!("ASIA{who}"), "SecretAccessKey": "s", "Token": "t", "Expiration": end}).to_string(),
            ),
        }
    })
    .await;
    let creds = format!("{}/creds", stub.url());
    let path = text(&file);
    let container = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", creds.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path.as_str()),
    ];
    let performer = chain(stub.url(), &container);
    done(perform(&performer, read()).await);
    assert_eq!(signers(&stub).last().unwrap(), "ASIAfirst");
    std::fs::write(&file, "second").unwrap();
    done(perform(&performer, read()).await);
    assert_eq!(
        signers(&stub).last().unwrap(),
        "ASIAsecond",
        "the keys were near their end"
    );

    for (attempts, works) in [("1", false), ("2", true)] {
        asked.store(0, Ordering::SeqCst);
        let url = stub.url();
        let variables = [
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str()),
            ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", attempts),
        ];
        let outcome = perform(&chain(stub.url(), &variables), read()).await;
        if works {
            done(outcome);
            assert_eq!(signers(&stub).last().unwrap(), "ASIAINSTANCE");
        } else {
            assert!(failed(outcome).message.contains("HTTP 503"));
        }
    }
    let bad = [("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv5")];
    let failure = failed(perform(&chain(stub.url(), &bad), read()).await);
    assert!(failure.message.contains("`ipv5`"), "{}", failure.message);
}

#[tokio::test]
async fn half_configured_sources_end_the_search() {
    let home = home(&[("config", "[default]\nrole_arn = arn:aws:iam::1:role/x\n")]);
    let stub = Stub::start(|request, _| aws(request, 3600)).await;
    let home = text(home.path());
    for (variables, words) in [
        (vec![("AWS_ACCESS_KEY_ID", "AKIA")], "AWS_SECRET_ACCESS_KEY"),
        (vec![("HOME", home.as_str())], "`role_arn` needs"),
        (
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://example.com/")],
            "loopback",
        ),
    ] {
        let failure = failed(perform(&chain(stub.url(), &variables), read()).await);
        assert_eq!(
            (failure.code.as_str(), failure.transient),
            ("Credentials", false)
        );
        assert!(failure.message.contains(words), "{}", failure.message);
    }
    assert!(stub.seen().is_empty());
}
