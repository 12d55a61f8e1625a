//! What Quell has no part in: phones, mobile push, data protection.

use futures_util::future::BoxFuture;

use super::names::invalid;
use crate::call::{Answer, Call};

fn refused(member: &'static str, instead: &'static str) -> BoxFuture<'static, Answer> {
    Box::pin(async move { Err(invalid(member, instead)) })
}

/// Text messages.
pub(super) fn phones(_: Call) -> BoxFuture<'static, Answer> {
    refused(
        "PhoneNumber",
        "Quell sends no text messages: subscribe an https, email, sqs or lambda endpoint",
    )
}

/// Mobile push.
pub(super) fn push(_: Call) -> BoxFuture<'static, Answer> {
    refused(
        "PlatformApplicationArn",
        "Quell sends no mobile push messages: subscribe an https, email, sqs or lambda endpoint",
    )
}

/// Data protection policies.
pub(super) fn protection(_: Call) -> BoxFuture<'static, Answer> {
    refused(
        "DataProtectionPolicy",
        "Quell does not look for personal data in messages: leave the policy out",
    )
}
