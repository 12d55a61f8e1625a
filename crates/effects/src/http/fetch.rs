//! Fetches one small public document, such as a certificate.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};

use super::guard::check_uri;
use super::transport::{Connection, Limits, Transport};
use crate::config::ConfigError;

/// Limit of one fetch.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Reads documents at public `https` addresses. Follows no redirect. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    transport: Transport,
}

impl Fetcher {
    /// A fetcher that trusts `ca_bundle`, or the public authorities without one.
    ///
    /// # Errors
    /// The bundle cannot be used.
    pub fn new(ca_bundle: Option<&Path>) -> Result<Self, ConfigError> {
        let transport = Transport::new(ca_bundle, false)?;
        Ok(Self { transport })
    }

    /// The document at an address, of at most `limit` bytes.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub async fn fetch(&self, url: &str, limit: usize) -> Result<Vec<u8>, String> {
        let uri: Uri = url
            .parse()
            .map_err(|_| "the address cannot be read".to_owned())?;
        check_uri(&uri, false, false)?;
        let host = uri.host().unwrap_or_default().to_owned();
        let request = Request::get(uri)
            .header(http::header::HOST, &host)
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let limits = Limits {
            time: TIMEOUT,
            answer_bytes: limit,
        };
        let sent = self.transport.send(request, Connection::Pooled, limits);
        let answer = sent.await.map_err(|error| error.to_string())?;
        if answer.status() != StatusCode::OK {
            return Err(format!("`{host}` answered {}", answer.status()));
        }
        Ok(answer.into_body().to_vec())
    }
}
