//! Calls one AWS operation for an intent: what may be repeated comes from the intent, what an operation is from crate
//! `aws`, whose client makes the call.
//!
//! Knows nothing of playbooks.

mod chosen;
mod client;
mod doors;
mod look;
mod network;
mod preview;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws::ServiceError;
use aws::client::{CallError, Identity, Policy, Request};
use aws::knowledge::{self, Mutation, Repeated};
use model::effect::{AssumeRole, AwsCall, Failure, Intent, Spelling};
use model::{Outcome, Recovery};
use ports::Probe;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::credentials;
pub(crate) use chosen::chosen;
pub(crate) use client::doors;
pub use client::{AwsClient, AwsClientConfig};
pub(crate) use network::Network;

/// How many interrupted intents are remembered; an intent that is repeated is repeated soon.
const REMEMBERED: usize = 10_000;
/// Taken off a token's life: clocks differ, and a repeat needs its time.
const TOKEN_MARGIN_SECS: u32 = 300;

/// The caller of AWS operations.
pub(crate) struct AwsCaller {
    client: AwsClient,
    /// Intents whose request may have arrived without an answer, in this process.
    interrupted: Mutex<HashSet<Uuid>>,
}

impl AwsCaller {
    pub(crate) fn new(client: AwsClient) -> Self {
        Self {
            client,
            interrupted: Mutex::default(),
        }
    }

    /// The client that makes the calls.
    pub(crate) fn client(&self) -> &AwsClient {
        &self.client
    }

    /// Makes the call of an intent; the intent's id is the idempotency token and its recovery says what may be repeated.
    pub(crate) async fn perform(&self, intent: &Intent, call: &AwsCall) -> Outcome {
        let own = spelled(call);
        let request = request(intent, &own);
        let repeatable = matches!(
            intent.recovery,
            Recovery::Repeat | Recovery::RepeatWithToken { .. }
        );
        let policy = Policy {
            repeatable,
            ..policy(call)
        };
        let sent_before = intent.repeat || self.was_interrupted(intent.id);
        match self.client.call(&request, policy).await {
            Ok(answer) => {
                self.remember(intent.id, false);
                if answer.attempts > 1 {
                    tracing::info!(
                        intent = %intent.id, service = %call.service, operation = %call.operation,
                        attempts = answer.attempts, "call took several attempts"
                    );
                }
                Outcome::Done {
                    result: told(call, answer.value),
                }
            }
            Err(error) => self.conclude(intent, &request, &error, sent_before),
        }
    }

    /// Makes the call of a delivery, once: its machine repeats it, durably and with growing waits.
    pub(crate) async fn deliver(&self, intent: &Intent, call: &AwsCall) -> Outcome {
        let policy = Policy {
            repeatable: true,
            max_attempts: Some(1),
            ..policy(call)
        };
        let own = spelled(call);
        match self.client.deliver(&request(intent, &own), policy).await {
            Ok(answer) => Outcome::Done {
                result: told(call, answer.value),
            },
            Err(error) if error.is_unknown() => Outcome::Unknown {
                reason: error.to_string(),
            },
            Err(error) => Outcome::Failed(failure_of(&error)),
        }
    }

    /// Makes a reading call for something else that an intent does; nothing of it is kept.
    pub(crate) async fn read(&self, token: Uuid, call: &AwsCall) -> Result<Value, Failure> {
        let own = spelled(call);
        let request = Request {
            identity: identity(own.assume_role.as_ref()),
            ..Request::new(
                &own.service,
                &own.operation,
                own.params.clone(),
                &own.region,
            )
        }
        .with_token(token.to_string());
        let policy = Policy {
            repeatable: true,
            ..policy(call)
        };
        match self.client.call(&request, policy).await {
            Ok(answer) => Ok(told(call, answer.value)),
            Err(error) => Err(failure_of(&error)),
        }
    }

    /// Whether this process answers a call itself.
    fn answers_itself(&self, call: &AwsCall) -> bool {
        let request = Request::new(
            &call.service,
            &call.operation,
            call.params.clone(),
            &call.region,
        );
        self.client.answers_itself(&request)
    }

    /// Looks whether a call of class [`Recovery::Probe`] happened.
    pub(crate) async fn probe(&self, intent: &Intent, call: &AwsCall) -> Probe {
        match look::look(&self.client, intent, &spelled(call)).await {
            Probe::Happened(result) => Probe::Happened(told(call, result)),
            other => other,
        }
    }

    fn conclude(
        &self,
        intent: &Intent,
        request: &Request,
        error: &CallError,
        sent_before: bool,
    ) -> Outcome {
        if error.is_unknown() {
            self.remember(intent.id, true);
            return Outcome::Unknown {
                reason: error.to_string(),
            };
        }
        let again = sent_before || error.may_have_happened;
        if again && error.service_error().is_some() {
            let Request {
                service,
                operation,
                params,
                ..
            } = request;
            match knowledge::repeated(service, operation, params, error.code()) {
                Repeated::Done => {
                    // The first request did it; this one was told so.
                    self.remember(intent.id, false);
                    return Outcome::Done {
                        result: json!({ "AlreadyDone": error.code() }),
                    };
                }
                Repeated::Unclear => {
                    return Outcome::Unknown {
                        reason: format!(
                            "a repeat was answered with {error}; this may be the first call's doing"
                        ),
                    };
                }
                Repeated::Refused => {}
            }
        }
        Outcome::Failed(failure_of(error))
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
}

/// The call with its parameters spelled as the service's model does.
fn spelled(call: &AwsCall) -> Cow<'_, AwsCall> {
    if call.spelling == Spelling::Service {
        return Cow::Borrowed(call);
    }
    let params = aws::spelling::to_members(&call.service, &call.operation, call.params.clone());
    Cow::Owned(AwsCall {
        params,
        ..call.clone()
    })
}

/// The answer, spelled as the call wants it.
fn told(call: &AwsCall, answer: Value) -> Value {
    let millis = call.spelling == Spelling::PascalMillis;
    match call.spelling {
        Spelling::Service => answer,
        Spelling::Pascal | Spelling::PascalMillis => {
            let answer = as_asked(call, answer);
            aws::spelling::to_pascal(&call.service, &call.operation, answer, millis)
        }
    }
}

/// The answer without what the client asks for by itself as boto3 does, and Step Functions does not (as recorded): an
/// object's checksums, which it has checked.
fn as_asked(call: &AwsCall, mut answer: Value) -> Value {
    let reads = (call.service.as_str(), call.operation.as_str()) == ("s3", "GetObject");
    if reads
        && call.params.get("ChecksumMode").is_none()
        && let Some(members) = answer.as_object_mut()
    {
        members.retain(|name, _| !name.starts_with("Checksum"));
    }
    answer
}

/// The call of an intent in the client's words.
fn request(intent: &Intent, call: &AwsCall) -> Request {
    let token = intent.id.to_string();
    Request {
        params: with_token(call, &token),
        identity: identity(call.assume_role.as_ref()),
        ..Request::new(&call.service, &call.operation, Value::Null, &call.region)
    }
    .with_token(token)
}

fn policy(call: &AwsCall) -> Policy {
    let within = Duration::from_secs(u64::from(call.timeout_secs.max(1)));
    let mut policy = Policy::default().within(within);
    if works_long(call) {
        policy.attempt_timeout = within;
    }
    policy
}

/// Whether a call is answered when work is done that may take minutes: a function may work for a quarter of an hour, an
/// Express execution for five minutes, and a worker waits a minute for a task.
pub(crate) fn works_long(call: &AwsCall) -> bool {
    let names = aws::resolve_names(&call.service, &call.operation);
    names.is_ok_and(|(service, operation)| {
        [
            ("lambda", "Invoke"),
            ("stepfunctions", "StartSyncExecution"),
            ("stepfunctions", "GetActivityTask"),
        ]
        .contains(&(&*service, &*operation))
    })
}

/// A role to act as, or the process itself.
pub(crate) fn identity(role: Option<&AssumeRole>) -> Identity {
    match role {
        None => Identity::Own,
        Some(role) => Identity::Role(Box::new(credentials::assumed_role(role))),
    }
}

/// The recovery class of a call, from what is known of its operation.
pub(crate) fn recovery(call: &AwsCall) -> Recovery {
    let Ok((service, operation)) = aws::resolve_names(&call.service, &call.operation) else {
        // Nothing will be sent.
        return Recovery::Repeat;
    };
    // A probe looks for the token, so there must be one; which one makes no difference to the class.
    let params = with_token(&spelled(call), "class");
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

/// The client's error in the product's words.
fn failure_of(error: &CallError) -> Failure {
    Failure {
        code: error.code().to_owned(),
        message: error.message(),
        status: error.status(),
        request_id: error.request_id().map(str::to_owned),
        extended_request_id: error
            .service_error()
            .and_then(|error| error.extended_request_id.clone()),
        shape: error
            .service_error()
            .and_then(ServiceError::shape)
            .map(str::to_owned),
        transient: error.is_transient(),
    }
}

pub(crate) fn plain_failure(code: &str, message: String, transient: bool) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient,
    }
}
