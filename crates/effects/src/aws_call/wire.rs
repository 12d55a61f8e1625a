//! One exchange with a service: over the network, or with Quell itself in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws::{Credentials, HttpRequest, HttpResponse, Prepared, ServiceError};
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue, USER_AGENT};
use http::{Request, Response};
use jiff::Timestamp;
use serde_json::Value;

use crate::config::{ConfigError, LocalService};
use crate::http::transport::{Connection, Limits};
use crate::http::{Transport, TransportError};

/// Where a call goes.
#[derive(Clone)]
pub(crate) enum Destination {
    /// AWS, or the address that stands in for it.
    Network,
    /// Quell itself.
    Local(Arc<dyn LocalService>),
}

/// Why an exchange gave no result.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The request has parts that HTTP cannot carry. Nothing was sent.
    Unsendable(String),
    /// The transport's words; they say whether the request may have arrived.
    Transport(TransportError),
    /// The service's error, or an answer that cannot be read.
    Service(Box<ServiceError>),
}

/// Sends signed requests. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    transport: Transport,
}

impl Wire {
    pub(crate) fn new(ca_bundle: Option<&Path>) -> Result<Self, ConfigError> {
        // The operator, not an event, names where AWS calls go: addresses inside are theirs to choose.
        Ok(Self {
            transport: Transport::new(ca_bundle, true)?,
        })
    }

    /// Signs, sends and decodes.
    pub(crate) async fn exchange(
        &self,
        (prepared, credentials): (&Prepared, Option<&Credentials>),
        destination: &Destination,
        connection: Connection,
        (at, time): (Timestamp, Duration),
    ) -> Result<Value, WireError> {
        let request = match credentials {
            Some(credentials) => prepared
                .sign(credentials, at)
                .map_err(|error| WireError::Unsendable(error.to_string()))?,
            None => prepared.request.clone(),
        };
        let answer = match destination {
            Destination::Network => self.send(request, connection, time).await?,
            Destination::Local(service) => call_local(service.as_ref(), request, time).await?,
        };
        prepared
            .decode(&answer)
            .map_err(|error| WireError::Service(Box::new(error)))
    }

    /// Sends a request as it is, e.g. to a source of credentials.
    pub(crate) async fn send(
        &self,
        request: HttpRequest,
        connection: Connection,
        time: Duration,
    ) -> Result<HttpResponse, WireError> {
        let request = to_http(request)?;
        let limits = Limits {
            time,
            answer_bytes: aws::MAX_ANSWER,
        };
        self.transport
            .send(request, connection, limits)
            .await
            .map(from_http)
            .map_err(WireError::Transport)
    }
}

async fn call_local(
    service: &dyn LocalService,
    request: HttpRequest,
    time: Duration,
) -> Result<HttpResponse, WireError> {
    let host = request.authority.clone();
    match tokio::time::timeout(time, service.call(to_http(request)?)).await {
        Ok(answer) => Ok(from_http(answer)),
        Err(_) => Err(WireError::Transport(TransportError::Timeout {
            host,
            seconds: time.as_secs(),
        })),
    }
}

fn to_http(request: HttpRequest) -> Result<Request<Bytes>, WireError> {
    let unsendable = |what: String| WireError::Unsendable(what);
    let mut built = Request::new(request.body.clone());
    *built.method_mut() = request
        .method
        .parse()
        .map_err(|_| unsendable(format!("`{}` is no HTTP method", request.method)))?;
    *built.uri_mut() = request
        .url()
        .parse()
        .map_err(|error| unsendable(format!("the address cannot be written: {error}")))?;
    let headers = built.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static("Quell"));
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
