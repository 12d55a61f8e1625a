//! Calls of a Quell server's own operator API, for the commands of the binary.
//!
//! Signed like every call of Quell (service name `quell`). Knows no command: it carries one request and its answer.

use std::time::Duration;

use aws::client::{SendLimits, Transport};
use aws::sigv4::SigningScope;
use aws::{Credentials, HttpRequest};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use crate::aws_call::Network;
use crate::config::ConfigError;

/// Limits of one call.
const LIMITS: SendLimits = SendLimits {
    time: Duration::from_secs(30),
    answer_bytes: aws::MAX_ANSWER,
    fresh_connection: true,
};

/// A Quell server as an operator reaches it.
#[derive(Clone, Debug)]
pub struct OperatorClient {
    network: Network,
    scheme: String,
    authority: String,
    credentials: Credentials,
    region: String,
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The client cannot be set up.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address is none.
    #[error("`{0}` is not an http(s) address: write e.g. `http://127.0.0.1:8710`")]
    Address(String),
    /// The server could not be reached.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server refused.
    #[error("{message} (HTTP {status})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// The answer is no JSON.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

impl OperatorClient {
    /// A client of the server at `url`.
    ///
    /// # Errors
    /// The address is none, or TLS cannot be set up.
    pub fn new(url: &str, credentials: Credentials, region: &str) -> Result<Self, OperatorError> {
        let bad = || OperatorError::Address(url.to_owned());
        let (scheme, authority) = url
            .trim_end_matches('/')
            .split_once("://")
            .ok_or_else(bad)?;
        if !matches!(scheme, "http" | "https") || authority.is_empty() || authority.contains('/') {
            return Err(bad());
        }
        Ok(Self {
            network: Network::new(None)?,
            scheme: scheme.to_owned(),
            authority: authority.to_owned(),
            credentials,
            region: region.to_owned(),
        })
    }

    /// Sends one request; `path` and `query` are percent-encoded already.
    ///
    /// # Errors
    /// [`OperatorError`].
    pub async fn call(
        &self,
        (method, path, query): (&str, &str, &str),
        body: Option<&Value>,
        at: Timestamp,
    ) -> Result<Value, OperatorError> {
        let mut request = HttpRequest {
            method: method.to_owned(),
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![
                ("host".to_owned(), self.authority.clone()),
                ("content-type".to_owned(), "application/json".to_owned()),
            ],
            body: body
                .map(|body| Bytes::from(body.to_string()))
                .unwrap_or_default(),
        };
        let scope = SigningScope::new(&self.region, "quell");
        aws::sigv4::sign(&mut request, &self.credentials, &scope, at);
        let answer = self.network.send(request, LIMITS).await.map_err(|error| {
            OperatorError::Unreachable {
                url: format!("{}://{}", self.scheme, self.authority),
                reason: error.to_string(),
            }
        })?;
        let text = String::from_utf8_lossy(&answer.body);
        let value = serde_json::from_str::<Value>(&text);
        if !(200..300).contains(&answer.status) {
            let said = value.ok().and_then(|value| {
                ["message", "detail", "title"]
                    .iter()
                    .find_map(|name| value.get(*name)?.as_str().map(str::to_owned))
            });
            let message = said.unwrap_or_else(|| text.chars().take(500).collect());
            return Err(OperatorError::Refused {
                status: answer.status,
                message,
            });
        }
        value.map_err(|error| OperatorError::Unreadable(error.to_string()))
    }
}
