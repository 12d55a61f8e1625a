//! Errors that a service answered with, and answers that cannot be read.

use serde_json::{Map, Value};

use crate::HttpResponse;

/// What kind of failure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The service's own error.
    Api,
    /// An HTML page where the protocol should be: whoever answered does not implement the operation. No retry helps.
    NotImplementedByTarget,
    /// A body that is not what the protocol or the model says, or that is over the limits.
    Unreadable,
}

/// A call that was answered with an error.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
#[error(
    "{message} (Service: {}; Status Code: {status}; Error Code: {code}; Request ID: {})",
    self.service(),
    request_id.as_deref().unwrap_or("null")
)]
pub struct ServiceError {
    /// Kind.
    pub kind: FailureKind,
    /// AWS's error code, as `InvalidInstanceID.NotFound`.
    pub code: String,
    /// AWS's message.
    pub message: String,
    /// HTTP status.
    pub status: u16,
    /// AWS's request id.
    pub request_id: Option<String>,
    /// `Retry-After` of the answer, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Modelled members of the exception; empty when it is not modelled.
    pub detail: Box<Map<String, Value>>,
    place: Option<Box<Place>>,
}

/// Which call was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    service: String,
    operation: String,
}

impl ServiceError {
    pub(crate) fn new(
        kind: FailureKind,
        response: &HttpResponse,
        code: &str,
        message: &str,
    ) -> Self {
        let request_id = ["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"]
            .iter()
            .find_map(|name| response.header(name))
            .map(str::to_owned);
        Self {
            kind,
            code: code.to_owned(),
            message: message.to_owned(),
            status: response.status,
            request_id,
            retry_after_ms: retry_after(response),
            detail: Box::default(),
            place: None,
        }
    }

    pub(crate) fn unreadable(response: &HttpResponse, reason: &str) -> Self {
        Self::new(
            FailureKind::Unreadable,
            response,
            "UnreadableResponse",
            reason,
        )
    }

    pub(crate) fn at(mut self, service: &str, operation: &str) -> Self {
        self.place = Some(Box::new(Place {
            service: service.to_owned(),
            operation: operation.to_owned(),
        }));
        self
    }

    /// Client name of the service, as `ec2`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.service)
    }

    /// Operation in PascalCase.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.operation)
    }
}

/// `x-amz-retry-after` counts milliseconds; `retry-after` counts seconds (its date form is not used by AWS).
fn retry_after(response: &HttpResponse) -> Option<u64> {
    let number = |name: &str| {
        response
            .header(name)
            .and_then(|value| value.trim().parse::<u64>().ok())
    };
    number("x-amz-retry-after")
        .or_else(|| number("retry-after").and_then(|seconds| seconds.checked_mul(1000)))
}

/// Name of an HTTP status, for answers that say nothing else.
pub(crate) fn status_name(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        412 => "Precondition Failed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}
