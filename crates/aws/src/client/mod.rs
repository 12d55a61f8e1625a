//! A client for any operation of any service: what AWS's own SDKs do around a call, without a socket or a clock.
//!
//! The caller brings the doors: a [`Transport`], a [`Clock`], a [`TokenSource`] and a [`CredentialSource`]. The client
//! repeats what may be repeated ([`Policy`]), corrects its clock, its keys and the region of a bucket, limits what goes
//! on at once, follows pages and waits for states. It knows nothing of who calls nor why.

mod account;
mod attempt;
mod doors;
mod error;
mod gate;
mod merge;
mod pages;
mod path;
mod quota;
mod region;
mod request;
mod skew;
mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use doors::{
    BoxFuture, Clock, CredentialError, CredentialSource, NoCredentials, SendLimits, TokenSource,
    Transport, TransportError,
};
pub use error::{CallError, CallFailure};
pub use gate::Concurrency;
pub use pages::{PageError, PageLimits, Pages};
pub use request::{AssumedRole, Identity, Policy, Request};
pub use wait::{Last, WaitError, WaitOverrides, Waited};

use account::Account;

use crate::{CallOptions, Credentials, Error, HttpRequest, Prepared, Signing};

/// The doors of a client.
#[derive(Clone)]
pub struct Doors {
    /// Carries bytes.
    pub transport: Arc<dyn Transport>,
    /// Knows the time.
    pub clock: Arc<dyn Clock>,
    /// Makes tokens.
    pub tokens: Arc<dyn TokenSource>,
    /// Has the keys.
    pub credentials: Arc<dyn CredentialSource>,
}

/// What holds for all calls of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// Where calls go instead of AWS.
    pub endpoint_url: Option<String>,
    /// The same for single services, by client name; goes before [`Settings::endpoint_url`].
    pub endpoint_urls: BTreeMap<String, String>,
    /// Endpoint and body choices.
    pub options: CallOptions,
    /// The choices of single services, by client name, in place of [`Settings::options`].
    pub service_options: BTreeMap<String, CallOptions>,
    /// Most attempts of a call, the first included, where its policy does not say; `None` is
    /// [`retry::MAX_ATTEMPTS`](crate::retry::MAX_ATTEMPTS).
    pub max_attempts: Option<u32>,
    /// How many exchanges go on at once.
    pub concurrency: Concurrency,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// As boto3 gives it, with `ResponseMetadata`.
    pub value: Value,
    /// Requests that were sent, the answered one included.
    pub attempts: u32,
}

/// Calls AWS. Cheap to clone; clones share limits, quotas and what was learnt of clocks and buckets.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    tokens: Arc<dyn TokenSource>,
    credentials: Arc<dyn CredentialSource>,
    settings: Settings,
    gates: Arc<gate::Gates>,
    quotas: quota::Quotas,
    skews: skew::Skews,
    regions: region::BucketRegions,
}

impl Client {
    /// A client with these doors.
    #[must_use]
    pub fn new(doors: Doors, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport: doors.transport,
                clock: doors.clock,
                tokens: doors.tokens,
                credentials: doors.credentials,
                gates: gate::Gates::new(settings.concurrency.clone()),
                settings,
                quotas: quota::Quotas::default(),
                skews: skew::Skews::default(),
                regions: region::BucketRegions::default(),
            }),
        }
    }

    /// Makes a call and repeats it as far as `policy` allows.
    ///
    /// # Errors
    /// [`CallError`]: what went wrong, and whether the call may have happened all the same.
    pub async fn call(&self, request: &Request, policy: Policy) -> Result<Answer, CallError> {
        attempt::Attempts::new(self, request, policy)?.run().await
    }

    /// Checks a call and writes its request, unsigned; sends nothing.
    ///
    /// # Errors
    /// The call does not fit its model, or no endpoint fits it.
    pub fn prepare(&self, request: &Request) -> Result<Prepared, CallError> {
        let token = self.token_of(request);
        self.prepare_for(request, &token, Account::before_keys(&request.identity))
            .map_err(|cause| CallError::unsent(cause, false))
    }

    fn prepare_for(
        &self,
        request: &Request,
        token: &str,
        account: Account<'_>,
    ) -> Result<Prepared, Error> {
        attempt::prepare(self, request, (&request.region, account), token)
    }

    /// The request as [`Client::call`] would send it first, signed; sends nothing but what fetching keys needs.
    ///
    /// # Errors
    /// As [`Client::prepare`]; or there are no keys.
    pub async fn dry_run(&self, request: &Request) -> Result<HttpRequest, CallError> {
        let unsent = |cause: CallFailure| CallError::unsent(cause, false);
        let token = self.token_of(request);
        let before = Account::before_keys(&request.identity);
        let mut prepared = self
            .prepare_for(request, &token, before)
            .map_err(|error| unsent(error.into()))?;
        let keys = self.keys(&prepared, &request.identity).await;
        let keys = keys.map_err(unsent)?;
        let account = Account::of_keys(&keys, &request.identity);
        if prepared.takes_account() && account != before {
            prepared = self
                .prepare_for(request, &token, account)
                .map_err(|error| unsent(error.into()))?;
        }
        self.signed(&prepared, &keys)
            .map_err(|error| unsent(error.into()))
    }

    fn token_of(&self, request: &Request) -> String {
        let given = request.token.clone();
        given.unwrap_or_else(|| self.inner.tokens.token())
    }

    async fn keys(&self, prepared: &Prepared, identity: &Identity) -> Result<Keys, CallFailure> {
        if matches!(identity, Identity::Anonymous) {
            return Ok(Keys::None);
        }
        let source = &self.inner.credentials;
        match (&prepared.signing, identity) {
            (Signing::Unsigned, _) => Ok(Keys::None),
            (Signing::Bearer, _) => {
                Ok(Keys::Bearer(source.bearer_token(prepared.service()).await?))
            }
            (_, Identity::Keys(keys)) => Ok(Keys::Pair(keys.as_ref().clone())),
            _ => Ok(Keys::Pair(source.credentials(identity).await?)),
        }
    }

    /// Signed at the host's time, as far as it is known to differ from this machine's.
    fn signed(&self, prepared: &Prepared, keys: &Keys) -> Result<HttpRequest, Error> {
        match keys {
            Keys::None => Ok(prepared.request.clone()),
            Keys::Bearer(token) => prepared.bear(token),
            Keys::Pair(keys) => {
                let now = self.inner.clock.now();
                let at = self.inner.skews.at(&prepared.request.authority, now);
                prepared.sign(keys, at)
            }
        }
    }
}

/// What a request is signed with.
enum Keys {
    None,
    Pair(Credentials),
    Bearer(String),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
