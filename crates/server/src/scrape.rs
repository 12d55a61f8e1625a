//! `GET /metrics`: numbers for Prometheus, OpenTelemetry collectors, and whatever else reads that format.
//!
//! Let in: a request signed for the operator's API, one that brings the configured token (bearer, or basic with the
//! token as password), and, if configured, one from this machine. Nothing here counts; the engine does.

mod text;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use subtle::ConstantTimeEq as _;

use crate::state::{AppState, Peer};
use crate::{api, auth};

/// Who may read the numbers besides those who sign.
#[derive(Debug, Clone, Default)]
pub struct ScrapeConfig {
    /// The token of a collector; empty lets nobody in by token.
    pub token: ScrapeToken,
    /// Whether requests from this machine's loopback addresses need no token. A proxy on this machine makes everybody
    /// such a request.
    pub open_on_loopback: bool,
}

/// A secret that is not shown.
#[derive(Clone, Default)]
pub struct ScrapeToken(pub String);

impl std::fmt::Debug for ScrapeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScrapeToken")
    }
}

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Prometheus,
    OpenMetrics,
}

impl Form {
    /// What the reader prefers. OpenMetrics only where it is named.
    fn of(headers: &HeaderMap) -> Self {
        let accepts = headers.get_all(http::header::ACCEPT).iter();
        let mut accepts = accepts.filter_map(|value| value.to_str().ok());
        if accepts.any(|value| value.contains("application/openmetrics-text")) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Answers the request.
pub(crate) async fn answer(State(state): State<AppState>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (parts, _) = request.into_parts();
    if !is_let_in(&state, &parts, peer) {
        return refused();
    }
    let form = Form::of(&parts.headers);
    let functions = state.config().functions.as_ref();
    let numbers = text::Numbers {
        rows: &state.handle().measured_totals(),
        functions: &functions.map_or_else(Vec::new, |functions| functions.invoker.counts()),
        figures: &state.handle().figures(),
    };
    let text = text::write(&numbers, form);
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static(form.content_type());
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, kind);
    headers.insert(
        http::header::CACHE_CONTROL,
        HeaderValue::from_static("no-store"),
    );
    response
}

fn is_let_in(state: &AppState, parts: &Parts, peer: Option<Peer>) -> bool {
    let authorizations = parts.headers.get_all(http::header::AUTHORIZATION);
    if authorizations.iter().count() > 1 {
        return false;
    }
    let config = &state.config().scrape;
    let local = peer.is_some_and(|peer| peer.0.ip().to_canonical().is_loopback());
    (config.open_on_loopback && local)
        || has_token(&config.token, &parts.headers)
        || signed(state, parts)
}

/// Whether the request brings the token. How long that takes tells nothing of the token but its length.
fn has_token(token: &ScrapeToken, headers: &HeaderMap) -> bool {
    let wanted = token.0.as_bytes();
    !wanted.is_empty()
        && given(headers).is_some_and(|given| bool::from(given.as_bytes().ct_eq(wanted)))
}

/// The token in the request: a bearer's, or the password of basic authentication.
fn given(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::AUTHORIZATION)?;
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    pair.split_once(':')
        .map(|(_, password)| password.to_owned())
}

/// Whether the request is signed as one of the operator's API.
fn signed(state: &AppState, parts: &Parts) -> bool {
    let for_operator =
        auth::claimed(parts).is_some_and(|claimed| claimed.service == api::SIGNING_NAME);
    for_operator && auth::verify(state, parts, &[], state.handle().now()).is_ok()
}

fn refused() -> Response {
    let mut response = Response::new(Body::from(
        "Give the token of [metrics] scrape_token as a bearer token or as the password of basic authentication, or sign \
         the request for the service `quell`.\n",
    ));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(http::header::CONTENT_TYPE, kind);
    let challenge = HeaderValue::from_static("Bearer realm=\"metrics\"");
    headers.insert(http::header::WWW_AUTHENTICATE, challenge);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_str(value).expect("a header");
            headers.append(http::header::AUTHORIZATION, value);
        }
        headers
    }

    #[test]
    fn a_token_is_a_bearers_or_a_password() {
        let token = ScrapeToken("0123456789abcdef".to_owned());
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let good = [
            "Bearer 0123456789abcdef".to_owned(),
            "bearer 0123456789abcdef".to_owned(),
            basic("prometheus:0123456789abcdef"),
            basic(":0123456789abcdef"),
        ];
        for value in &good {
            assert!(has_token(&token, &headers(&[value])), "{value}");
            assert!(!has_token(&ScrapeToken::default(), &headers(&[value])));
        }
        let bad = [
            "Bearer 0123456789abcdeg".to_owned(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            "0123456789abcdef".to_owned(),
            "Digest 0123456789abcdef".to_owned(),
            "Basic 0123456789abcdef".to_owned(),
            basic("0123456789abcdef"),
            basic("0123456789abcdef:x"),
        ];
        for value in &bad {
            assert!(!has_token(&token, &headers(&[value])), "{value}");
        }
        assert!(!has_token(&token, &headers(&[])));
        assert!(!has_token(&ScrapeToken::default(), &headers(&["Bearer "])));
    }
}
