//! Credentials of an EC2 instance profile through the instance metadata service, version 2 only.
//!
//! Steps: send [`token_request`], give its body to [`role_request`], give that body's first line to
//! [`credentials_request`], give that body to [`parse_credentials`]. Source: EC2 user guide, "Use IMDSv2".

use bytes::Bytes;

use super::{AnswerError, Credentials, parse_document};
use crate::HttpRequest;

/// Address of the service on every instance.
pub const DEFAULT_ENDPOINT: &str = "http://169.254.169.254";

/// Life of the session token asked for, in seconds.
const TOKEN_TTL_S: &str = "21600";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const SOURCE: &str = "instance metadata service";

fn request(endpoint: &str, method: &str, path: &str, header: (&str, &str)) -> HttpRequest {
    let (scheme, authority) = endpoint.split_once("://").unwrap_or(("http", endpoint));
    let authority = authority.trim_end_matches('/').to_owned();
    let headers = vec![
        ("host".to_owned(), authority.clone()),
        (header.0.to_owned(), header.1.to_owned()),
    ];
    HttpRequest {
        method: method.to_owned(),
        scheme: scheme.to_owned(),
        authority,
        path: path.to_owned(),
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
    parse_document(SOURCE, body)
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
