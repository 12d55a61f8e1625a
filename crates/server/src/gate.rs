//! The way of every request: canonical or refused, signature verified, routed to one handler, rendered.
//!
//! Nothing past this module sees an unauthenticated request. Without a signature there are only `GET /health`, the
//! doors of senders, which prove who they are in ways of their own (`intake`), `GET /metrics` for those whom the
//! configuration lets in (`scrape`), what links in topics' messages lead to ([`crate::topic_links`]), and the code of
//! functions behind links that end ([`crate::aws::lambda`]).

use std::panic::AssertUnwindSafe;

use aws::inbound::{self, Limits};
use aws::model::{self as models, Protocol};
use aws::sigv4::VerifyError;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{any, get};
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use model::Scope;
use serde_json::{Value, json};

use crate::api;
use crate::auth::{self, Claimed};
use crate::aws::{self as services, DEFAULT_BODY_LIMIT, Served, Target};
use crate::call::{Call, Reply};
use crate::error::ApiError;
use crate::intake;
use crate::json_body;
use crate::query::Query;
use crate::scrape;
use crate::state::AppState;
use crate::topic_links;
use crate::voice::Voice;
use crate::wire::{self, Received};

/// Longest request line that is looked at, in bytes of path and query.
const MAX_URI: usize = 8 * 1024;

pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/intake/{source}", any(intake::answer))
        .route("/v2/enqueue", any(intake::answer))
        .route("/oauth/token", any(intake::answer))
        .route("/metrics", get(scrape::answer))
        .merge(topic_links::routes())
        .merge(services::lambda::routes())
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
    let known = claimed
        .as_ref()
        .is_some_and(|claimed| auth::require_known(&state, claimed).is_ok());
    let voice = Voice::of_request(&parts, claimed.as_ref(), known);
    let answered = guarded(respond(&state, parts, body, (claimed, &request_id))).await;
    let mut response = answered.unwrap_or_else(|error| error.render(&voice, &request_id));
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
pub(crate) async fn guarded(
    work: impl Future<Output = Result<Response, ApiError>>,
) -> Result<Response, ApiError> {
    let outcome = AssertUnwindSafe(work).catch_unwind().await;
    outcome.unwrap_or_else(|panic| Err(ApiError::internal(panic_text(panic.as_ref()))))
}

/// Whom a request is for, as its head says.
enum Door {
    Aws(Routed),
    Operator,
}

/// The operation of a service that a request means.
struct Routed {
    served: &'static Served,
    /// `None` while the body, in which it stands, has not been read.
    target: Option<Result<Target, ApiError>>,
}

impl Door {
    fn of(claimed: &Claimed, parts: &Parts) -> Option<Self> {
        if claimed.service == api::SIGNING_NAME {
            return Some(Self::Operator);
        }
        let served = services::find_service(&claimed.service)?;
        let headers = Received(&parts.headers);
        let head = wire::request(parts, &headers, &[]);
        let target = (!served.is_named_in_body()).then(|| served.target(&head));
        Some(Self::Aws(Routed { served, target }))
    }

    /// Largest body, in bytes as they come.
    fn body_limit(&self) -> usize {
        match self {
            Self::Aws(Routed { served, target }) => match target {
                None => served.largest_body(),
                Some(Ok(target)) => target.operation.body_limit,
                Some(Err(_)) => DEFAULT_BODY_LIMIT,
            },
            Self::Operator => DEFAULT_BODY_LIMIT,
        }
    }
}

async fn respond(
    state: &AppState,
    parts: Parts,
    body: Body,
    (claimed, request_id): (Option<Claimed>, &str),
) -> Result<Response, ApiError> {
    require_canonical(&parts)?;
    require_single_headers(&parts.headers)?;
    let refused = |error: &VerifyError| auth::refusal(error);
    if let Some(claimed) = &claimed {
        auth::require_known(state, claimed).map_err(|error| refused(&error))?;
    }
    let door = claimed
        .as_ref()
        .and_then(|claimed| Door::of(claimed, &parts));
    let limit = door.as_ref().map_or(DEFAULT_BODY_LIMIT, Door::body_limit);
    let bytes = if claimed.is_some() {
        read_body(state, body, limit).await?
    } else {
        Bytes::new()
    };
    let caller = auth::verify(state, &parts, &bytes, state.handle().now())
        .map_err(|error| refused(&error))?;
    // An unknown operation is told only to those whose signature holds.
    match door {
        None => Err(unknown_service(claimed.as_ref())),
        Some(Door::Operator) => run_operator(state, &parts, Signed { caller, bytes }).await,
        Some(Door::Aws(routed)) => {
            let signed = Signed { caller, bytes };
            run_aws(state, &parts, signed, (routed, request_id)).await
        }
    }
}

struct Signed {
    caller: auth::Caller,
    bytes: Bytes,
}

async fn run_aws(
    state: &AppState,
    parts: &Parts,
    signed: Signed,
    (routed, request_id): (Routed, &str),
) -> Result<Response, ApiError> {
    let served = routed.served;
    let (Target { model, operation }, call) = read_call(state, parts, signed, routed)?;
    let Reply { body, .. } = (operation.handler)(call).await?;
    let output = match body {
        Value::Object(output) => output,
        _ => return Err(ApiError::internal("a handler's output is no object")),
    };
    let answer = inbound::encode(&served.model, model, &output, request_id);
    Ok(wire::response(answer))
}

fn read_call(
    state: &AppState,
    parts: &Parts,
    Signed { caller, bytes }: Signed,
    Routed { served, target }: Routed,
) -> Result<(Target, Call), ApiError> {
    let headers = Received(&parts.headers);
    let request = wire::request(parts, &headers, &bytes);
    let target = target.unwrap_or_else(|| served.target(&request))?;
    let Target { model, operation } = target;
    if bytes.len() > operation.body_limit {
        return Err(too_large(operation.body_limit));
    }
    auth::may(&caller, served.service.name, operation.name)?;
    let json = matches!(served.model.protocol, Protocol::Json | Protocol::RestJson);
    if json && !has_raw_body(&served.model, model) {
        require_json(&parts.headers, &bytes)?;
    }
    require_ready(state)?;
    tracing::debug!(
        service = served.service.name,
        operation = operation.name,
        key = caller.key_id,
        "request accepted"
    );
    let limits = Limits {
        bytes: operation.body_limit,
        ..Limits::default()
    };
    let call = Call {
        scope: Scope::new(&state.config().account, &caller.region),
        state: state.clone(),
        caller,
        input: inbound::decode(&served.model, model, &request, limits)?,
        query: Query::default(),
        path: Vec::new(),
    };
    Ok((target, call))
}

async fn run_operator(
    state: &AppState,
    parts: &Parts,
    Signed { caller, bytes }: Signed,
) -> Result<Response, ApiError> {
    let target = api::target(parts)?;
    auth::may(&caller, api::SIGNING_NAME, target.name)?;
    require_json(&parts.headers, &bytes)?;
    require_ready(state)?;
    tracing::debug!(
        service = api::SIGNING_NAME,
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
    let Reply { status, body } = (target.handler)(call).await?;
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, json);
    Ok(response)
}

/// Whether an operation's body is bytes of the caller's own and no document of the protocol.
fn has_raw_body(service: &models::Service, operation: &models::Operation) -> bool {
    let input = operation.input.as_ref();
    let input = input.and_then(|input| service.structure(input));
    let payload = input.and_then(models::Structure::payload_member);
    payload.is_some_and(|payload| {
        let shape = service.shape(&payload.target);
        matches!(shape, models::Shape::Blob | models::Shape::String { .. })
    })
}

pub(crate) fn require_ready(state: &AppState) -> Result<(), ApiError> {
    if state.readiness().is_ready() {
        return Ok(());
    }
    Err(ApiError::unavailable(
        "The server is starting or stopping: try again later.",
    ))
}

/// Dot segments, empty segments and bad escapes are refused before routing: one resource has one spelling.
pub(crate) fn require_canonical(parts: &Parts) -> Result<(), ApiError> {
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
    Err(ApiError::unsupported_media(message))
}

pub(crate) async fn read_body(
    state: &AppState,
    body: Body,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let reading = Limited::new(body, limit).collect();
    let Ok(read) = tokio::time::timeout(state.config().body_timeout, reading).await else {
        let message = "the request's body did not arrive in time";
        return Err(
            ApiError::new("RequestTimeoutException", message).status(StatusCode::REQUEST_TIMEOUT)
        );
    };
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large(limit)),
        Err(_) => Err(ApiError::validation(
            "the request's body broke off before its end",
        )),
    }
}

fn too_large(limit: usize) -> ApiError {
    ApiError::too_large(format!(
        "the request's body is longer than {limit} bytes: send less in one call"
    ))
}

fn unknown_service(claimed: Option<&Claimed>) -> ApiError {
    let name = claimed.map_or("", |claimed| claimed.service.as_str());
    let mut served = services::service_names();
    served.push(api::SIGNING_NAME);
    let served = served.join(", ");
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
        for service in ["events", "ssm-incidents", api::SIGNING_NAME] {
            let voice = Voice::of_own(service).expect("a service");
            let response = error.render(&voice, "id");
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
