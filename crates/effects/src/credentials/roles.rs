//! The server's identity and assumed roles, fetched when needed and kept until five minutes before they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::credentials::sts::{self, RoleRequest};
use aws::{Call, Credentials};
use model::effect::AssumeRole;
use ports::Clock;
use serde_json::Value;
use uuid::Uuid;

use super::CredentialsError;
use super::chain;
use crate::aws_call::{Attempts, Destination, Ended, Wire};
use crate::config::{Aws, ConfigError, CredentialSource};

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
    roles: Mutex<HashMap<AssumeRole, Slot>>,
}

impl Identities {
    pub(crate) fn new(aws: &Aws, clock: Arc<dyn Clock>) -> Result<Self, ConfigError> {
        let sts = Sts {
            wire: Wire::new(aws.ca_bundle.as_deref())?,
            endpoint_url: aws.endpoint_url.clone(),
            region: aws.region.clone(),
            clock,
        };
        Ok(Self {
            source: aws.credentials.clone(),
            sts,
            own: Slot::default(),
            roles: Mutex::default(),
        })
    }

    /// Keys of a role, or the server's own.
    pub(crate) async fn of(
        &self,
        role: Option<&AssumeRole>,
    ) -> Result<Credentials, CredentialsError> {
        match role {
            None => self.own().await,
            Some(role) => self.assumed(role, MARGIN_SECS).await,
        }
    }

    /// Fetches anew next time.
    pub(crate) async fn forget(&self, role: Option<&AssumeRole>) {
        // A role's session may have ended because the server's own keys did.
        if let Some(role) = role {
            *self.slot(role).lock().await = None;
        }
        *self.own.lock().await = None;
    }

    async fn own(&self) -> Result<Credentials, CredentialsError> {
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
    pub(crate) async fn assumed(
        &self,
        role: &AssumeRole,
        lasting: i64,
    ) -> Result<Credentials, CredentialsError> {
        let slot = self.slot(role);
        self.kept(&slot, lasting.max(MARGIN_SECS), || async {
            let own = self.own().await?;
            let request = RoleRequest {
                role_arn: &role.role_arn,
                session_name: &role.session_name,
                ..RoleRequest::default()
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

    fn slot(&self, role: &AssumeRole) -> Slot {
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

/// Calls to the security token service.
pub(crate) struct Sts {
    pub(super) wire: Wire,
    endpoint_url: Option<String>,
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
        let call = Call {
            service: "sts",
            operation,
            params,
            region: &self.region,
            endpoint_url: self.endpoint_url.as_deref(),
            token: "",
            options: aws::CallOptions::defaults(),
        };
        let prepared = aws::prepare(&call)
            .map_err(|error| fail("ParamValidation", error.to_string(), false))?;
        let attempts = Attempts {
            wire: &self.wire,
            clock: self.clock.as_ref(),
            deadline: self.clock.monotonic() + STS_LIMIT,
            // A session more does no harm.
            repeatable: true,
            seed: Uuid::from_u64_pair(role.len() as u64, self.clock.monotonic().as_nanos() as u64),
        };
        match attempts.run(&prepared, keys, &Destination::Network).await {
            Ended::Answered(answer) => {
                sts::parse(&answer).map_err(|error| fail("Answer", error.to_string(), false))
            }
            Ended::Refused { error, .. } => Err(fail(
                &error.code,
                error.message.clone(),
                aws::retry::is_retryable(&error),
            )),
            Ended::Failed(failure) => Err(fail(&failure.code, failure.message, failure.transient)),
            Ended::Unknown { reason } => Err(fail("Network", reason, true)),
        }
    }
}
