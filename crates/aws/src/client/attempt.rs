//! The attempts of one call: which failures are worth another, and which leave open whether it happened.
//!
//! - not sent: again, for every call;
//! - the service asked to slow down, or refused the request's clock, keys or region: it did nothing, so again, for
//!   every call;
//! - another passing error, or a connection that broke after sending: again only if the call may be repeated; if not,
//!   the service's own error is the outcome, and a broken connection leaves the outcome unknown.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use serde_json::Value;

use super::account::Account;
use super::gate::Scope;
use super::quota::Charge;
use super::region::{self, Redirect};
use super::{
    Answer, CallError, CallFailure, Client, Clock, Identity, Keys, Policy, Request, SendLimits,
    TransportError,
};
use crate::{
    Call, CallOptions, FailureKind, HttpResponse, MAX_ANSWER, Prepared, ServiceError, retry,
};

/// A call under way.
pub(super) struct Attempts<'a> {
    client: &'a Client,
    request: &'a Request,
    policy: Policy,
    /// On the monotonic clock.
    deadline: Duration,
    token: String,
    invocation: String,
    scope: Arc<Scope>,
    region: String,
    prepared: Prepared,
    /// Requests that were sent or tried to be sent.
    sent: u32,
    /// Those that count against the policy's attempts.
    counted: u32,
    /// Whether an attempt may have arrived without a clear answer.
    interrupted: bool,
    charge: Charge,
    corrected: Corrected,
}

/// What was corrected, each once at most.
#[derive(Default)]
struct Corrected {
    clock: bool,
    keys: bool,
    region: bool,
}

/// An attempt without a result, with the answer if there was one.
struct Failed {
    cause: CallFailure,
    answer: Option<HttpResponse>,
}

impl<T: Into<CallFailure>> From<T> for Failed {
    fn from(cause: T) -> Self {
        Self {
            cause: cause.into(),
            answer: None,
        }
    }
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        client: &'a Client,
        request: &'a Request,
        policy: Policy,
    ) -> Result<Self, CallError> {
        let token = client.token_of(request);
        let mut region = request.region.clone();
        let account = Account::before_keys(&request.identity);
        let mut prepared = prepare(client, request, (&region, account), &token)
            .map_err(|cause| CallError::unsent(cause, policy.repeatable))?;
        let known = region::bucket_of(prepared.service(), &request.params)
            .and_then(|bucket| client.inner.regions.of(bucket))
            .filter(|known| *known != region);
        if let Some(known) = known
            && let Ok(there) = prepare(client, request, (&known, account), &token)
        {
            (region, prepared) = (known, there);
        }
        Ok(Self {
            client,
            request,
            policy,
            deadline: client
                .inner
                .clock
                .monotonic()
                .saturating_add(policy.timeout),
            token,
            invocation: client.inner.tokens.token(),
            scope: scope_of(request, prepared.service()),
            region,
            prepared,
            sent: 0,
            counted: 0,
            interrupted: false,
            charge: Charge::default(),
            corrected: Corrected::default(),
        })
    }

    pub(super) async fn run(mut self) -> Result<Answer, CallError> {
        loop {
            self.counted += 1;
            let failed = match self.attempt().await {
                Ok(value) => return Ok(self.succeeded(value)),
                Err(failed) => failed,
            };
            let open = leaves_open(&failed.cause);
            self.interrupted |= open;
            if open && !self.policy.repeatable {
                return Err(self.end(failed.cause));
            }
            if self.correct(&failed).await {
                // The service performed nothing, and the next attempt is another request: it costs none.
                self.counted -= 1;
                continue;
            }
            match self.pause(&failed.cause) {
                Some(pause) => self.client.inner.clock.sleep(pause).await,
                None => return Err(self.end(failed.cause)),
            }
        }
    }

    async fn attempt(&mut self) -> Result<Value, Failed> {
        let clock = self.client.inner.clock.as_ref();
        let keys = self.client.keys(&self.prepared, &self.request.identity);
        let Some(keys) = within(clock, self.left()?, keys).await else {
            return Err(CallFailure::OutOfTime.into());
        };
        let keys = keys?;
        self.address_account(&keys)?;
        let number = self.counted.to_string();
        let most = self.max_attempts();
        let headers = &mut self.prepared.request;
        headers.set_header("amz-sdk-invocation-id", self.invocation.clone());
        headers.set_header("amz-sdk-request", format!("attempt={number}; max={most}"));
        let place = self.client.inner.gates.enter(&self.scope);
        let Some(_place) = within(clock, self.left()?, place).await else {
            return Err(CallFailure::OutOfTime.into());
        };
        let limits = SendLimits {
            time: self.left()?.min(self.policy.attempt_timeout),
            answer_bytes: MAX_ANSWER,
            fresh_connection: !self.policy.repeatable,
        };
        let request = self.client.signed(&self.prepared, &keys)?;
        self.sent += 1;
        let sent = self.client.inner.transport.send(request, limits);
        let answer = sent.await?;
        self.prepared.decode(&answer).map_err(|error| Failed {
            cause: CallFailure::Service(Box::new(error)),
            answer: Some(answer),
        })
    }

    /// Writes the request anew where the keys tell an account that belongs into the address.
    fn address_account(&mut self, keys: &Keys) -> Result<(), crate::Error> {
        let account = Account::of_keys(keys, &self.request.identity);
        let before = Account::before_keys(&self.request.identity);
        if self.prepared.takes_account() && account != before {
            let place = (self.region.as_str(), account);
            self.prepared = prepare(self.client, self.request, place, &self.token)?;
        }
        Ok(())
    }

    fn max_attempts(&self) -> u32 {
        let settings = &self.client.inner.settings;
        let chosen = self.policy.max_attempts.or(settings.max_attempts);
        chosen.unwrap_or(retry::MAX_ATTEMPTS).max(1)
    }

    fn left(&self) -> Result<Duration, CallFailure> {
        let left = self
            .deadline
            .saturating_sub(self.client.inner.clock.monotonic());
        if left.is_zero() {
            Err(CallFailure::OutOfTime)
        } else {
            Ok(left)
        }
    }

    /// The pause before the next attempt; `None` when there is to be none.
    fn pause(&mut self, cause: &CallFailure) -> Option<Duration> {
        if self.counted >= self.max_attempts() {
            return None;
        }
        let worthwhile = match cause {
            CallFailure::Invalid(_) | CallFailure::Credentials(_) | CallFailure::OutOfTime => false,
            CallFailure::Transport(TransportError::NotSent { .. }) => true,
            CallFailure::Transport(error) => self.policy.repeatable && error.is_transient(),
            CallFailure::Service(error) if self.policy.repeatable => retry::is_retryable(error),
            CallFailure::Service(error) => {
                error.kind == FailureKind::Api && retry::is_throttling(&error.code)
            }
        };
        if !worthwhile {
            return None;
        }
        let inner = &self.client.inner;
        let error = match cause {
            CallFailure::Service(error) => Some(error.as_ref()),
            _ => None,
        };
        let pause = retry::pause(error, self.counted, inner.tokens.jitter())?;
        if inner.clock.monotonic().saturating_add(pause) >= self.deadline {
            return None;
        }
        let timeout = matches!(
            cause,
            CallFailure::Transport(TransportError::Timeout { .. })
        );
        self.charge = inner.quotas.charge(&self.scope, timeout)?;
        Some(pause)
    }

    /// Corrects what the service refused the request for; true when another attempt is to be made at once.
    async fn correct(&mut self, failed: &Failed) -> bool {
        let (CallFailure::Service(error), Some(answer)) = (&failed.cause, &failed.answer) else {
            return false;
        };
        self.correct_region(error, answer).await
            || self.correct_clock(error, answer)
            || self.correct_keys(error).await
    }

    fn correct_clock(&mut self, error: &ServiceError, answer: &HttpResponse) -> bool {
        let inner = &self.client.inner;
        let host = &self.prepared.request.authority;
        if self.corrected.clock || !inner.skews.correct(host, error, answer, inner.clock.now()) {
            return false;
        }
        self.corrected.clock = true;
        true
    }

    /// Keys can end before their time (revoked, or a clock that is off).
    async fn correct_keys(&mut self, error: &ServiceError) -> bool {
        let fetched = matches!(self.request.identity, Identity::Own | Identity::Role(_));
        if self.corrected.keys || !fetched || !is_expired(&error.code) {
            return false;
        }
        self.corrected.keys = true;
        let source = &self.client.inner.credentials;
        source.forget(&self.request.identity).await;
        true
    }

    async fn correct_region(&mut self, error: &ServiceError, answer: &HttpResponse) -> bool {
        let Some(bucket) = region::bucket_of(self.prepared.service(), &self.request.params) else {
            return false;
        };
        if self.corrected.region {
            return false;
        }
        let region = match region::redirect(self.prepared.operation(), error, answer) {
            Redirect::No => return false,
            Redirect::To(region) => Some(region),
            Redirect::Elsewhere => self.look_up_region(bucket).await,
        };
        let Some(region) = region.filter(|region| *region != self.region) else {
            return false;
        };
        let place = (
            region.as_str(),
            Account::before_keys(&self.request.identity),
        );
        let Ok(prepared) = prepare(self.client, self.request, place, &self.token) else {
            return false;
        };
        self.client.inner.regions.remember(bucket, &region);
        self.corrected.region = true;
        (self.region, self.prepared) = (region, prepared);
        true
    }

    /// S3 names the region in the answer to `HeadBucket`, whether it grants the call or not.
    async fn look_up_region(&self, bucket: &str) -> Option<String> {
        let head = Request {
            operation: "HeadBucket".to_owned(),
            params: serde_json::json!({ "Bucket": bucket }),
            ..self.request.clone()
        };
        let place = (self.region.as_str(), Account::before_keys(&head.identity));
        let prepared = prepare(self.client, &head, place, &self.token).ok()?;
        let keys = self.client.keys(&prepared, &self.request.identity);
        let keys = keys.await.ok()?;
        let limits = SendLimits {
            time: self.left().ok()?.min(self.policy.attempt_timeout),
            answer_bytes: MAX_ANSWER,
            fresh_connection: false,
        };
        let request = self.client.signed(&prepared, &keys).ok()?;
        let inner = &self.client.inner;
        let place = inner.gates.enter(&self.scope);
        let _place = within(inner.clock.as_ref(), limits.time, place).await?;
        let answer = inner.transport.send(request, limits).await;
        region::header_region(&answer.ok()?)
    }

    fn succeeded(&self, mut value: Value) -> Answer {
        let inner = &self.client.inner;
        inner.quotas.refund(&self.scope, self.charge);
        if let Some(retries) = value.pointer_mut("/ResponseMetadata/RetryAttempts") {
            *retries = self.sent.saturating_sub(1).into();
        }
        Answer {
            value,
            attempts: self.sent,
        }
    }

    fn end(&self, cause: CallFailure) -> CallError {
        CallError {
            cause,
            attempts: self.sent,
            may_have_happened: self.interrupted,
            repeatable: self.policy.repeatable,
        }
    }
}

/// Writes the request of a call for a region and an account.
pub(super) fn prepare(
    client: &Client,
    request: &Request,
    (region, account): (&str, Account<'_>),
    token: &str,
) -> Result<Prepared, crate::Error> {
    let settings = &client.inner.settings;
    let (service, operation) = crate::resolve_names(&request.service, &request.operation)?;
    let endpoint_url = request
        .endpoint_url
        .as_deref()
        .or_else(|| settings.endpoint_urls.get(&service).map(String::as_str))
        .or(settings.endpoint_url.as_deref());
    let own = settings.service_options.get(&service);
    let options: &CallOptions = request
        .options
        .as_deref()
        .or(own)
        .unwrap_or(&settings.options);
    crate::prepare(&Call {
        service: &service,
        operation: &operation,
        params: &request.params,
        region,
        endpoint_url,
        token,
        options: &account.fill(options),
    })
}

fn scope_of(request: &Request, service: &str) -> Arc<Scope> {
    let account = match (&request.account, &request.identity) {
        (Some(account), _) => account.as_str(),
        // Who brings keys may bring another account's.
        (None, Identity::Keys(keys)) => &keys.access_key_id,
        (None, identity) => identity.account(),
    };
    Arc::new(Scope {
        account: account.to_owned(),
        region: request.region.clone(),
        service: service.to_owned(),
    })
}

/// What `work` gives, unless `time` passes before.
pub(super) async fn within<T>(
    clock: &dyn Clock,
    time: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = pin!(work);
    // Most work is done at once: no alarm is set for it.
    let mut alarm = None;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        alarm
            .get_or_insert_with(|| clock.sleep(time))
            .as_mut()
            .poll(context)
            .map(|()| None)
    })
    .await
}

fn is_expired(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired"
    )
}

/// Whether this failure leaves open that the attempt took effect.
fn leaves_open(failure: &CallFailure) -> bool {
    match failure {
        CallFailure::Transport(error) => error.may_have_arrived(),
        CallFailure::Service(error) => match error.kind {
            // A gateway that gave up, or an answer that cannot be read, says nothing about what the service did.
            FailureKind::Unreadable => error.status < 300 || error.status >= 500,
            // Without a code it may be the word of a proxy, which does not know either.
            FailureKind::Api => {
                matches!(error.status, 502 | 504) || (error.status >= 500 && error.is_nameless())
            }
            FailureKind::NotImplementedByTarget => false,
        },
        CallFailure::Invalid(_) | CallFailure::Credentials(_) | CallFailure::OutOfTime => false,
    }
}
