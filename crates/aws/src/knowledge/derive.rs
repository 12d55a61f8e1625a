//! What can be told from a model alone: traits first, then the verb of the operation's name.

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

/// Codes with which a second deletion is commonly answered.
const GONE: &[&str] = &[
    "ResourceNotFoundException",
    "NotFoundException",
    "ResourceNotFound",
];

pub(super) fn derived(service: &Service, operation: &Operation) -> Mutation {
    if operation.readonly || reads(&service.name, &operation.name) {
        return Mutation::ReadOnly;
    }
    if let Some(member) = token_member(service, operation) {
        return Mutation::Token {
            member,
            lifetime_secs: CAUTIOUS_TOKEN_LIFETIME_S,
        };
    }
    if operation.idempotent {
        let deletes = ["Delete", "Remove", "Untag"]
            .iter()
            .any(|verb| operation.name.starts_with(verb));
        return Mutation::Idempotent {
            already_done_codes: if deletes { GONE } else { &[] },
        };
    }
    Mutation::None
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
    // `Get` in `Getaway` would be no verb: a capital or digit follows.
    let verb = |verb: &str| {
        operation
            .strip_prefix(verb)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    READING_NAMES.contains(&operation) || READING_VERBS.iter().any(|candidate| verb(candidate))
}
