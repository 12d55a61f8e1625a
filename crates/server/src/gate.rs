//! The way of every request: canonical or refused, signature verified, routed to one handler, rendered.
//!
//! Nothing past this module sees an unauthenticated request; the only answer without a signature is `GET /health`.

use std::panic::AssertUnwindSafe;

use aws::sigv4::VerifyError;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use model::Scope;
use serde_json::json;

use crate::auth::{self, Claimed};
use crate::aws::{self as services, DEFAULT_BODY_LIMIT, Service, Target};
use crate::call::{Call, Reply};
use crate::dialect::{self, Dialect, Shape};
use crate::error::ApiError;
use crate::json_body;
use crate::query::Query;
use crate::state::AppState;

/// Longest request line that is looked at, in bytes of path and query.
const MAX_URI: usize = 8 * 1024;

pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/health", get(health))
        .fallback(answer)
        .with_state(state)
}

async fn health(State(state): State<AppState>) -> Response {
    let readiness = state.readiness();
    let body = json!({ "status": readiness.word(), "version": env!("CARGO_PKG_VERSION") });
    let mut response = Response::new(Body::from(body.to_string()));
    if !readiness.is_ready() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}

async fn answer(State(state): State<AppState>, request: Request) -> Response {
    let request_id = state.handle().new_id().to_string();
    let (parts, body) = request.into_parts();
    let claimed = auth::claimed(&parts);
    let dialect = dialect_of(&parts, claimed.as_ref());
    let mut response = match guarded(respond(&state, parts, body, claimed)).await {
        Ok(reply) => render(&reply, &dialect),
        Err(error) => error.render(&dialect, &request_id),
    };
    tracing::debug!(
        request.id = request_id,
        status = response.status().as_u16(),
        "request answered"
    );
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

/// A handler that panics answers as a fault of the server; the connection and all other requests go on.
async fn guarded(work: impl Future<Output = Result<Reply, ApiError>>) -> Result<Reply, ApiError> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(ApiError::internal(panic_text(panic.as_ref()))))
}

async fn respond(
    state: &AppState,
    parts: Parts,
    body: Body,
    claimed: Option<Claimed>,
) -> Result<Reply, ApiError> {
    require_canonical(&parts)?;
    require_single_headers(&parts.headers)?;
    let refused = |error: &VerifyError| auth::refusal(error);
    if let Some(claimed) = &claimed {
        auth::require_known(state, claimed).map_err(|error| refused(&error))?;
    }
    let service = claimed
        .as_ref()
        .and_then(|claimed| services::find_service(&claimed.service));
    let target = service
        .map(|service| service.operations.target(&parts))
        .transpose();
    // An unknown operation is told only to those whose signature holds.
    let limit = match &target {
        Ok(Some(target)) => target.body_limit,
        _ => DEFAULT_BODY_LIMIT,
    };
    let bytes = if claimed.is_some() {
        read_body(state, body, limit).await?
    } else {
        Bytes::new()
    };
    let caller = auth::verify(state, &parts, &bytes, state.handle().now())
        .map_err(|error| refused(&error))?;
    let (Some(service), Some(target)) = (service, target?) else {
        return Err(unknown_service(claimed.as_ref()));
    };
    run(state, &parts, Signed { caller, bytes }, (service, target)).await
}

struct Signed {
    caller: auth::Caller,
    bytes: Bytes,
}

async fn run(
    state: &AppState,
    parts: &Parts,
    signed: Signed,
    (service, target): (&Service, Target),
) -> Result<Reply, ApiError> {
    let Signed { caller, bytes } = signed;
    require_json(&parts.headers, &bytes)?;
    if !state.readiness().is_ready() {
        return Err(ApiError::unavailable(
            "The server is starting or stopping: try again later.",
        ));
    }
    tracing::debug!(
        service = service.signing_name,
        operation = target.name,
        key = caller.key_id,
        "request accepted"
    );
    let call = Call {
        scope: Scope::new(&state.config().account, &caller.region),
        state: state.clone(),
        caller,
        input: json_body::parse(&bytes)?,
        query: Query::parse(parts.uri.query().unwrap_or_default())?,
        path: target.path,
    };
    (target.handler)(call).await
}

fn render(reply: &Reply, dialect: &Dialect) -> Response {
    let mut response = Response::new(Body::from(reply.bytes()));
    *response.status_mut() = reply.status;
    if reply.body.is_some() {
        let content_type = match dialect.shape {
            Shape::Json => "application/x-amz-json-1.1",
            Shape::Rest | Shape::Problem => "application/json",
            Shape::Query | Shape::Ec2 => "text/xml",
        };
        response.headers_mut().insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
    }
    response
}

/// How to spell errors before it is known whether the signature holds.
fn dialect_of(parts: &Parts, claimed: Option<&Claimed>) -> Dialect {
    if let Some(service) = claimed.and_then(|claimed| services::find_service(&claimed.service)) {
        return service.dialect;
    }
    if parts.headers.contains_key("x-amz-target") {
        return dialect::EVENTS;
    }
    let content_type = parts.headers.get(http::header::CONTENT_TYPE);
    if content_type.is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form")) {
        let ec2 = claimed.is_some_and(|claimed| claimed.service == "ec2");
        return if ec2 { dialect::EC2 } else { dialect::QUERY };
    }
    if parts.uri.path().starts_with("/api/") {
        dialect::OPERATOR
    } else {
        dialect::INCIDENTS
    }
}

/// Dot segments, empty segments and bad escapes are refused before routing: one resource has one spelling.
fn require_canonical(parts: &Parts) -> Result<(), ApiError> {
    let path = parts.uri.path();
    let length = path.len() + parts.uri.query().map_or(0, str::len);
    let fault = if length > MAX_URI {
        "is longer than 8 KiB"
    } else if path.contains("//") {
        "has an empty segment"
    } else if path.contains('\\') || !has_whole_escapes(path) {
        "has a backslash or a broken percent escape"
    } else if path.split('/').any(is_dot_segment) {
        "has a dot segment"
    } else {
        return Ok(());
    };
    Err(ApiError::validation(format!(
        "the request's path {fault}: send a canonical path"
    )))
}

fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

fn has_whole_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let mut digits = rest.bytes();
        let mut hex = || digits.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        hex() && hex()
    })
}

/// Headers that choose who calls what must not be there twice: two readers could choose differently.
fn require_single_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
    const DATE: HeaderName = HeaderName::from_static("x-amz-date");
    for name in [
        http::header::AUTHORIZATION,
        http::header::HOST,
        TARGET,
        DATE,
    ] {
        if headers.get_all(&name).iter().count() > 1 {
            return Err(ApiError::validation(format!(
                "the header `{name}` stands twice in the request: send it once"
            )));
        }
    }
    Ok(())
}

/// A body that says it is something else than JSON is not read as JSON. One that says nothing is.
fn require_json(headers: &HeaderMap, body: &[u8]) -> Result<(), ApiError> {
    let Some(given) = headers
        .get(http::header::CONTENT_TYPE)
        .filter(|_| !body.is_empty())
    else {
        return Ok(());
    };
    let given = given.to_str().unwrap_or_default();
    let kind = given.split(';').next().unwrap_or_default().trim();
    const JSON: [&str; 3] = [
        "application/json",
        "application/x-amz-json-1.1",
        "application/x-amz-json-1.0",
    ];
    if JSON.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return Ok(());
    }
    let shown = crate::error::echo(given);
    let message = format!(
        "the content type `{shown}` is not served: send {} or {}",
        JSON[0], JSON[1]
    );
    Err(ApiError::new("UnsupportedMediaTypeException", message)
        .status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .json_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

async fn read_body(state: &AppState, body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let reading = Limited::new(body, limit).collect();
    let Ok(read) = tokio::time::timeout(state.config().body_timeout, reading).await else {
        let message = "the request's body did not arrive in time";
        return Err(
            ApiError::new("RequestTimeoutException", message).status(StatusCode::REQUEST_TIMEOUT)
        );
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            let message =
                format!("the request's body is longer than {limit} bytes: send less in one call");
            Err(ApiError::new("RequestEntityTooLargeException", message)
                .status(StatusCode::PAYLOAD_TOO_LARGE)
                .json_status(StatusCode::PAYLOAD_TOO_LARGE))
        }
        Err(_) => Err(ApiError::validation(
            "the request's body broke off before its end",
        )),
    }
}

fn unknown_service(claimed: Option<&Claimed>) -> ApiError {
    let name = claimed.map_or("", |claimed| claimed.service.as_str());
    let served = services::service_names().join(", ");
    let shown = crate::error::echo(name);
    let message = format!("service `{shown}` is not served here; Quell serves: {served}");
    ApiError::new("UnknownOperationException", message).status(StatusCode::NOT_FOUND)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("a handler panicked: {}", text.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_becomes_a_fault_without_detail() {
        let error = guarded(async { panic!("secret detail") })
            .await
            .expect_err("a fault");
        for dialect in [dialect::EVENTS, dialect::INCIDENTS, dialect::OPERATOR] {
            let response = error.render(&dialect, "id");
            assert_eq!(response.status().as_u16(), 500);
            let body = response
                .into_body()
                .collect()
                .await
                .expect("a body")
                .to_bytes();
            assert!(
                !String::from_utf8_lossy(&body).contains("secret"),
                "{body:?}"
            );
        }
    }

    #[test]
    fn only_canonical_paths_pass() {
        let check = |path: &str| {
            let request = http::Request::builder()
                .uri(path)
                .body(())
                .expect("request");
            require_canonical(&request.into_parts().0).is_ok()
        };
        for good in [
            "/",
            "/tags/arn%3Aaws%3Ax%2Fy",
            "/api/v1/runs",
            "/a.b/c..d",
            "/?a=//..%2f",
        ] {
            assert!(check(good), "{good}");
        }
        for bad in [
            "//",
            "/a//b",
            "/a/../b",
            "/./a",
            "/a/%2e%2E",
            "/%2e",
            "/a%",
            "/a%4",
            "/a%zz",
            "/..",
        ] {
            assert!(!check(bad), "{bad}");
        }
        assert!(!check(&format!("/{}", "a".repeat(MAX_URI))));
    }
}
