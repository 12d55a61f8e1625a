//! Logins of IAM Identity Center.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{after, home, put, text, token};
use crate::credentials::{aws, chain, read, signers};
use crate::http_stub::{Received, Reply, Stub};
use crate::world::{done, failed, perform};

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
