//! The client of AWS as this process offers it: its clock, its credentials chain and roles, its transport; calls that
//! Quell serves itself stay in the process.

use std::borrow::Cow;
use std::sync::Arc;

use aws::client::{
    Answer, CallError, Client, Doors, Identity, NoCredentials, PageError, PageLimits, Pages,
    Policy, Request, Settings, WaitError, WaitOverrides, Waited,
};
use aws::{HttpRequest, Prepared};
use ports::{Clock, EntropySource};

use super::chosen;
use super::doors::{ProcessClock, Tokens};
use super::network::{InProcess, Network};
use crate::config::{Aws, ConfigError, Local, Outgoing};
use crate::credentials::Identities;

/// What a client of AWS needs.
#[derive(Clone)]
pub struct AwsClientConfig {
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where tokens and chance come from.
    pub entropy: Arc<dyn EntropySource>,
    /// Which account is called, and how.
    pub aws: Aws,
    /// The services that this process answers itself; `None` when there are none.
    pub local: Option<Local>,
}

/// Calls any operation of any AWS service, with the process's credentials and roles. Cheap to clone; clones share
/// pools, limits and kept sessions.
#[derive(Clone)]
pub struct AwsClient {
    network: Client,
    local: Option<(Local, Client)>,
    identities: Arc<Identities>,
}

impl AwsClient {
    /// Sets up a client; connects to nothing.
    ///
    /// # Errors
    /// [`ConfigError`] names the setting that cannot be used.
    pub fn new(config: &AwsClientConfig) -> Result<Self, ConfigError> {
        let identities = Identities::new(config)?;
        Self::with_identities(config, Arc::new(identities))
    }

    /// The same with identities that are shared with others.
    pub(crate) fn with_identities(
        config: &AwsClientConfig,
        identities: Arc<Identities>,
    ) -> Result<Self, ConfigError> {
        let network = Doors {
            credentials: Arc::<Identities>::clone(&identities),
            ..doors(config)?
        };
        let local = config.local.clone().map(|local| {
            let transport = Arc::new(InProcess(Arc::clone(&local.service)));
            let doors = Doors {
                transport,
                credentials: Arc::new(NoCredentials),
                ..network.clone()
            };
            let settings = Settings {
                concurrency: config.aws.concurrency.clone(),
                ..Settings::default()
            };
            (local, Client::new(doors, settings))
        });
        let mut calls = chosen(&config.aws)?.calls;
        calls
            .endpoint_urls
            .extend(config.aws.call_endpoint_urls.clone());
        Ok(Self {
            network: Client::new(network, calls),
            local,
            identities,
        })
    }

    /// Checks a call and writes its request, unsigned; sends nothing.
    ///
    /// # Errors
    /// The call does not fit its model, or no endpoint fits it.
    pub fn prepare(&self, request: &Request) -> Result<Prepared, CallError> {
        let (client, request) = self.route(request);
        client.prepare(&request)
    }

    /// The region of the EC2 instance that this process runs on, from its metadata service: one attempt of at most a
    /// second for each of two requests. `None` off EC2, and where the metadata service is switched off.
    pub async fn instance_region(&self) -> Option<String> {
        self.identities.instance_region().await
    }

    /// Makes a call and repeats it as far as `policy` allows.
    ///
    /// # Errors
    /// [`CallError`]: what went wrong, and whether the call may have happened all the same.
    pub async fn call(&self, request: &Request, policy: Policy) -> Result<Answer, CallError> {
        let (client, request) = self.route(request);
        client.call(&request, policy).await
    }

    /// As [`AwsClient::call`], but never answered by this process.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn call_outside(
        &self,
        request: &Request,
        policy: Policy,
    ) -> Result<Answer, CallError> {
        self.network.call(request, policy).await
    }

    /// As [`AwsClient::call`] for the delivery of an event: answered by this process only where what it is for is this
    /// server's own.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn deliver(
        &self,
        request: &Request,
        policy: Policy,
    ) -> Result<Answer, CallError> {
        let (client, request) = match self.owner(request, true) {
            Some(own) => own,
            None => (&self.network, Cow::Borrowed(request)),
        };
        client.call(&request, policy).await
    }

    /// The pages of a call. An operation without a paginator has one page.
    ///
    /// # Errors
    /// The operation is unknown, or the limits do not fit it. Nothing is sent yet.
    pub fn pages(
        &self,
        request: &Request,
        policy: Policy,
        limits: PageLimits,
    ) -> Result<Pages, PageError> {
        let (client, request) = self.route(request);
        client.pages(&request, policy, limits)
    }

    /// Waits until something is in a state: repeats the waiter's operation with the parameters of `request`, whose
    /// operation is not looked at.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait(
        &self,
        waiter: &str,
        request: &Request,
        overrides: WaitOverrides,
    ) -> Result<Waited, WaitError> {
        let service = aws::model::catalog().service(&request.service).ok();
        let model = service.as_ref().and_then(|service| service.waiter(waiter));
        let request = Request {
            operation: model.map_or_else(String::new, |model| model.operation.to_string()),
            ..request.clone()
        };
        let (client, request) = self.route(&request);
        client.wait(waiter, &request, overrides).await
    }

    /// The request as [`AwsClient::call`] would send it first, signed; sends nothing but what fetching keys needs.
    ///
    /// # Errors
    /// The call does not fit its model, or there are no keys.
    pub async fn dry_run(&self, request: &Request) -> Result<HttpRequest, CallError> {
        let (client, request) = self.route(request);
        client.dry_run(&request).await
    }

    /// Whether Quell answers the call itself, so that no permission of AWS is needed.
    pub(crate) fn answers_itself(&self, request: &Request) -> bool {
        self.owner(request, false).is_some()
    }

    /// Which client makes the call, and the call in its words: what Quell serves itself is signed with its own keys.
    fn route<'a>(&self, request: &'a Request) -> (&Client, Cow<'a, Request>) {
        let own = self.owner(request, false);
        own.unwrap_or((&self.network, Cow::Borrowed(request)))
    }

    /// The client of this process, if the call is for what Quell has or serves itself.
    fn owner<'a>(&self, request: &Request, delivers: bool) -> Option<(&Client, Cow<'a, Request>)> {
        let (local, client) = self.local.as_ref()?;
        let names = aws::resolve_names(&request.service, &request.operation);
        let (service, operation) = names.ok()?;
        let account = match &request.identity {
            Identity::Role(role) => role.role_arn.split(':').nth(4),
            Identity::Own | Identity::Keys(_) | Identity::Anonymous => None,
        };
        let call = Outgoing {
            service: &service,
            operation: &operation,
            params: &request.params,
            region: &request.region,
            account,
            delivers,
        };
        let serves = !delivers && local.service.serves(&service, &operation);
        if !serves && !local.service.owns(&call) {
            return None;
        }
        let request = Request {
            identity: Identity::Keys(Box::new(local.credentials.clone())),
            endpoint_url: Some(local.url.clone()),
            ..request.clone()
        };
        Some((client, Cow::Owned(request)))
    }
}

/// The doors of a client without credentials.
pub(crate) fn doors(config: &AwsClientConfig) -> Result<Doors, ConfigError> {
    Ok(Doors {
        transport: Arc::new(Network::new(chosen(&config.aws)?.ca_bundle.as_deref())?),
        clock: Arc::new(ProcessClock(Arc::clone(&config.clock))),
        tokens: Arc::new(Tokens(Arc::clone(&config.entropy))),
        credentials: Arc::new(NoCredentials),
    })
}
