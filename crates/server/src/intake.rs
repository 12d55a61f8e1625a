//! The doors of senders: `/intake/<source>`, `/v2/enqueue` and `/oauth/token`.
//!
//! These requests bear no SigV4 signature: who sends is proven as the source wants it, and judged by `intake`. Here a
//! request is only held to the limits of every request.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::error::ApiError;
use crate::gate;
use crate::state::AppState;

/// Answers a sender.
pub(crate) async fn answer(State(state): State<AppState>, request: Request) -> Response {
    let request_id = state.handle().new_id().to_string();
    let mut response = match gate::guarded(respond(&state, request)).await {
        Ok(response) => response,
        Err(error) => refusal(&error, &request_id),
    };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-amzn-requestid", value);
    }
    response
}

async fn respond(state: &AppState, request: Request) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    gate::require_canonical(&parts)?;
    let nobody = || ApiError::not_found("there is no such source");
    let sources = state.intake().ok_or_else(nobody)?;
    gate::require_ready(state)?;
    let limit = sources.body_limit(parts.uri.path()).ok_or_else(nobody)?;
    let bytes = gate::read_body(state, body, limit).await?;
    let answered = sources
        .answer(http::Request::from_parts(parts, bytes))
        .await;
    Ok(answered.map(|bytes: Bytes| Body::from(bytes)))
}

/// A request that never reached a source.
fn refusal(error: &ApiError, request_id: &str) -> Response {
    let (status, message) = error.plain(request_id);
    let title = status.canonical_reason().unwrap_or("Error");
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": message });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("application/problem+json");
    headers.insert(http::header::CONTENT_TYPE, kind);
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(http::header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}
