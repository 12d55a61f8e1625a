//! Sockets: accepting connections within limits, TLS, and a stop that lets running requests end.
//!
//! Knows nothing of what is served.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::HeaderValue;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::state::{Peer, Readiness};

/// Largest request head, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Most headers in one request.
const MAX_HEADERS: usize = 100;
/// Rest after an accept that failed (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// A PEM file cannot be used.
    #[error("cannot read {what} from `{path}`: {reason}")]
    Pem {
        /// Certificate chain or private key.
        what: &'static str,
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Certificate and key do not make a server.
    #[error("the certificate and key cannot be used: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// Certificate and key, ready for use.
#[derive(Clone)]
pub struct TlsConfig(Arc<ServerConfig>);

impl std::fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsConfig(..)")
    }
}

impl TlsConfig {
    /// Reads a PEM certificate chain and its PEM private key.
    ///
    /// # Errors
    /// A file that cannot be read or holds nothing of the kind, or a key that does not fit.
    pub fn from_pem_files(certificates: &Path, key: &Path) -> Result<Self, ListenError> {
        let fault = |what, path: &Path, reason: String| ListenError::Pem {
            what,
            path: path.display().to_string(),
            reason,
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect)
            .map_err(|error| fault("certificates", certificates, error.to_string()))?;
        if chain.is_empty() {
            return Err(fault(
                "certificates",
                certificates,
                "there is no CERTIFICATE section".to_owned(),
            ));
        }
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| fault("the private key", key, error.to_string()))?;
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, secret)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }
}

/// How to listen.
#[derive(Debug, Clone)]
pub struct ListenOptions {
    /// TLS, or plain HTTP.
    pub tls: Option<TlsConfig>,
    /// Connections served at the same time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a client may take for a request's head or a TLS handshake, and rest between requests.
    pub head_timeout: Duration,
    /// How long running requests may take once the stop began.
    pub drain_timeout: Duration,
    /// Told when the stop begins.
    pub readiness: Option<Readiness>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            tls: None,
            max_connections: 1024,
            head_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(10),
            readiness: None,
        }
    }
}

/// Serves a router until `shutdown` ends, then lets running requests finish within the drain timeout.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ListenOptions,
    shutdown: impl Future<Output = ()>,
) {
    let router = if options.tls.is_some() {
        with_transport_security(router)
    } else {
        router
    };
    let slots = Arc::new(Semaphore::new(options.max_connections));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, slot) = accept(&listener, &slots) => {
                let connection = Connection { router: router.clone(), options: options.clone(), stopping: stopping.clone() };
                connections.spawn(connection.run(stream, slot));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    if let Some(readiness) = &options.readiness {
        readiness.stopping();
    }
    drop(listener);
    drop(stop);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.drain_timeout, all_ended)
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time; their connections are closed");
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // INVARIANT: the semaphore is never closed, so the permit is always there.
    let slot = slots.clone().acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn with_transport_security(router: Router) -> Router {
    router.layer(axum::middleware::map_response(
        |mut response: axum::response::Response| async move {
            let value = HeaderValue::from_static("max-age=31536000");
            response
                .headers_mut()
                .insert(http::header::STRICT_TRANSPORT_SECURITY, value);
            response
        },
    ))
}

struct Connection {
    router: Router,
    options: ListenOptions,
    stopping: watch::Receiver<()>,
}

impl Connection {
    async fn run(self, stream: TcpStream, slot: Option<OwnedSemaphorePermit>) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "no TCP_NODELAY on a connection");
        }
        let peer = stream.peer_addr().ok();
        match self.options.tls.clone() {
            None => self.speak(stream, peer).await,
            Some(tls) => {
                let handshake = TlsAcceptor::from(tls.0).accept(stream);
                match tokio::time::timeout(self.options.head_timeout, handshake).await {
                    Ok(Ok(stream)) => self.speak(stream, peer).await,
                    Ok(Err(error)) => tracing::debug!(error = %error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                }
            }
        }
        drop(slot);
    }

    async fn speak(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<SocketAddr>,
    ) {
        let router = match peer {
            Some(peer) => self.router.layer(axum::Extension(Peer(peer))),
            None => self.router,
        };
        let service = TowerToHyperService::new(router);
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.options.head_timeout)
                .max_buf_size(MAX_HEAD)
                .max_headers(MAX_HEADERS)
                .serve_connection(TokioIo::new(stream), service)
        );
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            // The sender is dropped when the stop begins.
            _ = self.stopping.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(error = %error, "a connection ended early");
        }
    }
}
