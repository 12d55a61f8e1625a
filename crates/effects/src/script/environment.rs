//! The environment of a script: built from nothing, never inherited.

use std::collections::BTreeMap;
use std::path::Path;

use aws::credentials::Credentials;

use super::job::Job;
use crate::config::Scripts;

/// What the caller grants to one run.
pub(crate) struct Grant<'a> {
    /// Session of the assumed role; without one the script has no keys at all.
    pub(crate) keys: Option<&'a Credentials>,
    pub(crate) region: &'a str,
    /// Where AWS calls go, when not to AWS.
    pub(crate) endpoint_url: Option<&'a str>,
}

/// Variables of a run in `home`. An isolated run learns neither region nor addresses.
pub(crate) fn variables(scripts: &Scripts, home: &Path, job: &Job<'_>) -> BTreeMap<String, String> {
    let home = home.display().to_string();
    let mut env = job.environment.clone();
    let always = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("TZ", "UTC"),
        ("HOME", &home),
        ("TMPDIR", &home),
    ];
    env.extend(
        always
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let Some(grant) = &job.grant else { return env };
    if let Some(url) = grant.endpoint_url {
        env.insert("AWS_ENDPOINT_URL".to_owned(), url.to_owned());
    }
    env.extend(scripts.env.clone());
    let mut set = |name: &str, value: &str| env.insert(name.to_owned(), value.to_owned());
    set("AWS_REGION", grant.region);
    set("AWS_DEFAULT_REGION", grant.region);
    // Nothing on this machine may lend the script an identity.
    set("AWS_CONFIG_FILE", "/dev/null");
    set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    set("AWS_EC2_METADATA_DISABLED", "true");
    if let Some(keys) = grant.keys {
        set("AWS_ACCESS_KEY_ID", &keys.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
        if let Some(token) = &keys.session_token {
            set("AWS_SESSION_TOKEN", token);
        }
    }
    env
}

/// TCP ports that a run with network access needs: HTTPS, DNS, and those of the configured addresses. Port 80, where
/// cloud metadata answers, is not among them unless an address names it.
pub(crate) fn ports(variables: &BTreeMap<String, String>) -> Vec<u16> {
    let mut ports = vec![443, 53];
    for (name, value) in variables {
        if name.starts_with("AWS_ENDPOINT_URL")
            && let Ok(uri) = value.parse::<http::Uri>()
        {
            let default = if uri.scheme_str() == Some("http") {
                80
            } else {
                443
            };
            ports.push(uri.port_u16().unwrap_or(default));
        }
    }
    ports.sort_unstable();
    ports.dedup();
    ports
}
