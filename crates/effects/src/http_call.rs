//! Posts to a webhook, within the guard of [`crate::http::guard`].
//!
//! One attempt: who wants more tries again later, by a timer that survives a restart.
//! Delivery is at least once, as it is for SNS and EventBridge API destinations: a receiver recognises a repeat by its
//! message id. No redirect is followed: it would lead past the checks.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use model::Outcome;
use model::effect::{Failure, WebhookPost};
use serde_json::json;

use crate::config::{ConfigError, Webhook};
use crate::http::guard;
use crate::http::transport::{Connection, Limits};
use crate::http::{Transport, TransportError};

const ANSWER_BYTES: usize = 1 << 20;
const BODY_BYTES: usize = 1 << 20;
const URL_BYTES: usize = 8192;
/// Most characters of an answer that go into a result or a message.
const EXCERPT_CHARS: usize = 500;
/// Headers that describe the connection, not the message; the transport sets them.
const TRANSPORT_HEADERS: [&str; 7] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "upgrade",
    "te",
    "trailer",
];

/// Why a post has no answer.
pub(crate) enum NotPosted {
    /// The post cannot be sent; nothing was.
    Invalid(String),
    /// The exchange failed.
    Transport(TransportError),
}

/// The sender of webhooks.
pub(crate) struct WebhookSender {
    transport: Transport,
    settings: Webhook,
}

impl WebhookSender {
    pub(crate) fn new(settings: &Webhook) -> Result<Self, ConfigError> {
        let transport = Transport::new(settings.ca_bundle.as_deref(), settings.allow_private)?;
        Ok(Self {
            transport,
            settings: settings.clone(),
        })
    }

    /// Posts once. A broken connection, a time limit, a 408, 425, 429 and 5xx are failures in passing.
    pub(crate) async fn post(&self, post: &WebhookPost) -> Outcome {
        let time = self.settings.timeout;
        match self.exchange(post, Connection::Pooled, time).await {
            Ok(answer) if answer.status().is_success() => {
                let status = answer.status().as_u16();
                Outcome::Done {
                    result: json!({ "StatusCode": status, "Body": excerpt(answer.body()) }),
                }
            }
            Ok(answer) => Outcome::Failed(refused(answer.status(), answer.body())),
            Err(NotPosted::Invalid(message)) => {
                Outcome::Failed(failure("ParamValidation", message, None, false))
            }
            Err(NotPosted::Transport(error)) => Outcome::Failed(unreached(&error)),
        }
    }

    /// Posts once and gives whatever is answered.
    pub(crate) async fn exchange(
        &self,
        post: &WebhookPost,
        connection: Connection,
        time: Duration,
    ) -> Result<Response<Bytes>, NotPosted> {
        let request = self.request(post).map_err(NotPosted::Invalid)?;
        let limits = Limits {
            time,
            answer_bytes: ANSWER_BYTES,
        };
        self.transport
            .send(request, connection, limits)
            .await
            .map_err(NotPosted::Transport)
    }

    fn request(&self, post: &WebhookPost) -> Result<Request<Bytes>, String> {
        if post.url.len() > URL_BYTES {
            return Err(format!(
                "`url` has {} bytes; at most {URL_BYTES} are allowed",
                post.url.len()
            ));
        }
        if post.body.len() > BODY_BYTES {
            return Err(format!(
                "`body` has {} bytes; at most {BODY_BYTES} are allowed",
                post.body.len()
            ));
        }
        let uri: Uri = post
            .url
            .parse()
            .map_err(|error| format!("`url` is not an address: {error}"))?;
        guard::check_uri(&uri, self.settings.allow_http, self.settings.allow_private)
            .map_err(|reason| format!("`url` cannot be called: {reason}"))?;
        let mut request = Request::new(Bytes::from(post.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static("Quell"));
        headers.insert(
            CONTENT_TYPE,
            header_value("content_type", &post.content_type)?,
        );
        for (name, value) in &post.headers {
            let known = HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
                format!(
                    "`headers` has a name that is no header name: `{}`",
                    name.escape_debug()
                )
            })?;
            if TRANSPORT_HEADERS.contains(&known.as_str()) {
                return Err(format!(
                    "`headers` may not set `{known}`: it belongs to the connection"
                ));
            }
            headers.insert(known, header_value(name, value)?);
        }
        Ok(request)
    }
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(value).map_err(|_| {
        format!("the value of header `{name}` has characters that a header may not have")
    })
}

fn refused(status: StatusCode, body: &[u8]) -> Failure {
    let transient = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    let message = if status.is_redirection() {
        format!(
            "the receiver redirects (HTTP {status}); redirects are not followed: subscribe the final address"
        )
    } else {
        format!("the receiver answered HTTP {status}: {}", excerpt(body))
    };
    failure("Http", message, Some(status.as_u16()), transient)
}

fn unreached(error: &TransportError) -> Failure {
    match error {
        TransportError::Timeout { .. } => failure("Timeout", error.to_string(), None, true),
        // The receiver took the post; only its answer is of no use.
        TransportError::TooLarge { .. } => failure("Http", error.to_string(), None, false),
        TransportError::Forbidden { reason } => failure(
            "ParamValidation",
            format!("`url` cannot be called: {reason}"),
            None,
            false,
        ),
        TransportError::NotSent { .. } | TransportError::Broken { .. } => {
            failure("Network", error.to_string(), None, true)
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    String::from_utf8_lossy(body)
        .chars()
        .take(EXCERPT_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

fn failure(code: &str, message: String, status: Option<u16>, transient: bool) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}
