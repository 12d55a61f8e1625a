//! Files, variables and documents with credentials and settings.

use aws::credentials::profile::Profiles;
use aws::credentials::source::{Lookup, Source, choose};
use aws::credentials::sso::{CachedToken, SsoRole};
use aws::credentials::{Credentials, container, imds, login, process, shell_words, sts};
use aws::settings::{Settings, Variables};
use jiff::Timestamp;
use serde_json::Value;

use super::{choice, pick};

/// The shared files: `credentials`, a zero byte, `config`.
pub(super) fn profiles(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (credentials, config) = text.split_once('\0').unwrap_or((&text, &text));
    if let Ok(profiles) = Profiles::parse(credentials, config) {
        for name in ["default", "a", "b", ""] {
            let _ = profiles.get(name);
            let _ = profiles.source(name);
        }
    }
}

/// The shared files with the environment: variables as `NAME=value` on lines, a zero byte, and the files as for
/// `profiles`.
pub(super) fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (variables, files) = text.split_once('\0').unwrap_or(("", &text));
    let variables: Variables = variables
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let look = |name: &str| variables.get(name).cloned();
    let _ = Credentials::from_variables(look);
    let _ = container::request(
        look,
        variables
            .get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(String::as_str),
    );
    if let Ok(Some(access)) = imds::Access::resolve(|name, _| look(name)) {
        let _ = imds::token_request(&access.endpoint);
        let _ = imds::credentials_request(&access.endpoint, "t", &text);
    }
    let (credentials, config) = files.split_once('\0').unwrap_or((files, files));
    let Ok(profiles) = Profiles::parse(credentials, config) else {
        return;
    };
    for explicit_profile in [None, Some("default"), Some("a")] {
        let lookup = Lookup {
            variable: &look,
            profiles: &profiles,
            explicit_profile,
        };
        if let Ok(Source::Process { command, .. }) = choose(&lookup) {
            let _ = shell_words::split(&command);
        }
        match Settings::resolve(&variables, &profiles, explicit_profile) {
            Ok(settings) => used(&settings),
            Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is"),
        }
    }
}

fn used(settings: &Settings) {
    for service in ["s3", "S3 Control", "ec2", "stepfunctions", ""] {
        let url = settings.endpoint_url(service);
        assert!(url.is_none_or(|url| url.contains("://")), "{url:?}");
        let _ = settings.options_for(service);
    }
    let _ = settings.endpoints_by_client();
    let _ = settings.endpoint_variables();
}

/// Documents with credentials: of a container's endpoint, of an instance's metadata, of a process, of `aws login`, and
/// of the token service.
pub(super) fn credential_documents(data: &[u8]) {
    let read = [
        container::parse_credentials(data),
        imds::parse_credentials(data),
        process::parse_output(data),
        login::parse(data, Timestamp::UNIX_EPOCH),
    ];
    for keys in read.into_iter().flatten() {
        let _ = keys.is_stale(Timestamp::MAX, i64::MAX);
        let _ = keys.is_stale(Timestamp::MIN, i64::MIN);
    }
    if let Ok(answer) = serde_json::from_slice::<Value>(data) {
        let _ = sts::parse(&answer);
    }
    let _ = login::cache_file_name(&String::from_utf8_lossy(data));
}

/// IAM Identity Center: a byte for the time, the cached token, a zero byte, and the answer of the token service or of
/// the portal. What is written back is read as it was.
pub(super) fn sso(data: &[u8]) {
    let (at, data) = choice(data);
    let moments = [Timestamp::UNIX_EPOCH, Timestamp::MAX, Timestamp::MIN];
    let at = *pick(&moments, at).unwrap_or(&Timestamp::UNIX_EPOCH);
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let answer: Value =
        serde_json::from_slice(parts.next().unwrap_or_default()).unwrap_or_default();
    let role = SsoRole {
        profile: "p".to_owned(),
        session: Some("s".to_owned()),
        start_url: "https://example.awsapps.com/start".to_owned(),
        region: "eu-west-1".to_owned(),
        account_id: "123456789012".to_owned(),
        role_name: "r".to_owned(),
    };
    let _ = role.parse(&answer);
    let Ok(token) = CachedToken::parse(file) else {
        return;
    };
    written(&token, &role);
    let _ = token.state(&role, at);
    let _ = token.renewal_params();
    if let Ok(renewed) = token.renewed(&answer, at) {
        written(&renewed, &role);
    }
}

fn written(token: &CachedToken, role: &SsoRole) {
    let again = CachedToken::parse(token.to_file(role).as_bytes());
    let again = again.map(|again| (again.expose().to_owned(), again.renewal_params()));
    let have = (token.expose().to_owned(), token.renewal_params());
    assert_eq!(again, Ok(have), "the file is read as it was written");
}
