//! The server's identity and assumed roles, fetched when needed and kept until five minutes before they end.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws::Credentials;
use aws::client::{AssumedRole, Client, CredentialError, Identity};
use model::effect::AssumeRole;
use ports::BoxFuture;

use super::chain::{self, Search};
use super::{CredentialsError, Services, bearer, files, metadata};
use crate::aws_call::{self, AwsClientConfig};
use crate::config::{ConfigError, CredentialSource, Environment, RoleChoices};

/// Fetched anew when they end within this.
const MARGIN_SECS: i64 = 300;
/// Roles kept at once; beyond it those that have ended are dropped.
const KEPT_ROLES: usize = 500;
/// The margin is up to this longer, another for each key, so that many processes do not all fetch at once.
const SPREAD_SECS: i64 = 60;

type Slot = Arc<tokio::sync::Mutex<Option<Credentials>>>;

/// All identities that this server can act as.
pub(crate) struct Identities {
    source: CredentialSource,
    profile: Option<String>,
    /// What the operator says about roles, by ARN.
    choices: BTreeMap<String, RoleChoices>,
    services: Services,
    own: Slot,
    roles: Mutex<HashMap<AssumedRole, Slot>>,
}

impl Identities {
    pub(crate) fn new(config: &AwsClientConfig) -> Result<Self, ConfigError> {
        let doors = aws_call::doors(config)?;
        let chosen = aws_call::chosen(&config.aws)?;
        let services = Services {
            transport: Arc::clone(&doors.transport),
            client: Client::new(doors, chosen.calls),
            region: chosen.region,
            clock: Arc::clone(&config.clock),
        };
        Ok(Self {
            source: config.aws.credentials.clone(),
            profile: config.aws.profile.clone(),
            choices: config.aws.roles.clone(),
            services,
            own: Slot::default(),
            roles: Mutex::default(),
        })
    }

    /// Keys of a role that a script acts as; see [`Identities::assumed`].
    pub(crate) async fn session_of(
        &self,
        role: &AssumeRole,
        lasting: i64,
    ) -> Result<Credentials, CredentialsError> {
        self.assumed(&assumed_role(role), lasting).await
    }

    /// The process's own keys.
    pub(crate) async fn own(&self) -> Result<Credentials, CredentialsError> {
        match &self.source {
            CredentialSource::Disabled => Err(CredentialsError::Disabled),
            CredentialSource::Static(keys) => Ok(keys.clone()),
            CredentialSource::Chain(environment) => {
                let search = self.search(environment);
                self.kept(&self.own, MARGIN_SECS, || chain::fetch(&search))
                    .await
            }
        }
    }

    fn search<'a>(&'a self, environment: &'a Environment) -> Search<'a> {
        Search {
            environment,
            profile: self.profile.as_deref(),
            services: &self.services,
        }
    }

    /// The token for a service that takes one in place of a signature. Keys that were given as they are have none.
    async fn token(&self, service: &str) -> Result<String, CredentialsError> {
        match &self.source {
            CredentialSource::Disabled => Err(CredentialsError::Disabled),
            CredentialSource::Static(_) => {
                bearer::token(service, &self.search(&Environment::default())).await
            }
            CredentialSource::Chain(environment) => {
                bearer::token(service, &self.search(environment)).await
            }
        }
    }

    /// The region of the instance that this process runs on.
    pub(crate) async fn instance_region(&self) -> Option<String> {
        let CredentialSource::Chain(environment) = &self.source else {
            return None;
        };
        let profiles = files::profiles(environment).ok()?;
        let setting = metadata::settings(environment, &profiles, self.profile.as_deref());
        metadata::region_of_instance(&setting, &self.services).await
    }

    /// The role as the operator wants it assumed.
    fn as_chosen<'a>(&self, role: &'a AssumedRole) -> Cow<'a, AssumedRole> {
        match self.choices.get(&role.role_arn) {
            Some(choices) => Cow::Owned(choices.applied(role)),
            None => Cow::Borrowed(role),
        }
    }

    /// Keys of a role that last at least `lasting` seconds where the role permits sessions of that length.
    async fn assumed(
        &self,
        role: &AssumedRole,
        lasting: i64,
    ) -> Result<Credentials, CredentialsError> {
        let role = self.as_chosen(role);
        let role = role.as_ref();
        let slot = self.slot(role);
        self.kept(&slot, lasting.max(MARGIN_SECS), || async {
            let keys = match &role.through {
                // A chain of roles is as long as its description, which is finite.
                Some(before) => Box::pin(self.assumed(before, MARGIN_SECS)).await?,
                None => self.own().await?,
            };
            self.services.assume(&keys, role).await
        })
        .await
    }

    /// What the slot holds while it is fresh, else what `fetch` brings. One fetch at a time for each slot.
    async fn kept<F, R>(
        &self,
        slot: &Slot,
        margin: i64,
        fetch: F,
    ) -> Result<Credentials, CredentialsError>
    where
        F: FnOnce() -> R,
        R: Future<Output = Result<Credentials, CredentialsError>>,
    {
        let mut held = slot.lock().await;
        let now = self.services.now();
        if let Some(keys) = held
            .as_ref()
            .filter(|keys| !keys.is_stale(now, margin + spread(keys)))
        {
            return Ok(keys.clone());
        }
        match fetch().await {
            Ok(keys) => {
                *held = Some(keys.clone());
                Ok(keys)
            }
            // Keys that still work beat none while their source is out of reach.
            Err(error) => match held
                .as_ref()
                .filter(|keys| error.is_transient() && !keys.is_stale(now, 10))
            {
                Some(keys) => {
                    tracing::warn!(%error, "credentials could not be refreshed; the old ones are used while they last");
                    Ok(keys.clone())
                }
                None => Err(error),
            },
        }
    }

    fn slot(&self, role: &AssumedRole) -> Slot {
        let mut roles = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if roles.len() >= KEPT_ROLES && !roles.contains_key(role) {
            let now = self.services.now();
            roles.retain(|_, slot| match slot.try_lock() {
                Ok(held) => held
                    .as_ref()
                    .is_some_and(|keys| !keys.is_stale(now, MARGIN_SECS)),
                Err(_) => true,
            });
        }
        Arc::clone(roles.entry(role.clone()).or_default())
    }
}

impl aws::client::CredentialSource for Identities {
    fn credentials<'a>(
        &'a self,
        identity: &'a Identity,
    ) -> BoxFuture<'a, Result<Credentials, CredentialError>> {
        Box::pin(async move {
            let found = match identity {
                Identity::Role(role) => self.assumed(role, MARGIN_SECS).await,
                Identity::Own | Identity::Keys(_) | Identity::Anonymous => self.own().await,
            };
            found.map_err(told)
        })
    }

    fn bearer_token<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<String, CredentialError>> {
        Box::pin(async move { self.token(service).await.map_err(told) })
    }

    fn forget<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // A role's session may have ended because the server's own keys did.
            if let Identity::Role(role) = identity {
                let mut former = Some(role.as_ref());
                while let Some(role) = former {
                    *self.slot(&self.as_chosen(role)).lock().await = None;
                    former = role.through.as_deref();
                }
            }
            *self.own.lock().await = None;
        })
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where a closure over the error does"
)]
fn told(error: CredentialsError) -> CredentialError {
    CredentialError {
        message: error.to_string(),
        transient: error.is_transient(),
    }
}

/// A role as a step names it, in the client's words.
pub(crate) fn assumed_role(role: &AssumeRole) -> AssumedRole {
    AssumedRole {
        role_arn: role.role_arn.clone(),
        session_name: role.session_name.clone(),
        through: role
            .through
            .as_deref()
            .map(|before| Box::new(assumed_role(before))),
        ..AssumedRole::default()
    }
}

/// Seconds from 0 to [`SPREAD_SECS`], the same for the same keys.
fn spread(keys: &Credentials) -> i64 {
    let sum: i64 = keys.access_key_id.bytes().map(i64::from).sum();
    sum % (SPREAD_SECS + 1)
}
