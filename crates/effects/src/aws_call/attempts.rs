//! The attempts of one call: which failures are worth another, and which leave open whether it happened.
//!
//! - not sent: again, for every class;
//! - the service asked to slow down: it did nothing, so again, for every class;
//! - another passing error, or a connection that broke after sending: again only if the call may be repeated; if not,
//!   the service's own error is the outcome, and a broken connection leaves the outcome unknown.

use std::time::Duration;

use aws::retry::{self, Retry};
use aws::{Credentials, FailureKind, Prepared, ServiceError};
use model::effect::Failure;
use ports::Clock;
use serde_json::Value;
use uuid::Uuid;

use super::plain_failure;
use super::wire::{Destination, Wire, WireError};
use crate::http::TransportError;
use crate::http::transport::Connection;

/// Longest single attempt, as AWS's own clients have it.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(60);

/// What all attempts of one call share.
pub(crate) struct Attempts<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) clock: &'a dyn Clock,
    /// On the monotonic clock.
    pub(crate) deadline: Duration,
    /// Whether the call may be repeated although it may have happened.
    pub(crate) repeatable: bool,
    /// Spreads the pauses.
    pub(crate) seed: Uuid,
}

/// How the attempts ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With the answer.
    Answered(Value),
    /// With the service's error.
    Refused {
        error: Box<ServiceError>,
        /// Whether an attempt before may have arrived without an answer.
        interrupted_before: bool,
    },
    /// Without an answer; nothing happened, or the call is harmless to repeat.
    Failed(Failure),
    /// It may have happened and may not be repeated.
    Unknown { reason: String },
}

impl Attempts<'_> {
    pub(crate) async fn run(
        &self,
        prepared: &Prepared,
        credentials: Option<&Credentials>,
        to: &Destination,
    ) -> Ended {
        let connection = if self.repeatable {
            Connection::Pooled
        } else {
            Connection::Fresh
        };
        let mut interrupted = false;
        for attempt in 1.. {
            let left = self.deadline.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return Ended::Failed(plain_failure(
                    "Timeout",
                    "the call's time was up before it could be sent".to_owned(),
                    true,
                ));
            }
            let limits = (self.clock.now(), left.min(ATTEMPT_LIMIT));
            let failed = match self
                .wire
                .exchange((prepared, credentials), to, connection, limits)
                .await
            {
                Ok(answer) => return Ended::Answered(answer),
                Err(failed) => failed,
            };
            interrupted |= is_interrupted(&failed);
            match self.pause_after(&failed, attempt) {
                Some(pause) if self.clock.monotonic() + pause < self.deadline => {
                    tracing::info!(
                        service = prepared.service(), operation = prepared.operation(), attempt, reason = %words(&failed),
                        "call is tried again"
                    );
                    tokio::time::sleep(pause).await;
                }
                _ => return self.end(failed, interrupted),
            }
        }
        Ended::Failed(plain_failure(
            "Network",
            "no attempt was made".to_owned(),
            true,
        ))
    }

    fn pause_after(&self, failed: &WireError, attempt: u32) -> Option<Duration> {
        let outcome = match failed {
            WireError::Unsendable(_)
            | WireError::Transport(
                TransportError::TooLarge { .. } | TransportError::Forbidden { .. },
            ) => {
                return None;
            }
            WireError::Transport(TransportError::NotSent { .. }) => retry::Outcome::NotSent,
            WireError::Transport(_) if self.repeatable => retry::Outcome::Interrupted,
            WireError::Transport(_) => return None,
            WireError::Service(error) if self.repeatable || retry::is_throttling(&error.code) => {
                retry::Outcome::Answered(error)
            }
            WireError::Service(_) => return None,
        };
        match retry::classify(outcome, attempt, self.jitter(attempt)) {
            Retry::After { delay_ms } => Some(Duration::from_millis(delay_ms)),
            Retry::Stop => None,
        }
    }

    /// From 0 to 1, different for each call and attempt; the id's bits are as good as random.
    fn jitter(&self, attempt: u32) -> f64 {
        let bits = self.seed.as_u128().rotate_right(attempt.wrapping_mul(16)) & 0xffff;
        f64::from(u16::try_from(bits).unwrap_or_default()) / f64::from(u16::MAX)
    }

    fn end(&self, failed: WireError, interrupted_before: bool) -> Ended {
        let leaves_open = !self.repeatable && leaves_open(&failed);
        match failed {
            _ if leaves_open => Ended::Unknown {
                reason: format!("{}; the call may have been carried out", words(&failed)),
            },
            WireError::Service(error) => Ended::Refused {
                error,
                interrupted_before,
            },
            WireError::Unsendable(reason) => {
                Ended::Failed(plain_failure("ParamValidation", reason, false))
            }
            WireError::Transport(error) => {
                let (code, transient) = match &error {
                    TransportError::Timeout { .. } => ("Timeout", true),
                    TransportError::TooLarge { .. } => ("Http", false),
                    TransportError::Forbidden { .. } => ("ParamValidation", false),
                    TransportError::NotSent { .. } | TransportError::Broken { .. } => {
                        ("Network", true)
                    }
                };
                Ended::Failed(plain_failure(code, error.to_string(), transient))
            }
        }
    }
}

fn is_interrupted(failed: &WireError) -> bool {
    match failed {
        WireError::Transport(error) => !matches!(
            error,
            TransportError::NotSent { .. } | TransportError::Forbidden { .. }
        ),
        WireError::Service(error) => leaves_open_answer(error),
        WireError::Unsendable(_) => false,
    }
}

/// Whether the call may have happened although there is no good answer.
fn leaves_open(failed: &WireError) -> bool {
    is_interrupted(failed)
}

/// A gateway that gave up, or an answer that cannot be read, says nothing about what the service did.
fn leaves_open_answer(error: &ServiceError) -> bool {
    match error.kind {
        FailureKind::Unreadable => error.status < 300 || error.status >= 500,
        FailureKind::Api => matches!(error.status, 502 | 504),
        FailureKind::NotImplementedByTarget => false,
    }
}

fn words(failed: &WireError) -> String {
    match failed {
        WireError::Unsendable(reason) => reason.clone(),
        WireError::Transport(error) => error.to_string(),
        WireError::Service(error) => error.to_string(),
    }
}

/// The service's error in the product's words.
pub(crate) fn failure_of(error: &ServiceError) -> Failure {
    Failure {
        code: error.code.clone(),
        message: error.message.clone(),
        status: Some(error.status),
        request_id: error.request_id.clone(),
        transient: retry::is_retryable(error),
    }
}
