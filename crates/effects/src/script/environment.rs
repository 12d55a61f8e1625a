//! The environment of a run: built from nothing, never inherited. It reaches the process with the request, so that none
//! of it stands in the process's arguments or in `/proc`.

use std::collections::BTreeMap;

use aws::credentials::Credentials;

use super::job::Job;

/// What the caller grants to one run.
pub(crate) struct Grant<'a> {
    /// Session of the assumed role; without one the script has no keys at all.
    pub(crate) keys: Option<&'a Credentials>,
    pub(crate) region: &'a str,
    /// Account of that role.
    pub(crate) account: Option<&'a str>,
}

/// Variables of a run besides those that every process has (`PATH`, `LANG`, `TZ`, `HOME`, `TMPDIR`). An isolated run
/// learns neither region nor addresses.
pub(crate) fn variables(
    endpoints: &BTreeMap<String, String>,
    relay_port: Option<u16>,
    job: &Job<'_>,
) -> BTreeMap<String, String> {
    let mut env = job.environment.clone();
    let Some(grant) = &job.grant else { return env };
    env.extend(endpoints.clone());
    let mut set = |name: &str, value: &str| env.insert(name.to_owned(), value.to_owned());
    set("AWS_REGION", grant.region);
    set("AWS_DEFAULT_REGION", grant.region);
    // Nothing on this machine may lend the script an identity.
    set("AWS_CONFIG_FILE", "/dev/null");
    set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    set("AWS_EC2_METADATA_DISABLED", "true");
    if let Some(port) = relay_port {
        let relay = format!("http://127.0.0.1:{port}");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            set(name, &relay);
        }
    }
    if let Some(keys) = grant.keys {
        set("AWS_ACCESS_KEY_ID", &keys.access_key_id);
        set("AWS_SECRET_ACCESS_KEY", &keys.secret_access_key);
        if let Some(token) = &keys.session_token {
            set("AWS_SESSION_TOKEN", token);
        }
    }
    env
}
