//! The client's transport: over the network, or to Quell itself in this process.

use std::path::Path;
use std::sync::Arc;

use aws::client::{SendLimits, Transport, TransportError};
use aws::{HttpRequest, HttpResponse};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Response};
use ports::BoxFuture;

use crate::config::{ConfigError, LocalService};
use crate::http as wire;
use crate::http::transport::{Connection, Limits};

type Answered = Result<HttpResponse, TransportError>;

/// Sends requests over the network. Cheap to clone; clones share pools.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    transport: wire::Transport,
}

impl Network {
    pub(crate) fn new(ca_bundle: Option<&Path>) -> Result<Self, ConfigError> {
        // The operator, not an event, names where AWS calls go: addresses inside are theirs to choose.
        Ok(Self {
            transport: wire::Transport::new(ca_bundle, true)?,
        })
    }
}

impl Transport for Network {
    fn send(&self, request: HttpRequest, limits: SendLimits) -> BoxFuture<'_, Answered> {
        Box::pin(async move {
            let request = to_http(request)?;
            let connection = if limits.fresh_connection {
                Connection::Fresh
            } else {
                Connection::Pooled
            };
            let limits = Limits {
                time: limits.time,
                answer_bytes: limits.answer_bytes,
            };
            match self.transport.send(request, connection, limits).await {
                Ok(answer) => Ok(from_http(answer)),
                Err(error) => Err(in_the_clients_words(error)),
            }
        })
    }
}

/// Quell itself, in this process.
pub(crate) struct InProcess(pub(crate) Arc<dyn LocalService>);

impl Transport for InProcess {
    fn send(&self, request: HttpRequest, limits: SendLimits) -> BoxFuture<'_, Answered> {
        Box::pin(async move {
            let host = request.authority.clone();
            let answer = self.0.call(to_http(request)?);
            match tokio::time::timeout(limits.time, answer).await {
                Ok(answer) if answer.body().len() > limits.answer_bytes => {
                    Err(TransportError::TooLarge {
                        host,
                        limit: limits.answer_bytes,
                    })
                }
                Ok(answer) => Ok(from_http(answer)),
                Err(_) => Err(TransportError::Timeout {
                    host,
                    seconds: limits.time.as_secs(),
                }),
            }
        })
    }
}

fn in_the_clients_words(error: wire::TransportError) -> TransportError {
    match error {
        wire::TransportError::NotSent { host, reason } => TransportError::NotSent { host, reason },
        wire::TransportError::Forbidden { reason } => TransportError::Forbidden { reason },
        wire::TransportError::Broken { host, reason } => TransportError::Broken { host, reason },
        wire::TransportError::Timeout { host, seconds } => {
            TransportError::Timeout { host, seconds }
        }
        wire::TransportError::TooLarge { host, limit } => TransportError::TooLarge { host, limit },
    }
}

fn to_http(request: HttpRequest) -> Result<Request<Bytes>, TransportError> {
    let unsendable = |reason: String| TransportError::Unsendable { reason };
    let method = request
        .method
        .parse()
        .map_err(|_| unsendable(format!("`{}` is no HTTP method", request.method)))?;
    let uri = request
        .url()
        .parse()
        .map_err(|error| unsendable(format!("the address cannot be written: {error}")))?;
    // A body that is not there has no length unless it is told; S3 answers such a PUT with 411.
    let tells_length =
        request.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&method);
    let mut built = Request::new(request.body);
    (*built.method_mut(), *built.uri_mut()) = (method, uri);
    let headers = built.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static("Quell"));
    if tells_length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    for (name, value) in &request.headers {
        let known = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| unsendable(format!("`{}` is no header name", name.escape_debug())))?;
        let value = HeaderValue::from_str(value).map_err(|_| {
            unsendable(format!(
                "the parameter sent as header `{name}` has characters that a header may not have"
            ))
        })?;
        headers.insert(known, value);
    }
    Ok(built)
}

fn from_http(answer: Response<Bytes>) -> HttpResponse {
    let (head, body) = answer.into_parts();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    HttpResponse {
        status: head.status.as_u16(),
        headers,
        body,
    }
}
