//! The one error of all handlers, and its renderings.
//!
//! A message names the place and the remedy; it never carries request bodies, secrets or the words of an internal
//! failure (those are logged once, here). Who knows the service's own exceptions is the handler.

use std::borrow::Cow;

use axum::response::Response;
use engine::{AskError, ChangeError, ReadError};
use http::{HeaderValue, StatusCode};
use model::Rejection;
use serde_json::{Map, Value, json};

use crate::dialect::{Dialect, Shape};

/// Longest piece of a client's own input that is repeated in a message, in characters.
const ECHO_CHARS: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Code {
    /// The same name in every service.
    Exact(Cow<'static, str>),
    /// Input of the wrong JSON type.
    Malformed,
    /// A fault of the server.
    Internal,
}

/// Why a request is refused or failed. Boxed, so that a `Result` with it stays small.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError(Box<Refusal>);

#[derive(Debug, Clone, PartialEq)]
struct Refusal {
    code: Code,
    /// Status in rest-json and problem documents.
    status: StatusCode,
    /// Status in JSON 1.1, where it is not 400 or the server's fault.
    json_status: Option<StatusCode>,
    message: String,
    place: Option<String>,
    members: Map<String, Value>,
    cause: Option<String>,
}

impl ApiError {
    /// A modelled exception with status 400.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Refusal {
            code: Code::Exact(code.into()),
            status: StatusCode::BAD_REQUEST,
            json_status: None,
            message: message.into(),
            place: None,
            members: Map::new(),
            cause: None,
        }))
    }

    /// The status that rest-json gives the exception.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The status that JSON 1.1 gives the exception, where it is not 400.
    pub(crate) fn json_status(mut self, status: StatusCode) -> Self {
        self.0.json_status = Some(status);
        self
    }

    /// A further modelled member.
    pub(crate) fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// A `ValidationException` in words of our own or of the service.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A `ValidationException` in AWS's form for a member that breaks a constraint.
    /// `value` is `None` for a member that is missing.
    pub(crate) fn constraint(place: &str, value: Option<&str>, constraint: &str) -> Self {
        let shown = value.map_or_else(|| "null".to_owned(), |value| format!("'{}'", echo(value)));
        let message = format!(
            "1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: {constraint}"
        );
        let mut error = Self::validation(message);
        error.0.place = Some(place.to_owned());
        error
    }

    /// Input of the wrong JSON type, or no JSON at all.
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        let mut error = Self::new("", message);
        error.0.code = Code::Malformed;
        error
    }

    /// A `ResourceNotFoundException`, 404 in rest-json.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFoundException", message).status(StatusCode::NOT_FOUND)
    }

    /// A `ConflictException`, 409 in rest-json.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new("ConflictException", message).status(StatusCode::CONFLICT)
    }

    /// Queues are full.
    pub(crate) fn busy() -> Self {
        Self::new(
            "ThrottlingException",
            "Rate exceeded. The server is busy: try again later.",
        )
        .status(StatusCode::TOO_MANY_REQUESTS)
    }

    /// Not ready yet, or no longer.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new("ServiceUnavailableException", message)
            .status(StatusCode::SERVICE_UNAVAILABLE)
            .json_status(StatusCode::SERVICE_UNAVAILABLE)
    }

    /// A fault of the server; `cause` is logged, never shown.
    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        let message =
            "An internal error has occurred; the server's log says more under this request id.";
        let mut error = Self::new("", message).status(status).json_status(status);
        error.0.code = Code::Internal;
        error.0.cause = Some(cause.into());
        error
    }

    /// From a refused input; `rejected` knows the service's exceptions.
    pub(crate) fn from_ask(error: AskError, rejected: impl FnOnce(Rejection) -> Self) -> Self {
        match error {
            AskError::Rejected(rejection) => rejected(rejection),
            AskError::Busy => Self::busy(),
            AskError::Stopping => Self::unavailable("The server is stopping: try again later."),
            AskError::Replayed { holder } => {
                Self::conflict(format!("the request was made before: {holder}"))
            }
            AskError::TokenMismatch => Self::new(
                "IdempotentParameterMismatch",
                "The idempotency token was used before with other parameters.",
            )
            .status(StatusCode::CONFLICT),
            AskError::Broken(cause) => Self::internal(cause),
        }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The code as `dialect` spells it.
    pub(crate) fn code<'a>(&'a self, dialect: &Dialect) -> &'a str {
        match &self.0.code {
            Code::Exact(code) => code,
            Code::Malformed => dialect.malformed,
            Code::Internal => dialect.internal,
        }
    }

    /// The answer in a service's dialect. Logs a fault of the server, once.
    pub(crate) fn render(&self, dialect: &Dialect, request_id: &str) -> Response {
        if let Some(cause) = &self.0.cause {
            tracing::error!(request.id = request_id, error = cause, "a request failed");
        }
        let code = self.code(dialect).to_owned();
        let body = self.body(dialect, &code);
        let (status, content_type) = match dialect.shape {
            Shape::Json => (
                self.0.json_status.unwrap_or(StatusCode::BAD_REQUEST),
                "application/x-amz-json-1.1",
            ),
            Shape::Rest => (self.0.status, "application/json"),
            Shape::Problem => (self.0.status, "application/problem+json"),
            Shape::Query | Shape::Ec2 => (self.0.status, "text/xml"),
        };
        let text = match dialect.shape {
            Shape::Query | Shape::Ec2 => xml(dialect.shape, (&code, &self.0.message), request_id),
            _ => body.to_string(),
        };
        let mut response = Response::new(text.into());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        if dialect.shape == Shape::Rest
            && let Ok(value) = HeaderValue::from_str(&code)
        {
            headers.insert("x-amzn-errortype", value);
        }
        response
    }

    fn body(&self, dialect: &Dialect, code: &str) -> Value {
        let mut body = Map::new();
        match dialect.shape {
            Shape::Json => {
                body.insert("__type".to_owned(), code.into());
            }
            Shape::Rest | Shape::Query | Shape::Ec2 => {}
            Shape::Problem => {
                body.insert("type".to_owned(), "about:blank".into());
                body.insert(
                    "title".to_owned(),
                    self.0.status.canonical_reason().unwrap_or("Error").into(),
                );
                body.insert("status".to_owned(), self.0.status.as_u16().into());
                body.insert("code".to_owned(), code.into());
            }
        }
        body.insert(
            dialect.message_key.to_owned(),
            self.0.message.as_str().into(),
        );
        if dialect.fields && code == "ValidationException" && !self.0.members.contains_key("Reason")
        {
            body.insert("Reason".to_owned(), "FIELD_VALIDATION_FAILED".into());
            if let Some(place) = &self.0.place {
                body.insert(
                    "Fields".to_owned(),
                    json!([{ "Name": place, "Message": self.0.message }]),
                );
            }
        }
        for (name, value) in &self.0.members {
            body.insert(name.clone(), value.clone());
        }
        Value::Object(body)
    }
}

/// An error as clients of query services read it.
fn xml(shape: Shape, (code, message): (&str, &str), request_id: &str) -> String {
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let (code, message) = (escaped(code), escaped(message));
    match shape {
        Shape::Ec2 => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
        ),
        _ => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        ),
    }
}

/// A client's own text, cut for a message.
pub(crate) fn echo(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(ECHO_CHARS) {
        Some((cut, _)) => Cow::Owned(format!("{}...", text.get(..cut).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Conflict { .. } => Self::new(
                "ConcurrentModificationException",
                "The resource was changed at the same time: try again.",
            )
            .status(StatusCode::CONFLICT),
            ChangeError::Busy => Self::busy(),
            ChangeError::Broken(cause) => Self::internal(cause),
        }
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        Self::internal(error.to_string())
    }
}
