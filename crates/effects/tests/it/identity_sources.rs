//! Sources of credentials that need files, processes and services beside the token service.

mod identity_center;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use effects::Performer;
use effects::config::CredentialSource;
use jiff::{SignedDuration, Timestamp};
use ports::Clock;
use serde_json::json;

use crate::credentials::{aws, chain, environment, read, signers};
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{RealClock, config, done, failed, perform};

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

fn put(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
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
