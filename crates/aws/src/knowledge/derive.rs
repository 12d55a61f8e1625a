//! What can be told from a model alone: traits first, then the verb of the operation's name and what it acts on.
//!
//! Deletions and tags are repeated without harm; so is a verb that sets (`Put`, `Set`, `Update`, `Modify`) on what is
//! plainly a state (`...Policy`, `...Configuration`, `...Settings`). Other changes may start something each time.

use super::Mutation;
use crate::model::{Operation, Service};

/// A token's life where no service-specific fact is known, in seconds. Services keep tokens from minutes to days;
/// recovery after a restart comes within minutes.
pub(super) const CAUTIOUS_TOKEN_LIFETIME_S: u64 = 15 * 60;

/// Verbs that only read, by the beginning of the name.
const READING_VERBS: [&str; 10] = [
    "Describe", "Get", "List", "BatchGet", "Head", "Search", "Lookup", "Simulate", "Validate",
    "Preview",
];

/// Operations that only read, though their name is no verb of the list, or begins with `Test` or `Check`, which are
/// not safe as a rule: `elasticache:TestFailover` fails over, `license-manager:CheckInLicense` changes a licence.
const READING_NAMES: [&str; 17] = [
    "Query",
    "Scan",
    "Select",
    "FilterLogEvents",
    "TestEventPattern",
    "TestMetricFilter",
    "TestTransformer",
    "TestCustomDataIdentifier",
    "TestDNSAnswer",
    "CheckAccessNotGranted",
    "CheckNoNewAccess",
    "CheckNoPublicAccess",
    "CheckDomainAvailability",
    "CheckDomainTransferability",
    "CheckDNSAvailability",
    "CheckIfPhoneNumberIsOptedOut",
    "CheckCapacity",
];

/// Operations with a reading verb that do change something.
const NOT_READING: [(&str, &str); 3] = [
    ("cognito-identity", "GetId"),
    ("cognito-identity", "GetOpenIdTokenForDeveloperIdentity"),
    ("glacier", "GetJobOutput"),
];

/// Verbs that bring a thing into the state that the parameters describe, if what they act on is a state.
const SETTING_VERBS: [&str; 5] = ["Put", "Set", "Update", "Modify", "Replace"];

/// Ends of names that are a state, not an occurrence: `PutBucketPolicy`, but not `PutRecord`.
const STATES: [&str; 31] = [
    "Acl",
    "Attribute",
    "Attributes",
    "Block",
    "Boundary",
    "Concurrency",
    "Config",
    "Configuration",
    "Configurations",
    "Contact",
    "Cors",
    "Description",
    "Encryption",
    "Logging",
    "Metadata",
    "Monitoring",
    "Notification",
    "Options",
    "Payment",
    "Period",
    "Permissions",
    "Policy",
    "Preference",
    "Preferences",
    "Protection",
    "Replication",
    "Setting",
    "Settings",
    "Tagging",
    "Versioning",
    "Website",
];

/// Members by which a service takes a change only once: a repeat is refused, which does not tell that it failed.
const LOCKS: [&str; 14] = [
    "changetoken",
    "conditionaltoken",
    "currentversion",
    "etag",
    "expectedrevisionid",
    "expectedversion",
    "ifmatch",
    "latestversionid",
    "locktoken",
    "policyrevision",
    "policyrevisionid",
    "revisionid",
    "sequencetoken",
    "updatetoken",
];

/// Codes with which a second deletion is commonly answered.
const GONE: &[&str] = &[
    "ResourceNotFoundException",
    "NotFoundException",
    "ResourceNotFound",
];

pub(super) fn derived(service: &Service, operation: &Operation) -> Mutation {
    if operation.readonly || reads(service.name, operation.name) {
        return Mutation::ReadOnly;
    }
    if let Some(member) = token_member(service, operation) {
        return Mutation::Token {
            member,
            lifetime_secs: CAUTIOUS_TOKEN_LIFETIME_S,
        };
    }
    if operation.idempotent || settles(service, operation) {
        return Mutation::Idempotent {
            already_done_codes: if removes(operation.name) { GONE } else { &[] },
        };
    }
    Mutation::None
}

/// Whether the operation takes something away, so that "not found" means that it is done.
pub(super) fn removes(operation: &str) -> bool {
    ["Delete", "Remove", "Untag", "BatchDelete"]
        .iter()
        .any(|verb| has_verb(operation, verb))
}

/// Whether the operation leaves a state that a repeat does not change.
fn settles(service: &Service, operation: &Operation) -> bool {
    let name = operation.name;
    if has_verb(name, "Delete") || has_verb(name, "Tag") || has_verb(name, "Untag") {
        return true;
    }
    let state = SETTING_VERBS.iter().any(|verb| has_verb(name, verb))
        && STATES.iter().any(|end| name.ends_with(end));
    state && !is_locked(service, operation)
}

/// Whether the input can name the version that is to be changed.
fn is_locked(service: &Service, operation: &Operation) -> bool {
    let input = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input));
    input.is_some_and(|input| {
        input
            .members
            .iter()
            .any(|member| LOCKS.contains(&member.name.to_ascii_lowercase().as_str()))
    })
}

/// Whether a name begins with a verb: `Get` in `Getaway` is none, since a capital or digit must follow.
fn has_verb(operation: &str, verb: &str) -> bool {
    operation.strip_prefix(verb).is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
    })
}

/// The member of the input that is filled with the call's token.
pub(super) fn token_member(service: &Service, operation: &Operation) -> Option<String> {
    let input = operation
        .input
        .as_ref()
        .and_then(|input| service.structure(input))?;
    let member = input
        .members
        .iter()
        .find(|member| member.target.traits().idempotency_token)?;
    Some(member.name.to_string())
}

fn reads(service: &str, operation: &str) -> bool {
    if NOT_READING.contains(&(service, operation)) || operation.starts_with("GetOrCreate") {
        return false;
    }
    READING_NAMES.contains(&operation) || READING_VERBS.iter().any(|verb| has_verb(operation, verb))
}
