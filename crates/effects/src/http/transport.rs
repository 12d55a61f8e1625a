//! Sends one request and reads one answer, within limits, and says whether a failed request may have arrived.

use std::error::Error as StdError;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::guard::{self, GuardedResolver};
use super::tls;
use crate::config::ConfigError;

/// Most bytes of header that an answer may have, give or take one read.
const HEADER_BYTES: usize = 64 * 1024;
/// Most header fields that an answer may have.
const HEADER_FIELDS: usize = 100;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection: the request surely did not arrive.
    #[error("cannot connect to `{host}`: {reason}")]
    NotSent { host: String, reason: String },
    /// The guard refused the address: nothing was sent, and nothing will be.
    #[error("{reason}")]
    Forbidden { reason: String },
    /// The connection broke after the request may have arrived.
    #[error("the connection to `{host}` broke before the answer was complete: {reason}")]
    Broken { host: String, reason: String },
    /// No complete answer in time; the request may have arrived.
    #[error("`{host}` did not answer within {seconds} s")]
    Timeout { host: String, seconds: u64 },
    /// The answer is too large; the request did arrive.
    #[error("the answer of `{host}` is larger than {limit} bytes")]
    TooLarge { host: String, limit: usize },
}

type HttpClient = Client<HttpsConnector<HttpConnector<GuardedResolver>>, Full<Bytes>>;

/// A pooled HTTP/1.1 client with TLS. It follows no redirects and uses no proxy.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pooled: HttpClient,
    fresh: HttpClient,
}

/// Whether a connection that served before may be used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    /// From the pool where there is one.
    Pooled,
    /// Always new: an idle connection that the other side just closed leaves open whether a request arrived, which a
    /// request that cannot be repeated should not be exposed to.
    Fresh,
}

impl Transport {
    /// A client that trusts `ca_bundle` (or Mozilla's roots) and, unless `allow_private`, calls public addresses only.
    pub(crate) fn new(ca_bundle: Option<&Path>, allow_private: bool) -> Result<Self, ConfigError> {
        let config = tls::client_config(ca_bundle)?;
        let build = |idle: usize| {
            let mut tcp = HttpConnector::new_with_resolver(GuardedResolver { allow_private });
            tcp.enforce_http(false);
            tcp.set_nodelay(true);
            tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(config.clone())
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            Client::builder(TokioExecutor::new())
                .pool_timer(TokioTimer::new())
                .timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(idle)
                .http1_max_headers(HEADER_FIELDS)
                .http1_max_buf_size(HEADER_BYTES)
                .build(connector)
        };
        Ok(Self {
            pooled: build(8),
            fresh: build(0),
        })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) async fn send(
        &self,
        request: Request<Bytes>,
        connection: Connection,
        limits: Limits,
    ) -> Result<Response<Bytes>, TransportError> {
        let host = request
            .uri()
            .authority()
            .map_or_else(String::new, ToString::to_string);
        let client = match connection {
            Connection::Pooled => &self.pooled,
            Connection::Fresh => &self.fresh,
        };
        match tokio::time::timeout(
            limits.time,
            exchange(client, request, &host, limits.answer_bytes),
        )
        .await
        {
            Ok(result) => result,
            Err(_) => Err(TransportError::Timeout {
                host,
                seconds: limits.time.as_secs(),
            }),
        }
    }
}

/// Limits of one exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the first byte to the last.
    pub(crate) time: Duration,
    /// Most bytes of the answer's body.
    pub(crate) answer_bytes: usize,
}

async fn exchange(
    client: &HttpClient,
    request: Request<Bytes>,
    host: &str,
    limit: usize,
) -> Result<Response<Bytes>, TransportError> {
    let answer = client
        .request(request.map(Full::new))
        .await
        .map_err(|error| {
            if let Some(reason) = guard::refused(&error) {
                return TransportError::Forbidden { reason };
            }
            let (host, reason) = (host.to_owned(), causes(&error));
            if error.is_connect() {
                TransportError::NotSent { host, reason }
            } else {
                TransportError::Broken { host, reason }
            }
        })?;
    let (head, body) = answer.into_parts();
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(TransportError::TooLarge {
            host: host.to_owned(),
            limit,
        }),
        Err(error) => Err(TransportError::Broken {
            host: host.to_owned(),
            reason: causes(error.as_ref()),
        }),
    }
}

/// The chain of causes in one line: the outermost alone ("client error (Connect)") helps nobody.
fn causes(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}
