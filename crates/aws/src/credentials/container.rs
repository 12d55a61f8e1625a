//! Credentials of an ECS task or EKS pod identity through the container's credential endpoint.
//!
//! Source: SDK reference guide, "Container credential provider".

use bytes::Bytes;

use super::{AnswerError, Credentials, parse_document};
use crate::HttpRequest;
use crate::endpoint::split_url;

const SOURCE: &str = "container credential endpoint";
const ECS_HOST: &str = "http://169.254.170.2";

/// The request for the container's credentials, from `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or
/// `AWS_CONTAINER_CREDENTIALS_FULL_URI`, looked up by `variable`; `token` is the content of the authorization token
/// variable or file. `None` if neither variable is set or the URL cannot be used: plain `http` goes only to this
/// machine and the two link-local addresses.
pub fn request(
    variable: impl Fn(&str) -> Option<String>,
    token: Option<&str>,
) -> Option<HttpRequest> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let url = match set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        Some(path) => format!("{ECS_HOST}{path}"),
        None => set("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
    };
    let (url, query) = url
        .split_once('?')
        .map_or((url.as_str(), ""), |(url, query)| (url, query));
    let parts = split_url(url)?;
    let host = parts
        .authority
        .rsplit_once(':')
        .map_or(parts.authority.as_str(), |(host, _)| host);
    let local = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "169.254.170.2",
        "169.254.170.23",
        "[fd00:ec2::23]",
    ];
    if parts.scheme != "https"
        && !local.contains(&host)
        && !local.contains(&parts.authority.as_str())
    {
        return None;
    }
    let mut headers = vec![("host".to_owned(), parts.authority.clone())];
    if let Some(token) = token
        .map(str::trim)
        .filter(|token| !token.is_empty() && !token.contains(['\r', '\n']))
    {
        headers.push(("authorization".to_owned(), token.to_owned()));
    }
    Some(HttpRequest {
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

    fn from(name: &'static str, value: &'static str) -> Option<HttpRequest> {
        request(
            |asked| (asked == name).then(|| value.to_owned()),
            Some("tok"),
        )
    }

    #[test]
    fn only_local_or_encrypted() {
        let ecs = from("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x?a=b").unwrap();
        assert_eq!(ecs.url(), "http://169.254.170.2/v2/x?a=b");
        assert_eq!(ecs.header("authorization"), Some("tok"));
        assert!(
            from(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://localhost:8080/get"
            )
            .is_some()
        );
        assert!(
            from(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "https://example.com/get"
            )
            .is_some()
        );
        assert!(
            from(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://example.com/get"
            )
            .is_none()
        );
        assert!(from("OTHER", "x").is_none());
    }
}
