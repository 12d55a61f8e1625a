//! Credentials of an ECS task or EKS pod identity through the container's credential endpoint.
//!
//! Source: SDK reference guide, "Container credential provider".

use std::net::IpAddr;

use bytes::Bytes;

use super::{AnswerError, Credentials, TokenName, parse_document};
use crate::HttpRequest;
use crate::endpoint::split_url;

const SOURCE: &str = "container credential endpoint";
const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const ECS_HOST: &str = "http://169.254.170.2";
/// Hosts beside the loopback addresses to which the token may go unencrypted: ECS and EKS.
const HOSTS: [&str; 4] = [
    "localhost",
    "169.254.170.2",
    "169.254.170.23",
    "fd00:ec2::23",
];

/// Whether a variable names the endpoint.
pub fn is_configured(variable: impl Fn(&str) -> Option<String>) -> bool {
    [RELATIVE, FULL]
        .iter()
        .any(|name| variable(name).is_some_and(|value| !value.is_empty()))
}

/// The request for the container's credentials, from `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or
/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, looked up by `variable`; `token` is the content of the authorization token
/// variable or file.
///
/// # Errors
/// [`AnswerError`] if neither variable is set, if plain `http` would leave this machine and its platform, or if the
/// token cannot be a header.
pub fn request(
    variable: impl Fn(&str) -> Option<String>,
    token: Option<&str>,
) -> Result<HttpRequest, AnswerError> {
    let wrong = |reason: String| AnswerError {
        source_name: SOURCE,
        reason,
    };
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let (name, url) = match (set(RELATIVE), set(FULL)) {
        (Some(path), _) => (RELATIVE, format!("{ECS_HOST}{path}")),
        (None, Some(url)) => (FULL, url),
        (None, None) => return Err(wrong(format!("{RELATIVE} and {FULL} are not set"))),
    };
    let (url, query) = url.split_once('?').unwrap_or((url.as_str(), ""));
    let parts = split_url(url).ok_or_else(|| {
        wrong(format!(
            "{name} is not an address such as `http://169.254.170.23/v1/credentials`"
        ))
    })?;
    if parts.scheme != "https" && !is_near(&parts.authority) {
        return Err(wrong(format!(
            "{name} names the host `{}`; without https only a loopback address or one of {} is asked",
            parts.authority,
            HOSTS.join(", ")
        )));
    }
    let mut headers = vec![
        ("host".to_owned(), parts.authority.clone()),
        ("accept".to_owned(), "application/json".to_owned()),
    ];
    if let Some(token) = token.map(str::trim).filter(|token| !token.is_empty()) {
        if token.chars().any(char::is_control) {
            return Err(wrong(
                "the authorization token has a line break or control character".to_owned(),
            ));
        }
        headers.push(("authorization".to_owned(), token.to_owned()));
    }
    Ok(HttpRequest {
        method: "GET".to_owned(),
        scheme: parts.scheme,
        authority: parts.authority,
        path: if parts.path.is_empty() {
            "/".to_owned()
        } else {
            parts.path
        },
        query: query.to_owned(),
        headers,
        body: Bytes::new(),
    })
}

/// Whether a host is this machine or its platform.
fn is_near(authority: &str) -> bool {
    let host = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    HOSTS.contains(&host)
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
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

    fn from(name: &'static str, value: &'static str) -> Result<HttpRequest, AnswerError> {
        request(
            |asked| (asked == name).then(|| value.to_owned()),
            Some("tok\n"),
        )
    }

    #[test]
    fn only_local_or_encrypted() {
        let ecs = from(RELATIVE, "/v2/x?a=b").unwrap();
        assert_eq!(ecs.url(), "http://169.254.170.2/v2/x?a=b");
        assert_eq!(ecs.header("authorization"), Some("tok"));
        for good in [
            "http://localhost:8080/get",
            "http://127.0.0.9/get",
            "http://[::1]:80/get",
            "http://169.254.170.23/v1/credentials",
            "http://[fd00:ec2::23]/v1/credentials",
            "https://example.com/get",
        ] {
            assert!(from(FULL, good).is_ok(), "{good}");
        }
        for bad in [
            "http://example.com/get",
            "http://localhost.example.com/",
            "http://169.254.169.254/",
            "http://[fe80::1]/",
            "nonsense",
            "ftp://localhost/",
        ] {
            assert!(
                from(FULL, bad).unwrap_err().to_string().contains(FULL),
                "{bad}"
            );
        }
        assert!(from("OTHER", "x").is_err());
        let broken = request(|_| Some("/x".to_owned()), Some("a\nb")).unwrap_err();
        assert!(broken.to_string().contains("line break"));
        assert!(is_configured(|name| (name == FULL).then(|| "x".to_owned())));
        assert!(!is_configured(|_| Some(String::new())));
    }
}
