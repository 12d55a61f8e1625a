//! How far this machine's clock is off from the services' clocks, learnt from their answers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::{HttpResponse, ServiceError, timestamp};

/// Signatures are accepted within five minutes (fifteen for some services); below this much the clock is not to blame.
const TOLERATED_SECS: i64 = 240;
/// Hosts kept.
const KEPT: usize = 1024;

/// Codes of refusals that a wrong clock may have caused. The service performed nothing. Source: AWS's SDKs.
const CODES: [&str; 6] = [
    "RequestTimeTooSkewed",
    "RequestExpired",
    "RequestInTheFuture",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "AuthFailure",
];

/// The offset to each host's clock.
#[derive(Debug, Default)]
pub(super) struct Skews {
    offsets: Mutex<HashMap<String, SignedDuration>>,
}

impl Skews {
    /// The host's time when this machine's clock shows `now`.
    pub(super) fn at(&self, host: &str, now: Timestamp) -> Timestamp {
        let offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        offsets
            .get(host)
            .and_then(|offset| now.checked_add(*offset).ok())
            .unwrap_or(now)
    }

    /// Learns from a refusal whether the clock is off; true when the offset changed, so that another attempt may do.
    pub(super) fn correct(
        &self,
        host: &str,
        error: &ServiceError,
        answer: &HttpResponse,
        now: Timestamp,
    ) -> bool {
        if !CODES.contains(&error.code.as_str()) || !(400..500).contains(&error.status) {
            return false;
        }
        let Some(theirs) = answer.header("date").and_then(timestamp::parse) else {
            return false;
        };
        let off = theirs.as_second() - self.at(host, now).as_second();
        if off.abs() <= TOLERATED_SECS {
            return false;
        }
        let offset = SignedDuration::from_secs(theirs.as_second() - now.as_second());
        let mut offsets = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        if offsets.len() >= KEPT && !offsets.contains_key(host) {
            offsets.clear();
        }
        offsets.insert(host.to_owned(), offset);
        true
    }
}
