//! Builds the request: address, headers, body, authorization.
//!
//! Values from events fill in parts of a path, values of a query and values of headers, and nothing else: they are
//! encoded so that they stay within their part, or refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use model::connection::ApiDestination;
use model::effect::ApiDestinationCall;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ports::connection::{AuthParameters, Authorization, Parameter};
use ports::vault::Secret;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::guard;

/// Longest address, in bytes.
const URI_BYTES: usize = 16 * 1024;
/// Largest body, in bytes.
const BODY_BYTES: usize = 1 << 20;
/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Headers that neither a connection nor a target sets, as in EventBridge
/// (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html>): they are left out.
const KEPT_BACK: [&str; 35] = [
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "warning",
];

/// Which addresses may be called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) allow_http: bool,
    pub(super) allow_private: bool,
}

impl Rules {
    pub(super) fn check(self, uri: &Uri) -> Result<(), String> {
        guard::check_uri(uri, self.allow_http, self.allow_private)
    }
}

/// A bearer token.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Secret);

impl Bearer {
    /// `None` if the text could not stand in a header.
    pub(super) fn new(token: &str) -> Option<Self> {
        let fits = !token.is_empty()
            && token.len() <= 16 * 1024
            && token.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(Secret::new(token)))
    }

    pub(super) fn token(&self) -> &Secret {
        &self.0
    }
}

/// The whole request.
///
/// # Errors
/// What cannot be sent, in words that repeat no secret.
pub(super) fn build(
    call: &ApiDestinationCall,
    destination: &ApiDestination,
    (parameters, bearer): (&AuthParameters, Option<&Bearer>),
    rules: &Rules,
) -> Result<Request<Bytes>, String> {
    let method = Method::from_bytes(destination.method.as_bytes())
        .map_err(|_| format!("`{}` is no HTTP method", destination.method))?;
    let invocation = &parameters.invocation;
    let mut query: Vec<(&str, &str)> = own_or_overridden(&call.query, &invocation.query, false);
    query.extend(pairs(&invocation.query));
    let uri = address(&destination.endpoint, &call.path, &query)?;
    rules
        .check(&uri)
        .map_err(|reason| format!("the endpoint cannot be called: {reason}"))?;
    let carries = !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS);
    let body = if carries {
        body(&call.body, &invocation.body)?
    } else {
        Bytes::new()
    };
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static("Quell/ApiDestinations"),
    );
    if carries {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(CONTENT_TYPE, json);
    }
    for (name, value) in own_or_overridden(&call.headers, &invocation.headers, true) {
        insert(headers, name, value)?;
    }
    for (name, value) in pairs(&invocation.headers) {
        insert(headers, name, value)?;
    }
    authorize(headers, &parameters.authorization, bearer)?;
    Ok(request)
}

/// The target's parameters without those that the connection sets.
fn own_or_overridden<'a>(
    own: &'a std::collections::BTreeMap<String, String>,
    connection: &[Parameter],
    any_case: bool,
) -> Vec<(&'a str, &'a str)> {
    let same = |a: &str, b: &str| {
        if any_case {
            a.eq_ignore_ascii_case(b)
        } else {
            a == b
        }
    };
    own.iter()
        .filter(|(key, _)| !connection.iter().any(|set| same(&set.key, key)))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

pub(super) fn pairs(parameters: &[Parameter]) -> impl Iterator<Item = (&str, &str)> {
    parameters
        .iter()
        .map(|parameter| (parameter.key.as_str(), parameter.value.expose()))
}

/// The endpoint with its `*`s filled in and the query added.
pub(super) fn address(
    endpoint: &str,
    path: &[String],
    query: &[(&str, &str)],
) -> Result<Uri, String> {
    assembled(endpoint, query, |form| filled(form, path))
}

/// The endpoint as it is, with the query added.
pub(super) fn literal_address(endpoint: &str, query: &[(&str, &str)]) -> Result<Uri, String> {
    assembled(endpoint, query, |path| Ok(path.to_owned()))
}

fn assembled(
    endpoint: &str,
    query: &[(&str, &str)],
    path: impl FnOnce(&str) -> Result<String, String>,
) -> Result<Uri, String> {
    let (scheme, rest) = endpoint
        .split_once("://")
        .ok_or_else(|| format!("the endpoint `{endpoint}` is no web address"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, rest) = rest.split_at(end);
    if host.contains('*') {
        return Err(format!(
            "the endpoint `{endpoint}` has a `*` in its host: only its path may have one"
        ));
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let (form, own_query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut text = Zeroizing::new(format!("{scheme}://{host}"));
    text.push_str(&path(form)?);
    let mut separator = '?';
    if !own_query.is_empty() {
        text.push('?');
        text.push_str(own_query);
        separator = '&';
    }
    for (key, value) in query {
        text.push(separator);
        separator = '&';
        text.push_str(&encoded(key));
        text.push('=');
        text.push_str(&encoded(value));
    }
    if text.len() > URI_BYTES {
        return Err(format!(
            "the address with its parameters has more than {URI_BYTES} bytes"
        ));
    }
    text.parse()
        .map_err(|_| format!("the endpoint `{endpoint}` with its parameters is no web address"))
}

/// The path with a value for each `*`.
fn filled(form: &str, values: &[String]) -> Result<String, String> {
    let holes = form.matches('*').count();
    if holes != values.len() {
        return Err(format!(
            "the endpoint's path has {holes} `*`, and the target gives {} path parameters: give one for each",
            values.len()
        ));
    }
    let mut path = String::with_capacity(form.len());
    let mut values = values.iter();
    for segment in form.split('/') {
        let mut parts = segment.split('*');
        let mut made = parts.next().unwrap_or_default().to_owned();
        let mut from_values = false;
        for part in parts {
            let value = values.next().map(String::as_str).unwrap_or_default();
            from_values = true;
            made.push_str(&encoded(value));
            made.push_str(part);
        }
        if from_values && matches!(made.as_str(), "" | "." | "..") {
            return Err(
                "a path parameter is empty, `.` or `..`: it would change which resource is meant"
                    .to_owned(),
            );
        }
        path.push_str(&made);
        path.push('/');
    }
    path.pop();
    Ok(path)
}

/// A text as a part of a path or a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// The payload with the connection's members.
fn body(payload: &str, members: &[Parameter]) -> Result<Bytes, String> {
    let body = if members.is_empty() {
        payload.to_owned()
    } else {
        let Ok(Value::Object(mut object)) = serde_json::from_str(payload) else {
            return Err(
                "the connection adds body parameters, but the target's input is no JSON object: make it one".to_owned(),
            );
        };
        for (key, value) in pairs(members) {
            object.insert(key.to_owned(), value.into());
        }
        Value::Object(object).to_string()
    };
    if body.len() > BODY_BYTES {
        return Err(format!("the body has more than {BODY_BYTES} bytes"));
    }
    Ok(Bytes::from(body))
}

/// Sets a header, unless it is one that is kept back.
pub(super) fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    if let Some((name, value)) = header(name, value)? {
        headers.insert(name, value);
    }
    Ok(())
}

/// A header, unless it is one that is kept back.
pub(super) fn header(name: &str, value: &str) -> Result<Option<(HeaderName, HeaderValue)>, String> {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("`{}` is no header name", name.escape_debug()))?;
    if KEPT_BACK.contains(&known.as_str()) {
        return Ok(None);
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| {
        format!("the value of header `{known}` has characters that a header may not have")
    })?;
    value.set_sensitive(true);
    Ok(Some((known, value)))
}

pub(super) fn authorize(
    headers: &mut HeaderMap,
    authorization: &Authorization,
    bearer: Option<&Bearer>,
) -> Result<(), String> {
    match (authorization, bearer) {
        (Authorization::Basic { username, password }, _) => {
            basic(headers, username, password);
            Ok(())
        }
        (Authorization::ApiKey { name, value }, _) => {
            let before = headers.len();
            let had = headers.contains_key(name.as_str());
            insert(headers, name, value.expose())?;
            if had || headers.len() > before {
                Ok(())
            } else {
                Err(format!(
                    "the connection's API key cannot be sent in the header `{name}`, which belongs to the connection itself: use another"
                ))
            }
        }
        (Authorization::OauthClientCredentials(_), Some(bearer)) => {
            let text = Zeroizing::new(format!("Bearer {}", bearer.0.expose()));
            insert(headers, AUTHORIZATION.as_str(), &text)
        }
        (Authorization::OauthClientCredentials(_), None) => {
            Err("there is no token for the connection".to_owned())
        }
    }
}

/// `Authorization: Basic ...` (RFC 7617).
pub(super) fn basic(headers: &mut HeaderMap, username: &str, password: &Secret) {
    let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
    let text = Zeroizing::new(format!("Basic {}", BASE64.encode(pair.as_bytes())));
    // Base64 has only letters that a header may have.
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of which hostile values are made.
    const PIECES: [&str; 24] = [
        "/",
        "..",
        ".",
        "?",
        "#",
        "&",
        "=",
        "%",
        "%2f",
        "\\",
        "@",
        ":",
        "//",
        "*",
        " ",
        "\r\n",
        "\0",
        "é",
        "\u{202e}",
        "[::1]",
        "evil.example",
        "a",
        "~",
        ";",
    ];

    #[test]
    fn no_value_leaves_its_part_of_the_address() {
        let mut state = 7_u64;
        let mut next = move || {
            // Knuth's linear congruential generator: the same values in every run.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap()
        };
        let mut value = || -> String {
            let count = next() % 6;
            (0..count).map(|_| PIECES[next() % PIECES.len()]).collect()
        };
        let (mut made, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let path = [value(), value()];
            let (key, wanted) = (value(), value());
            let built = address(
                "https://api.example.com:8443/a/*/b/x-*/c?own=1",
                &path,
                &[(&key, &wanted)],
            );
            let Ok(uri) = built else {
                // Only what would stand alone between two slashes can be refused.
                assert!(matches!(path[0].as_str(), "" | "." | ".."), "{path:?}");
                refused += 1;
                continue;
            };
            made += 1;
            assert_eq!(uri.scheme_str(), Some("https"));
            assert_eq!(uri.authority().unwrap().as_str(), "api.example.com:8443");
            let segments: Vec<&str> = uri.path().split('/').collect();
            assert_eq!(segments.len(), 6, "{uri}");
            assert_eq!((segments[1], segments[3], segments[5]), ("a", "b", "c"));
            let decoded = percent_encoding::percent_decode_str(segments[2]);
            assert_eq!(decoded.decode_utf8().unwrap(), path[0]);
            let pairs: Vec<&str> = uri.query().unwrap().split('&').collect();
            assert_eq!((pairs.len(), pairs[0]), (2, "own=1"), "{uri}");
            let (_, last) = pairs[1].split_once('=').unwrap();
            let decoded = percent_encoding::percent_decode_str(last);
            assert_eq!(decoded.decode_utf8().unwrap(), wanted);
        }
        assert!(made > 10_000 && refused > 100, "{made} {refused}");
    }

    #[test]
    fn addresses_without_a_path_and_with_a_fragment() {
        for (endpoint, query, wanted) in [
            ("https://h", vec![], "https://h/"),
            ("https://h?x", vec![("a", "b")], "https://h/?x&a=b"),
            ("https://h/#frag", vec![], "https://h/"),
            ("https://h/a/", vec![("a", "")], "https://h/a/?a="),
            ("https://h//a", vec![], "https://h//a"),
        ] {
            let uri = address(endpoint, &[], &query).unwrap();
            assert_eq!(uri.to_string(), wanted, "{endpoint}");
        }
        for bad in ["h/a", "https://h*/", "https:// h/", "https://h/a b"] {
            assert!(address(bad, &[], &[]).is_err(), "{bad}");
        }
    }
}
