//! Waiting until something is in a state, as the models' waiters say it.

use std::time::Duration;

use serde_json::Value;

use super::path::{self, Path};
use super::{CallError, CallFailure, Client, Policy, Request};
use crate::ServiceError;
use crate::model::{Acceptor, AcceptorState, Matcher, Waiter, catalog, nearest};

/// What is chosen otherwise than in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitOverrides {
    /// Pause between two calls.
    pub delay: Option<Duration>,
    /// Most calls; at least 1.
    pub max_attempts: Option<u32>,
    /// Limit of the whole wait.
    pub timeout: Option<Duration>,
}

/// The state is reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Waited {
    /// The last answer; `None` when it was an error that says so (`BucketNotExists`).
    pub answer: Option<Value>,
    /// Calls that were made.
    pub attempts: u32,
}

/// Why the state is not reached. The words are botocore's, so that they can be searched for.
#[derive(Debug, Clone, thiserror::Error, PartialEq)]
pub enum WaitError {
    /// No waiter has this name.
    #[error("service `{service}` has no waiter `{waiter}`{}", hint(nearest))]
    UnknownWaiter {
        /// Client name.
        service: String,
        /// As given.
        waiter: String,
        /// Nearest names, joined by "`, `"; may be empty.
        nearest: String,
    },
    /// A call failed in a way the waiter says nothing about.
    #[error("Waiter {waiter} failed: {error}")]
    Call {
        /// The waiter.
        waiter: String,
        /// The call's error.
        #[source]
        error: Box<CallError>,
    },
    /// The state can no longer be reached.
    #[error("Waiter {waiter} failed: Waiter encountered a terminal failure state: {reason}")]
    Failed {
        /// The waiter.
        waiter: String,
        /// What was met.
        reason: String,
        /// What the last call gave.
        last: Box<Last>,
        /// Calls that were made.
        attempts: u32,
    },
    /// All calls are used up.
    #[error("Waiter {waiter} failed: Max attempts exceeded{}", previous(reason.as_deref()))]
    Exhausted {
        /// The waiter.
        waiter: String,
        /// What was met last, if the waiter says anything about it.
        reason: Option<String>,
        /// What the last call gave.
        last: Box<Last>,
        /// Calls that were made.
        attempts: u32,
    },
    /// The time is up.
    #[error("Waiter {waiter} failed: the time was up after {attempts} calls")]
    OutOfTime {
        /// The waiter.
        waiter: String,
        /// What the last call gave; `None` if there was none.
        last: Option<Box<Last>>,
        /// Calls that were made.
        attempts: u32,
    },
    /// The model's waiter cannot be used.
    #[error("waiter `{waiter}` cannot be used: {reason}")]
    Model {
        /// The waiter.
        waiter: String,
        /// What is wrong.
        reason: String,
    },
}

/// What a call gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Last {
    /// An answer.
    Answer(Value),
    /// The service's error.
    Error(Box<ServiceError>),
}

fn hint(nearest: &str) -> String {
    if nearest.is_empty() {
        "; it has none at all".to_owned()
    } else {
        format!("; did you mean `{nearest}`?")
    }
}

fn previous(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| {
        format!(". Previously accepted state: {reason}")
    })
}

impl Client {
    /// Repeats the waiter's operation with the parameters, region and identity of `request` until the state is reached.
    /// The waiter is named in any spelling (`InstanceRunning`, `instance_running`); `request.operation` is not looked
    /// at.
    ///
    /// # Errors
    /// [`WaitError`].
    pub async fn wait(
        &self,
        waiter: &str,
        request: &Request,
        overrides: WaitOverrides,
    ) -> Result<Waited, WaitError> {
        let service = catalog()
            .service(&request.service)
            .map_err(|error| WaitError::Call {
                waiter: waiter.to_owned(),
                error: Box::new(CallError::unsent(error, true)),
            })?;
        let Some(model) = service.waiter(waiter) else {
            let names = service.waiters.iter().map(|waiter| waiter.name);
            return Err(WaitError::UnknownWaiter {
                service: service.name.to_string(),
                waiter: waiter.chars().take(128).collect(),
                nearest: nearest(waiter, names).join("`, `"),
            });
        };
        let request = Request {
            operation: model.operation.to_string(),
            ..request.clone()
        };
        Waiting::new(self, model, overrides)?.run(&request).await
    }
}

struct Waiting<'a> {
    client: &'a Client,
    name: String,
    acceptors: Vec<(&'a Acceptor, Option<Path>)>,
    delay: Duration,
    max_attempts: u32,
    /// On the monotonic clock.
    deadline: Option<Duration>,
}

impl<'a> Waiting<'a> {
    fn new(
        client: &'a Client,
        model: &'a Waiter,
        overrides: WaitOverrides,
    ) -> Result<Self, WaitError> {
        let name = model.name.to_string();
        let read = |acceptor: &'a Acceptor| match &acceptor.matcher {
            Matcher::Path { path, .. }
            | Matcher::PathAll { path, .. }
            | Matcher::PathAny { path, .. } => Ok((acceptor, Some(Path::parse(path)?))),
            Matcher::Status(_) | Matcher::Error(_) | Matcher::NoError => Ok((acceptor, None)),
        };
        let acceptors = model.acceptors.iter().map(read);
        let acceptors = acceptors.collect::<Result<_, String>>();
        let delay = Duration::from_secs(u64::from(model.delay_s));
        let now = client.inner.clock.monotonic();
        Ok(Self {
            client,
            acceptors: acceptors.map_err(|reason| WaitError::Model {
                waiter: name.clone(),
                reason,
            })?,
            name,
            delay: overrides.delay.unwrap_or(delay),
            max_attempts: overrides.max_attempts.unwrap_or(model.max_attempts).max(1),
            deadline: overrides.timeout.map(|timeout| now.saturating_add(timeout)),
        })
    }

    async fn run(self, request: &Request) -> Result<Waited, WaitError> {
        let clock = &self.client.inner.clock;
        let mut met = None;
        let mut last = None;
        for attempts in 1.. {
            let Some(left) = self.left() else {
                return Err(self.out_of_time(last, attempts - 1));
            };
            let policy = Policy::repeatable();
            let policy = policy.within(left.min(policy.timeout));
            let given = self.given(request, policy).await?;
            match self.accept(&given) {
                Some((AcceptorState::Success, _)) => {
                    let answer = match given {
                        Last::Answer(answer) => Some(answer),
                        Last::Error(_) => None,
                    };
                    return Ok(Waited { answer, attempts });
                }
                Some((AcceptorState::Failure, reason)) => {
                    return Err(WaitError::Failed {
                        waiter: self.name,
                        reason,
                        last: Box::new(given),
                        attempts,
                    });
                }
                Some((AcceptorState::Retry, reason)) => met = Some(reason),
                None => self.refuse_error(&given, attempts)?,
            }
            if attempts >= self.max_attempts {
                return Err(WaitError::Exhausted {
                    waiter: self.name,
                    reason: met,
                    last: Box::new(given),
                    attempts,
                });
            }
            if self.left().is_none_or(|left| left <= self.delay) {
                return Err(self.out_of_time(Some(given), attempts));
            }
            last = Some(given);
            clock.sleep(self.delay).await;
        }
        Err(self.out_of_time(last, u32::MAX))
    }

    /// Time left; `None` when it is up.
    fn left(&self) -> Option<Duration> {
        let Some(deadline) = self.deadline else {
            return Some(Duration::MAX);
        };
        let left = deadline.saturating_sub(self.client.inner.clock.monotonic());
        (!left.is_zero()).then_some(left)
    }

    async fn given(&self, request: &Request, policy: Policy) -> Result<Last, WaitError> {
        match self.client.call(request, policy).await {
            Ok(answer) => Ok(Last::Answer(answer.value)),
            Err(CallError {
                cause: CallFailure::Service(error),
                ..
            }) => Ok(Last::Error(error)),
            Err(error) => Err(WaitError::Call {
                waiter: self.name.clone(),
                error: Box::new(error),
            }),
        }
    }

    /// The first acceptor that matches, with its words.
    fn accept(&self, given: &Last) -> Option<(AcceptorState, String)> {
        let matching = self
            .acceptors
            .iter()
            .find(|(acceptor, path)| matches(&acceptor.matcher, path.as_ref(), given))?;
        Some((matching.0.state, words(&matching.0.matcher)))
    }

    /// An error that the waiter says nothing about ends the wait.
    fn refuse_error(&self, given: &Last, attempts: u32) -> Result<(), WaitError> {
        match given {
            Last::Answer(_) => Ok(()),
            Last::Error(error) => Err(WaitError::Call {
                waiter: self.name.clone(),
                error: Box::new(CallError {
                    cause: CallFailure::Service(error.clone()),
                    attempts,
                    may_have_happened: false,
                    repeatable: true,
                }),
            }),
        }
    }

    fn out_of_time(&self, last: Option<Last>, attempts: u32) -> WaitError {
        WaitError::OutOfTime {
            waiter: self.name.clone(),
            last: last.map(Box::new),
            attempts,
        }
    }
}

fn matches(matcher: &Matcher, path: Option<&Path>, given: &Last) -> bool {
    let found = match given {
        Last::Answer(answer) => path.and_then(|path| path.find(answer)),
        Last::Error(_) => None,
    };
    let is_answer = matches!(given, Last::Answer(_));
    let list = || found.as_deref().and_then(Value::as_array);
    match matcher {
        Matcher::Status(status) => status_of(given) == Some(u64::from(*status)),
        Matcher::Error(None) => !is_answer,
        Matcher::Error(Some(code)) => {
            matches!(given, Last::Error(error) if error.code == **code)
        }
        Matcher::NoError => is_answer,
        Matcher::Path { expected, .. } => {
            is_answer && path::same(found.as_deref().unwrap_or(&Value::Null), expected)
        }
        Matcher::PathAll { expected, .. } => list()
            .is_some_and(|all| !all.is_empty() && all.iter().all(|one| path::same(one, expected))),
        Matcher::PathAny { expected, .. } => {
            list().is_some_and(|all| all.iter().any(|one| path::same(one, expected)))
        }
    }
}

fn status_of(given: &Last) -> Option<u64> {
    match given {
        Last::Answer(answer) => answer.pointer("/ResponseMetadata/HTTPStatusCode")?.as_u64(),
        Last::Error(error) => Some(u64::from(error.status)),
    }
}

fn words(matcher: &Matcher) -> String {
    let shown = |expected: &Value| match expected {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match matcher {
        Matcher::Path { path, expected } => {
            let expected = shown(expected);
            format!("For expression \"{path}\" we matched expected path: \"{expected}\"")
        }
        Matcher::PathAll { path, expected } => {
            let expected = shown(expected);
            format!("For expression \"{path}\" all members matched expected path: \"{expected}\"")
        }
        Matcher::PathAny { path, expected } => {
            let expected = shown(expected);
            format!(
                "For expression \"{path}\" we matched expected path: \"{expected}\" at least once"
            )
        }
        Matcher::Status(status) => format!("Matched expected HTTP status code: {status}"),
        Matcher::Error(Some(code)) => format!("Matched expected service error code: {code}"),
        Matcher::Error(None) => "Matched expected service error code: True".to_owned(),
        Matcher::NoError => "Matched expected service error code: False".to_owned(),
    }
}
