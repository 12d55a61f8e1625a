//! The one error of all handlers, and its renderings.
//!
//! A message names the place and the remedy; it never carries request bodies, secrets or the words of an internal
//! failure (those are logged once, here). Who knows the service's own exceptions is the handler.

use std::borrow::Cow;

use aws::inbound::{ErrorAnswer, InboundError, encode_error};
use aws::model::Protocol;
use axum::response::Response;
use engine::{AskError, ChangeError, ReadError};
use http::{HeaderValue, StatusCode};
use model::Rejection;
use serde_json::{Map, Value, json};

use crate::voice::{Voice, Words};
use crate::wire;

/// Longest piece of a client's own input that is repeated in a message, in characters.
const ECHO_CHARS: usize = 128;
/// The same for a value that breaks a constraint, which AWS repeats whole; a longer one is cut.
const MAX_SHOWN: usize = 4_096;

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
        let quoted = |value| format!("'{}'", cut(value, MAX_SHOWN));
        let shown = value.map_or_else(|| "null".to_owned(), quoted);
        let message = format!(
            "1 validation error detected: Value {shown} at '{place}' failed to satisfy constraint: {constraint}"
        );
        let mut error = Self::validation(message);
        error.0.place = Some(place.to_owned());
        error
    }

    /// The same for a member whose value is not shown.
    pub(crate) fn secret_constraint(place: &str, constraint: &str) -> Self {
        let mut error = Self::validation(format!(
            "1 validation error detected: Value at '{place}' failed to satisfy constraint: {constraint}"
        ));
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

    /// More than is taken in one request.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new("RequestEntityTooLargeException", message)
            .status(StatusCode::PAYLOAD_TOO_LARGE)
            .json_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// A body of a type or in an encoding that is not read.
    pub(crate) fn unsupported_media(message: impl Into<String>) -> Self {
        Self::new("UnsupportedMediaTypeException", message)
            .status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
            .json_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
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

    /// The same refusal of an attribute that came among others: SNS names their member first.
    pub(crate) fn in_attributes(mut self) -> Self {
        let known = "Invalid parameter: ";
        if let Some(rest) = self.0.message.strip_prefix(known)
            && !rest.starts_with("Attributes Reason: ")
        {
            self.0.message = format!("{known}Attributes Reason: {rest}");
        }
        self
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    /// The code in a service's words.
    pub(crate) fn code(&self, words: Words) -> &str {
        match &self.0.code {
            Code::Exact(code) => code,
            Code::Malformed => words.malformed,
            Code::Internal => words.internal,
        }
    }

    /// Status and message alone. Logs a fault of the server, once.
    pub(crate) fn plain(&self, request_id: &str) -> (StatusCode, &str) {
        if let Some(cause) = &self.0.cause {
            tracing::error!(request.id = request_id, error = cause, "a request failed");
        }
        (self.0.status, &self.0.message)
    }

    /// The answer in a service's form. Logs a fault of the server, once.
    pub(crate) fn render(&self, voice: &Voice, request_id: &str) -> Response {
        if let Some(cause) = &self.0.cause {
            tracing::error!(request.id = request_id, error = cause, "a request failed");
        }
        let words = voice.words();
        let Voice::Aws { model, .. } = voice else {
            return self.problem(words);
        };
        let status = match model.protocol {
            Protocol::Json => self.0.json_status.unwrap_or(StatusCode::BAD_REQUEST),
            _ => self.0.status,
        };
        let code = self.code(words);
        let answer = ErrorAnswer {
            code,
            message: &self.0.message,
            status: status.as_u16(),
            members: &self.members(words, code),
            request_id,
        };
        wire::response(encode_error(model, None, &answer))
    }

    /// The modelled members beside the message.
    fn members(&self, words: Words, code: &str) -> Map<String, Value> {
        let mut members = Map::new();
        if words.fields && code == "ValidationException" && !self.0.members.contains_key("Reason") {
            members.insert("Reason".to_owned(), "FIELD_VALIDATION_FAILED".into());
            if let Some(place) = &self.0.place {
                let field = json!([{ "Name": place, "Message": self.0.message }]);
                members.insert("Fields".to_owned(), field);
            }
        }
        members.extend(self.0.members.clone());
        members
    }

    /// The problem document.
    fn problem(&self, words: Words) -> Response {
        let status = self.0.status;
        let mut body = Map::new();
        body.insert("type".to_owned(), "about:blank".into());
        let title = status.canonical_reason().unwrap_or("Error");
        body.insert("title".to_owned(), title.into());
        body.insert("status".to_owned(), status.as_u16().into());
        body.insert("code".to_owned(), self.code(words).into());
        body.insert("detail".to_owned(), self.0.message.as_str().into());
        body.extend(self.0.members.clone());
        let mut response = Response::new(Value::Object(body).to_string().into());
        *response.status_mut() = status;
        response.headers_mut().insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        response
    }
}

/// A client's own text, cut for a message.
pub(crate) fn echo(text: &str) -> Cow<'_, str> {
    cut(text, ECHO_CHARS)
}

fn cut(text: &str, chars: usize) -> Cow<'_, str> {
    match text.char_indices().nth(chars) {
        Some((cut, _)) => Cow::Owned(format!("{}...", text.get(..cut).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

impl From<InboundError> for ApiError {
    fn from(error: InboundError) -> Self {
        match error {
            InboundError::UnknownOperation(message) => {
                Self::new("UnknownOperationException", message).status(StatusCode::NOT_FOUND)
            }
            InboundError::Encoding(message) => Self::unsupported_media(message),
            InboundError::TooLarge { .. } => Self::too_large(error.to_string()),
            InboundError::Malformed(_) | InboundError::WrongType { .. } => {
                Self::malformed(error.to_string())
            }
        }
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
