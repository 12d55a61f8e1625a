//! What every request can reach: the engine, the configuration, and whether the server is ready.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use engine::Handle;
use intake::source::Sources;
use ports::connection::Authorizer;
use ports::document::Objects;
use ports::function::{CodeShelf, Invoker};
use ports::{Notary, Session, Sessions, Vault};

use crate::error::ApiError;

use crate::scrape::ScrapeConfig;

/// A key that may sign requests.
#[derive(Clone)]
pub struct AccessKey {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
    /// Whether it may put events whose source begins with `aws.`: it stands where AWS's own services would.
    pub ingest: bool,
    /// Name of the user it belongs to; shown in ARNs.
    pub name: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("ingest", &self.ingest)
            .finish_non_exhaustive()
    }
}

/// What the operator configures.
#[derive(Clone)]
pub struct ServerConfig {
    /// Twelve-digit account id that all ARNs carry.
    pub account: String,
    /// Keys that may sign requests.
    pub keys: Vec<AccessKey>,
    /// Largest sum of the sizes of one `PutEvents`' entries, in bytes (AWS: 1 MiB).
    pub event_size_limit: usize,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// Where calls of operators go instead of AWS, as the performer has it: shown by a dry run.
    pub aws_endpoint_url: Option<String>,
    /// Seals the secrets that callers give, before anything is stored.
    pub vault: Arc<dyn Vault>,
    /// Tries a connection's token endpoint before the connection is stored; `None` takes every connection as it is.
    pub authorizer: Option<Arc<dyn Authorizer>>,
    /// Whether endpoints of API destinations and connections may be `http://`.
    pub allow_http_endpoints: bool,
    /// Who may read the numbers at `/metrics`.
    pub scrape: ScrapeConfig,
    /// Keeps the code of functions and runs them; `None` refuses both.
    pub functions: Option<FunctionPorts>,
    /// Reads objects from S3 for requests that name some; `None` refuses those.
    pub objects: Option<Arc<dyn Objects>>,
    /// Address under which this server is reached, for links to code; without a slash at its end.
    pub public_url: String,
    /// Seals the tokens of subscriptions and shows the certificate of messages; `None` refuses both.
    pub notary: Option<Arc<dyn Notary>>,
    /// Sessions that scripts were given; `None` knows none.
    pub sessions: Option<Arc<dyn Sessions>>,
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig")
            .field("account", &self.account)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// The doors to functions.
#[derive(Clone)]
pub struct FunctionPorts {
    /// Runs them.
    pub invoker: Arc<dyn Invoker>,
    /// Keeps their code.
    pub code: Arc<dyn CodeShelf>,
}

impl fmt::Debug for FunctionPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FunctionPorts").finish_non_exhaustive()
    }
}

impl ServerConfig {
    /// The defaults for an account with these keys.
    #[must_use]
    pub fn new(account: &str, keys: Vec<AccessKey>, vault: Arc<dyn Vault>) -> Self {
        Self {
            account: account.to_owned(),
            keys,
            event_size_limit: 1024 * 1024,
            body_timeout: Duration::from_secs(30),
            aws_endpoint_url: None,
            scrape: ScrapeConfig::default(),
            vault,
            authorizer: None,
            allow_http_endpoints: false,
            notary: None,
            sessions: None,
            functions: None,
            objects: None,
            public_url: "http://127.0.0.1:8710".to_owned(),
        }
    }
}

/// Who is at the other end of a connection. Known of requests that came through a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub std::net::SocketAddr);

/// Whether `GET /health` answers 200.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const STARTING: u8 = 0;
const READY: u8 = 1;
const STOPPING: u8 = 2;

impl Readiness {
    /// The engine has recovered: requests are welcome.
    pub fn ready(&self) {
        self.0.store(READY, Ordering::Release);
    }

    /// The server is about to stop: load balancers should look elsewhere.
    pub fn stopping(&self) {
        self.0.store(STOPPING, Ordering::Release);
    }

    pub(crate) fn word(&self) -> &'static str {
        match self.0.load(Ordering::Acquire) {
            STARTING => "starting",
            READY => "ok",
            _ => "stopping",
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire) == READY
    }
}

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    inner: Arc<Inner>,
}

struct Inner {
    handle: Handle,
    config: ServerConfig,
    keys: HashMap<String, AccessKey>,
    readiness: Readiness,
    intake: OnceLock<Sources>,
}

impl AppState {
    /// A state that is not ready yet: see [`AppState::readiness`].
    #[must_use]
    pub fn new(handle: Handle, config: ServerConfig) -> Self {
        let keys = config
            .keys
            .iter()
            .map(|key| (key.id.clone(), key.clone()))
            .collect();
        Self {
            inner: Arc::new(Inner {
                handle,
                config,
                keys,
                readiness: Readiness::default(),
                intake: OnceLock::new(),
            }),
        }
    }

    /// The engine.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.inner.handle
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.inner.config
    }

    /// The switch behind `GET /health`.
    #[must_use]
    pub fn readiness(&self) -> &Readiness {
        &self.inner.readiness
    }

    /// Gives the server the sources of events from outside; without them it answers no sender.
    pub fn set_intake(&self, sources: Sources) {
        let _ = self.inner.intake.set(sources);
    }

    pub(crate) fn intake(&self) -> Option<&Sources> {
        self.inner.intake.get()
    }

    /// The signer of topics' messages.
    pub(crate) fn notary(&self) -> Result<&Arc<dyn Notary>, ApiError> {
        let notary = self.inner.config.notary.as_ref();
        notary.ok_or_else(|| ApiError::internal("no signing key was set up"))
    }

    /// The token that belongs to a text.
    pub(crate) async fn seal(&self, text: String) -> Result<[u8; 32], ApiError> {
        let sealed = self.notary()?.seal(text).await;
        sealed.map_err(|error| ApiError::internal(error.to_string()))
    }

    pub(crate) fn key(&self, id: &str) -> Option<&AccessKey> {
        self.inner.keys.get(id)
    }

    /// The session of a script that runs now. A key of the configuration goes before it.
    pub(crate) fn session(&self, id: &str) -> Option<Arc<Session>> {
        if self.key(id).is_some() {
            return None;
        }
        self.inner.config.sessions.as_ref()?.find(id)
    }
}
