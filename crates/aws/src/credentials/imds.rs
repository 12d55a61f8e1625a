//! Credentials of an EC2 instance profile through the instance metadata service, version 2 only.
//!
//! Steps: send [`token_request`], give its body to [`role_request`], give that body's first line to
//! [`credentials_request`], give that body to [`parse_credentials`]. Source: EC2 user guide, "Use IMDSv2".

use bytes::Bytes;

use super::{AnswerError, Credentials, TokenName, parse_document};
use crate::HttpRequest;
use crate::endpoint::split_url;

/// Address of the service on every instance.
pub const DEFAULT_ENDPOINT: &str = "http://169.254.169.254";

/// Life of the session token asked for, in seconds.
const TOKEN_TTL_S: &str = "21600";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const SOURCE: &str = "instance metadata service";

/// Address of the service by IPv6.
pub const IPV6_ENDPOINT: &str = "http://[fd00:ec2::254]";
/// Longest time and most attempts that may be configured.
const MAX_TIMEOUT_S: u32 = 60;
const MAX_ATTEMPTS: u32 = 10;

/// How the service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Where it is, as `http://169.254.169.254`.
    pub endpoint: String,
    /// Limit of one request, in seconds.
    pub timeout_s: u32,
    /// Requests made for one question.
    pub attempts: u32,
}

impl Access {
    /// From `AWS_EC2_METADATA_SERVICE_ENDPOINT`, `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE` (or `AWS_IMDS_USE_IPV6`),
    /// `AWS_METADATA_SERVICE_TIMEOUT` and `AWS_METADATA_SERVICE_NUM_ATTEMPTS`, or the profile's settings of the same
    /// names without `AWS_`. `setting` gives a value by both names. `None` when `AWS_EC2_METADATA_DISABLED` is true.
    ///
    /// # Errors
    /// [`AnswerError`] names the setting that cannot be used.
    pub fn resolve(
        setting: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<Option<Self>, AnswerError> {
        let wrong = |reason: String| AnswerError {
            source_name: SOURCE,
            reason,
        };
        let is_true = |value: String| value.eq_ignore_ascii_case("true");
        if setting("AWS_EC2_METADATA_DISABLED", "").is_some_and(is_true) {
            return Ok(None);
        }
        let mode = setting(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
            "ec2_metadata_service_endpoint_mode",
        );
        let by_mode = match mode.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("ipv4") => DEFAULT_ENDPOINT,
            Some("ipv6") => IPV6_ENDPOINT,
            Some(_) => {
                return Err(wrong(format!(
                    "the endpoint mode `{}` is not `ipv4` nor `ipv6`",
                    mode.unwrap_or_default()
                )));
            }
            None if setting("AWS_IMDS_USE_IPV6", "imds_use_ipv6").is_some_and(is_true) => {
                IPV6_ENDPOINT
            }
            None => DEFAULT_ENDPOINT,
        };
        let endpoint = setting(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "ec2_metadata_service_endpoint",
        )
        .unwrap_or_else(|| by_mode.to_owned());
        if split_url(&endpoint).is_none() {
            return Err(wrong(format!(
                "the endpoint `{endpoint}` is not an address such as `{DEFAULT_ENDPOINT}`"
            )));
        }
        let number = |env: &str, name: &str, most: u32| match setting(env, name) {
            None => Ok(1),
            Some(text) => text
                .parse()
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| wrong(format!("{env} is `{text}`, not a number from 1 to {most}"))),
        };
        Ok(Some(Self {
            endpoint,
            timeout_s: number(
                "AWS_METADATA_SERVICE_TIMEOUT",
                "metadata_service_timeout",
                MAX_TIMEOUT_S,
            )?,
            attempts: number(
                "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
                "metadata_service_num_attempts",
                MAX_ATTEMPTS,
            )?,
        }))
    }
}

fn request(endpoint: &str, method: &str, path: &str, header: (&str, &str)) -> HttpRequest {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let (authority, base) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let headers = vec![
        ("host".to_owned(), authority.to_owned()),
        (header.0.to_owned(), header.1.to_owned()),
    ];
    HttpRequest {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        authority: authority.to_owned(),
        path: format!("{}{path}", base.trim_end_matches('/')),
        query: String::new(),
        headers,
        body: Bytes::new(),
    }
}

/// Asks for a session token. The answer's body is the token.
#[must_use]
pub fn token_request(endpoint: &str) -> HttpRequest {
    request(
        endpoint,
        "PUT",
        "/latest/api/token",
        ("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_S),
    )
}

/// Asks for the name of the instance's role. The answer's first line is the name.
#[must_use]
pub fn role_request(endpoint: &str, token: &str) -> HttpRequest {
    request(
        endpoint,
        "GET",
        ROLES,
        ("x-aws-ec2-metadata-token", token.trim()),
    )
}

/// Asks for the credentials of a role.
#[must_use]
pub fn credentials_request(endpoint: &str, token: &str, role: &str) -> HttpRequest {
    let role = crate::percent::encode(role.lines().next().unwrap_or_default().trim());
    request(
        endpoint,
        "GET",
        &format!("{ROLES}{role}"),
        ("x-aws-ec2-metadata-token", token.trim()),
    )
}

/// Asks for the region of the instance. The answer's body is the region.
#[must_use]
pub fn region_request(endpoint: &str, token: &str) -> HttpRequest {
    request(
        endpoint,
        "GET",
        "/latest/meta-data/placement/region",
        ("x-aws-ec2-metadata-token", token.trim()),
    )
}

/// Reads the credentials.
///
/// # Errors
/// [`AnswerError`] when the body is no JSON document with keys.
pub fn parse_credentials(body: &[u8]) -> Result<Credentials, AnswerError> {
    parse_document(SOURCE, body, TokenName::Token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_follow_each_other() {
        let token = token_request(DEFAULT_ENDPOINT);
        assert_eq!(
            (token.method.as_str(), token.url().as_str()),
            ("PUT", "http://169.254.169.254/latest/api/token")
        );
        assert_eq!(
            token.header("x-aws-ec2-metadata-token-ttl-seconds"),
            Some("21600")
        );
        let keys = credentials_request(DEFAULT_ENDPOINT, "tok\n", "my role\nother");
        assert_eq!(
            keys.path,
            "/latest/meta-data/iam/security-credentials/my%20role"
        );
        assert_eq!(keys.header("x-aws-ec2-metadata-token"), Some("tok"));
    }

    #[test]
    fn access_follows_the_settings() {
        let access = |pairs: &[(&str, &str)]| {
            Access::resolve(|env, name| {
                let found = pairs.iter().find(|(have, _)| *have == env || *have == name);
                found.map(|(_, value)| (*value).to_owned())
            })
            .map(|access| access.map(|access| (access.endpoint, access.timeout_s, access.attempts)))
        };
        let plain = |endpoint: &str| Ok(Some((endpoint.to_owned(), 1, 1)));
        assert_eq!(access(&[]), plain(DEFAULT_ENDPOINT));
        assert_eq!(access(&[("AWS_EC2_METADATA_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(
            access(&[("AWS_EC2_METADATA_DISABLED", "1")]),
            plain(DEFAULT_ENDPOINT)
        );
        assert_eq!(
            access(&[("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")]),
            plain(IPV6_ENDPOINT)
        );
        assert_eq!(access(&[("imds_use_ipv6", "true")]), plain(IPV6_ENDPOINT));
        assert_eq!(
            access(&[
                ("ec2_metadata_service_endpoint", "http://[::1]:99/x/"),
                ("imds_use_ipv6", "true")
            ]),
            plain("http://[::1]:99/x/")
        );
        assert_eq!(
            access(&[
                ("metadata_service_timeout", "5"),
                ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3")
            ]),
            Ok(Some((DEFAULT_ENDPOINT.to_owned(), 5, 3)))
        );
        for bad in [
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv5"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "nowhere"),
            ("AWS_METADATA_SERVICE_TIMEOUT", "0"),
            ("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "many"),
        ] {
            assert!(
                access(&[bad]).unwrap_err().to_string().contains(bad.1),
                "{bad:?}"
            );
        }
        let below = token_request("http://[::1]:99/x/");
        assert_eq!(below.url(), "http://[::1]:99/x/latest/api/token");
    }

    #[test]
    fn answer_is_read_and_refused() {
        let good = br#"{"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"s","Token":"t","Expiration":"2026-01-02T03:04:05Z"}"#;
        let credentials = parse_credentials(good).unwrap();
        assert_eq!(credentials.session_token.as_deref(), Some("t"));
        assert!(credentials.is_stale("2026-01-02T03:03:05Z".parse().unwrap(), 60));
        assert!(!credentials.is_stale("2026-01-02T03:03:04Z".parse().unwrap(), 60));
        assert!(!format!("{credentials:?}").contains("\"t\""));
        for (bad, words) in [
            (&b"<html>"[..], "not JSON"),
            (
                br#"{"Code":"AssumeRoleUnauthorizedAccess"}"#,
                "AssumeRoleUnauthorizedAccess",
            ),
            (br#"{"AccessKeyId":"a"}"#, "`SecretAccessKey` is missing"),
            (
                br#"{"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"soon"}"#,
                "`Expiration`",
            ),
        ] {
            assert!(
                parse_credentials(bad)
                    .unwrap_err()
                    .to_string()
                    .contains(words)
            );
        }
    }
}
