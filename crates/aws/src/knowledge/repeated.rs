//! What an error tells when a call is made again whose first answer was lost.

use serde_json::Value;

use super::derive::removes;
use super::{Mutation, mutation};

/// What the error on the second call says about the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeated {
    /// The first call took effect: the second was told so.
    Done,
    /// The service refuses the call as such; the first was refused too.
    Refused,
    /// The second call met a state that the first one, or somebody else, may have made. Ask a person.
    Unclear,
}

/// Words in codes of deletions that say that the thing is gone.
const GONE: [&str; 5] = [
    "NotFound",
    "NoSuch",
    "DoesNotExist",
    "NotExist",
    "Nonexistent",
];

/// Words in codes that tell of a state or of a change under way, not of the call itself.
const UNSETTLED: [&str; 14] = [
    "Already",
    "Concurrent",
    "Conflict",
    "Duplicate",
    "Idempotent",
    "Idempotency",
    "InProgress",
    "InUse",
    "IncorrectState",
    "InvalidState",
    "Locked",
    "OptimisticLock",
    "PreconditionFailed",
    "Stale",
];

/// What `code`, the answer to a repeat, says about the first call. Service and operation are spelled as in
/// [`crate::Call`].
#[must_use]
pub fn repeated(service: &str, operation: &str, params: &Value, code: &str) -> Repeated {
    let has = |words: &[&str]| words.iter().any(|word| code.contains(word));
    // `InvalidDBInstanceState` names the thing between the words.
    let is_state = code.starts_with("Invalid")
        && code
            .trim_end_matches("Exception")
            .trim_end_matches("Fault")
            .ends_with("State");
    match mutation(service, operation, params) {
        // What reads makes no state.
        Mutation::ReadOnly => Repeated::Refused,
        Mutation::Idempotent { already_done_codes } if already_done_codes.contains(&code) => {
            Repeated::Done
        }
        Mutation::Idempotent { .. } if removes(operation) && has(&GONE) => Repeated::Done,
        _ if has(&UNSETTLED) || is_state => Repeated::Unclear,
        _ => Repeated::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn errors_on_repeats() {
        for (service, operation, code, expected) in [
            (
                "ec2",
                "AuthorizeSecurityGroupIngress",
                "InvalidPermission.Duplicate",
                Repeated::Done,
            ),
            (
                "rds",
                "DeleteDBParameterGroup",
                "DBParameterGroupNotFound",
                Repeated::Done,
            ),
            (
                "rds",
                "DeleteDBInstance",
                "InvalidDBInstanceState",
                Repeated::Unclear,
            ),
            (
                "guardduty",
                "DeleteFilter",
                "BadRequestException",
                Repeated::Refused,
            ),
            (
                "ecr",
                "PutLifecyclePolicy",
                "RepositoryNotFoundException",
                Repeated::Refused,
            ),
            (
                "wafv2",
                "PutPermissionPolicy",
                "WAFOptimisticLockException",
                Repeated::Unclear,
            ),
            (
                "ec2",
                "RunInstances",
                "IdempotentParameterMismatch",
                Repeated::Unclear,
            ),
            (
                "ec2",
                "RunInstances",
                "InvalidAMIID.NotFound",
                Repeated::Refused,
            ),
            ("ec2", "DescribeInstances", "Conflict", Repeated::Refused),
        ] {
            assert_eq!(
                repeated(service, operation, &json!({}), code),
                expected,
                "{service}:{operation} {code}"
            );
        }
    }
}
