//! The server's identity and assumed roles, fetched when needed and kept until five minutes before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::Credentials;
use aws::client::{AssumedRole, Client, CredentialError, Identity, Policy, Request, Transport};
use aws::credentials::sts::{self, RoleRequest};
use model::effect::AssumeRole;
use ports::{BoxFuture, Clock};
use serde_json::Value;

use super::CredentialsError;
use super::chain;
use crate::aws_call::{self, AwsClientConfig};
use crate::config::{ConfigError, CredentialSource};

/// Fetched anew when they end within this.
const MARGIN_SECS: i64 = 300;
/// Roles kept at once; beyond it those that have ended are dropped.
const KEPT_ROLES: usize = 500;
/// Limit of one call to the token service with its attempts.
const STS_LIMIT: Duration = Duration::from_secs(20);

type Slot = Arc<tokio::sync::Mutex<Option<Credentials>>>;

/// All identities that this server can act as.
pub(crate) struct Identities {
    source: CredentialSource,
    sts: Sts,
    own: Slot,
    roles: Mutex<HashMap<AssumedRole, Slot>>,
}

impl Identities {
    pub(crate) fn new(config: &AwsClientConfig) -> Result<Self, ConfigError> {
        let doors = aws_call::doors(config)?;
        let sts = Sts {
            transport: Arc::clone(&doors.transport),
            client: Client::new(doors, aws_call::settings(&config.aws)),
            region: config.aws.region.clone(),
            clock: Arc::clone(&config.clock),
        };
        Ok(Self {
            source: config.aws.credentials.clone(),
            sts,
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
        let role = AssumedRole {
            role_arn: role.role_arn.clone(),
            session_name: role.session_name.clone(),
            ..AssumedRole::default()
        };
        self.assumed(&role, lasting).await
    }

    /// The process's own keys.
    pub(crate) async fn own(&self) -> Result<Credentials, CredentialsError> {
        match &self.source {
            CredentialSource::Disabled => Err(CredentialsError::Disabled),
            CredentialSource::Static(keys) => Ok(keys.clone()),
            CredentialSource::Chain(environment) => {
                self.kept(&self.own, MARGIN_SECS, || {
                    chain::fetch(environment, &self.sts)
                })
                .await
            }
        }
    }

    /// Keys of a role that last at least `lasting` seconds where the role permits sessions of that length.
    async fn assumed(
        &self,
        role: &AssumedRole,
        lasting: i64,
    ) -> Result<Credentials, CredentialsError> {
        let slot = self.slot(role);
        self.kept(&slot, lasting.max(MARGIN_SECS), || async {
            let own = self.own().await?;
            let request = RoleRequest {
                role_arn: &role.role_arn,
                session_name: &role.session_name,
                external_id: role.external_id.as_deref(),
                duration_s: role.duration_s,
                policy: role.policy.as_deref(),
                source_identity: role.source_identity.as_deref(),
            };
            self.sts.assume(&own, &request).await
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
        let now = self.sts.clock.now();
        if let Some(keys) = held.as_ref().filter(|keys| !keys.is_stale(now, margin)) {
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
            let now = self.sts.clock.now();
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
            found.map_err(|error| CredentialError {
                message: error.to_string(),
                transient: error.is_transient(),
            })
        })
    }

    fn forget<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            // A role's session may have ended because the server's own keys did.
            if let Identity::Role(role) = identity {
                *self.slot(role).lock().await = None;
            }
            *self.own.lock().await = None;
        })
    }
}

/// Calls to the security token service.
pub(crate) struct Sts {
    /// For sources that are no AWS services.
    pub(super) transport: Arc<dyn Transport>,
    client: Client,
    region: String,
    clock: Arc<dyn Clock>,
}

impl Sts {
    /// `AssumeRole`, signed with `keys`.
    pub(crate) async fn assume(
        &self,
        keys: &Credentials,
        role: &RoleRequest<'_>,
    ) -> Result<Credentials, CredentialsError> {
        let params = sts::assume_role_params(role);
        self.fetch(sts::ASSUME_ROLE, &params, Some(keys), role.role_arn)
            .await
    }

    /// `AssumeRoleWithWebIdentity`, unsigned.
    pub(crate) async fn assume_with_token(
        &self,
        token: &str,
        role: &RoleRequest<'_>,
    ) -> Result<Credentials, CredentialsError> {
        let params = sts::web_identity_params(role, token);
        self.fetch(
            sts::ASSUME_ROLE_WITH_WEB_IDENTITY,
            &params,
            None,
            role.role_arn,
        )
        .await
    }

    async fn fetch(
        &self,
        operation: &str,
        params: &Value,
        keys: Option<&Credentials>,
        role: &str,
    ) -> Result<Credentials, CredentialsError> {
        let fail = |code: &str, reason: String, transient: bool| CredentialsError::Role {
            role: role.to_owned(),
            code: code.to_owned(),
            reason,
            transient,
        };
        let request = Request::new("sts", operation, params.clone(), &self.region).with_identity(
            keys.map_or(Identity::Anonymous, |keys| {
                Identity::Keys(Box::new(keys.clone()))
            }),
        );
        // A session more does no harm.
        let policy = Policy::repeatable().within(STS_LIMIT);
        match self.client.call(&request, policy).await {
            Ok(answer) => {
                sts::parse(&answer.value).map_err(|error| fail("Answer", error.to_string(), false))
            }
            Err(error) => Err(fail(error.code(), error.message(), error.is_transient())),
        }
    }
}
