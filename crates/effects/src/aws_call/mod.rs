//! Calls one AWS operation: chooses where it goes and as whom, sends it, repeats it only where that is safe.
//!
//! Knows nothing of playbooks; what may be repeated comes from the intent, what an operation is from crate `aws`.

mod attempts;
mod look;
pub(crate) mod wire;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::knowledge::{self, Mutation};
use aws::{Call, Credentials, Prepared};
use model::effect::{AwsCall, Failure, Intent};
use model::{Outcome, Recovery};
use ports::{Clock, Probe};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::{Aws, ConfigError, Local};
use crate::credentials::{CredentialsError, Identities};
pub(crate) use attempts::{Attempts, Ended};
pub(crate) use wire::{Destination, Wire, WireError};

/// How many interrupted intents are remembered; an intent that is repeated is repeated soon.
const REMEMBERED: usize = 10_000;
/// Taken off a token's life: clocks differ, and a repeat needs its time.
const TOKEN_MARGIN_SECS: u32 = 300;

/// The caller of AWS operations.
pub(crate) struct AwsCaller {
    wire: Wire,
    endpoint_url: Option<String>,
    identities: Arc<Identities>,
    local: Option<Local>,
    clock: Arc<dyn Clock>,
    /// Intents whose request may have arrived without an answer, in this process.
    interrupted: Mutex<HashSet<Uuid>>,
}

/// A call with its destination and the keys to sign it with.
struct Ready {
    prepared: Prepared,
    credentials: Option<Credentials>,
    destination: Destination,
}

impl AwsCaller {
    pub(crate) fn new(
        aws: &Aws,
        local: Option<Local>,
        clock: Arc<dyn Clock>,
        identities: Arc<Identities>,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            wire: Wire::new(aws.ca_bundle.as_deref())?,
            endpoint_url: aws.endpoint_url.clone(),
            identities,
            local,
            clock,
            interrupted: Mutex::default(),
        })
    }

    /// Makes the call of an intent; the intent's id is the idempotency token and its recovery says what may be repeated.
    pub(crate) async fn perform(&self, intent: &Intent, call: &AwsCall) -> Outcome {
        let deadline =
            self.clock.monotonic() + Duration::from_secs(u64::from(call.timeout_secs.max(1)));
        let params = with_token(call, &intent.id.to_string());
        let sent_before = intent.repeat || self.was_interrupted(intent.id);
        let mut refreshed = false;
        loop {
            let ready = match self.ready(call, &params, &intent.id.to_string()).await {
                Ok(ready) => ready,
                Err(failure) => return Outcome::Failed(failure),
            };
            let attempts = Attempts {
                wire: &self.wire,
                clock: self.clock.as_ref(),
                deadline,
                repeatable: matches!(
                    intent.recovery,
                    Recovery::Repeat | Recovery::RepeatWithToken { .. }
                ),
                seed: intent.id,
            };
            let ended = attempts
                .run(
                    &ready.prepared,
                    ready.credentials.as_ref(),
                    &ready.destination,
                )
                .await;
            if let Ended::Refused { error, .. } = &ended
                && is_expired(&error.code)
                && !refreshed
            {
                // Keys can end before their time (revoked, or a clock that is off). The service performed nothing.
                refreshed = true;
                self.identities.forget(call.assume_role.as_ref()).await;
                continue;
            }
            return self.conclude(intent, &ready, (&params, ended), sent_before);
        }
    }

    /// Looks whether a call of class [`Recovery::Probe`] happened.
    pub(crate) async fn probe(&self, intent: &Intent, call: &AwsCall) -> Probe {
        look::look(self, intent, call).await
    }

    fn conclude(
        &self,
        intent: &Intent,
        ready: &Ready,
        (params, ended): (&Value, Ended),
        sent_before: bool,
    ) -> Outcome {
        match ended {
            Ended::Answered(result) => {
                self.remember(intent.id, false);
                Outcome::Done { result }
            }
            Ended::Refused {
                error,
                interrupted_before,
            } => {
                let again = sent_before || interrupted_before;
                if again && already_done(&ready.prepared, params, &error.code) {
                    // The first request did it; this one was told so.
                    self.remember(intent.id, false);
                    return Outcome::Done {
                        result: json!({ "AlreadyDone": error.code }),
                    };
                }
                Outcome::Failed(attempts::failure_of(&error))
            }
            Ended::Failed(failure) => Outcome::Failed(failure),
            Ended::Unknown { reason } => {
                self.remember(intent.id, true);
                Outcome::Unknown { reason }
            }
        }
    }

    fn was_interrupted(&self, id: Uuid) -> bool {
        self.interrupted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    fn remember(&self, id: Uuid, interrupted: bool) {
        let mut all = self
            .interrupted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if interrupted && all.len() < REMEMBERED {
            all.insert(id);
        } else {
            all.remove(&id);
        }
    }

    /// Writes the request and finds the keys for it.
    async fn ready(&self, call: &AwsCall, params: &Value, token: &str) -> Result<Ready, Failure> {
        let (service, operation) =
            aws::resolve_names(&call.service, &call.operation).map_err(|error| invalid(&error))?;
        let local = self
            .local
            .as_ref()
            .filter(|local| local.service.serves(&service, &operation));
        let endpoint_url = local
            .map(|local| local.url.as_str())
            .or(self.endpoint_url.as_deref());
        let call_to_make = Call {
            service: &service,
            operation: &operation,
            params,
            region: &call.region,
            endpoint_url,
            token,
            options: aws::CallOptions::defaults(),
        };
        let prepared = aws::prepare(&call_to_make).map_err(|error| invalid(&error))?;
        let (credentials, destination) = match local {
            Some(local) => (
                Some(local.credentials.clone()),
                Destination::Local(Arc::clone(&local.service)),
            ),
            None if prepared.signing.is_unsigned() => (None, Destination::Network),
            None => {
                let keys = self
                    .identities
                    .of(call.assume_role.as_ref())
                    .await
                    .map_err(|error| no_keys(&error))?;
                (Some(keys), Destination::Network)
            }
        };
        Ok(Ready {
            prepared,
            credentials,
            destination,
        })
    }
}

/// The recovery class of a call, from what is known of its operation.
pub(crate) fn recovery(call: &AwsCall) -> Recovery {
    let Ok((service, operation)) = aws::resolve_names(&call.service, &call.operation) else {
        // Nothing will be sent.
        return Recovery::Repeat;
    };
    // A probe looks for the token, so there must be one; which one makes no difference to the class.
    let params = with_token(call, "class");
    match knowledge::mutation(&service, &operation, &params) {
        Mutation::ReadOnly | Mutation::Idempotent { .. } => Recovery::Repeat,
        Mutation::Token { lifetime_secs, .. } => {
            let lifetime_secs = u32::try_from(lifetime_secs).unwrap_or(u32::MAX);
            Recovery::RepeatWithToken {
                lifetime_secs: lifetime_secs.saturating_sub(TOKEN_MARGIN_SECS),
            }
        }
        Mutation::Probe(_) => Recovery::Probe,
        Mutation::None => Recovery::Ask,
    }
}

/// The parameters with the intent's id as idempotency token, where the operation has a place for one.
fn with_token(call: &AwsCall, token: &str) -> Value {
    let mut params = call.params.clone();
    knowledge::inject_token(&call.service, &call.operation, &mut params, token);
    // Some models do not mark the member that the service's documentation calls its token.
    if let Mutation::Token { member, .. } =
        knowledge::mutation(&call.service, &call.operation, &params)
        && let Some(params) = params.as_object_mut()
        && params.get(&member).is_none_or(Value::is_null)
    {
        params.insert(member, token.into());
    }
    params
}

/// Whether the code says that an earlier request of an idempotent operation took effect.
fn already_done(prepared: &Prepared, params: &Value, code: &str) -> bool {
    match knowledge::mutation(prepared.service(), prepared.operation(), params) {
        Mutation::Idempotent { already_done_codes } => already_done_codes.contains(&code),
        _ => false,
    }
}

fn is_expired(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
    )
}

fn invalid(error: &aws::Error) -> Failure {
    plain_failure("ParamValidation", error.to_string(), false)
}

fn no_keys(error: &CredentialsError) -> Failure {
    plain_failure("Credentials", error.to_string(), error.is_transient())
}

pub(crate) fn plain_failure(code: &str, message: String, transient: bool) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        transient,
    }
}
