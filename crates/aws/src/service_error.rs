//! Errors that a service answered with, and answers that cannot be read.

use serde_json::{Map, Value};

use crate::HttpResponse;
use crate::model::{Name, catalog};

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
    /// S3's second id of the request.
    pub extended_request_id: Option<Box<str>>,
    /// `Retry-After` of the answer, in milliseconds.
    pub retry_after_ms: Option<u32>,
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
            extended_request_id: response.header("x-amz-id-2").map(Box::from),
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

    /// Whether the answer names no code of a service, so that nobody can tell whether the service or something before
    /// it wrote the answer. [`Self::code`] is the status then.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.code.parse() == Ok(self.status)
    }

    /// Client name of the service, as `ec2`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.service)
    }

    /// Name of the error in the service's model: `QueueDoesNotExist` for the code
    /// `AWS.SimpleQueueService.NonExistentQueue`. `None` for one that the model does not have.
    #[must_use]
    pub fn shape(&self) -> Option<Name> {
        let service = catalog().service(self.service()).ok()?;
        let operation = service.operation(self.operation())?;
        let exception = service.exception(operation, &self.code)?;
        Some(exception.name)
    }

    /// Operation in PascalCase.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.operation)
    }
}

/// `x-amz-retry-after` counts milliseconds; `retry-after` counts seconds (its date form is not used by AWS). What is
/// longer than fits is as long as can be.
fn retry_after(response: &HttpResponse) -> Option<u32> {
    let number = |name: &str| {
        response
            .header(name)
            .and_then(|value| value.trim().parse::<u64>().ok())
    };
    number("x-amz-retry-after")
        .or_else(|| number("retry-after").and_then(|seconds| seconds.checked_mul(1000)))
        .map(|millis| u32::try_from(millis).unwrap_or(u32::MAX))
}

/// Name of an HTTP status, for answers that say nothing else. As boto3 has it from Python's list.
pub(crate) fn status_name(status: u16) -> &'static str {
    match status {
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Requested Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a Teapot",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}
