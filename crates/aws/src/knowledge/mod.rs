//! What a repeat of an operation would do, and which parameters it has.
//!
//! Recovery asks this when a call's outcome is not known: may it be repeated, with the same token, or must the
//! account be asked first? Derived from the models' traits and the verbs of the names, with a reviewed table on top.
//! What is not known counts as [`Mutation::None`]: nothing is repeated blindly.

mod derive;
mod members;
mod probe;
mod repeated;
mod secret;
mod table;
mod token;

use serde_json::Value;

pub use members::{foreign, required};
pub use probe::{ProbeAnswer, ProbeSpec};
pub use repeated::{Repeated, repeated};
pub use secret::{MASK, masked};
pub use token::{TOKEN_TAG, inject_token};

use crate::model::catalog;

/// What a repeat of a call does.
#[derive(Debug, Clone, PartialEq)]
pub enum Mutation {
    /// Nothing is changed; repeat freely.
    ReadOnly,
    /// A repeat leaves the account as the first call did. Answers with one of these codes mean that the first call
    /// took effect.
    Idempotent {
        /// Error codes that say "already done".
        already_done_codes: &'static [&'static str],
    },
    /// The call carries a token; a repeat with the same token and parameters is the same call while the token lives.
    Token {
        /// Member that carries it.
        member: String,
        /// How long the service remembers it, in seconds, at least.
        lifetime_secs: u64,
    },
    /// Ask the account whether the first call took effect.
    Probe(ProbeSpec),
    /// A repeat may do it twice, and nothing tells whether the first one did it. Ask a person.
    None,
}

/// Whether AWS has a call, as far as the models know.
#[must_use]
pub fn exists(service: &str, operation: &str) -> bool {
    let catalog = catalog();
    let found = catalog.has(service).then(|| catalog.service(service));
    found.is_some_and(|found| found.is_ok_and(|found| found.operation(operation).is_some()))
}

/// Whether a call, as it is written in a document or a definition, may be made again without asking anybody.
#[must_use]
pub fn is_repeatable(service: &str, operation: &str, params: &Value) -> bool {
    let Ok((service, operation)) = crate::resolve_names(service, operation) else {
        // A service or operation that does not exist does nothing.
        return true;
    };
    let mut params = params.clone();
    inject_token(&service, &operation, &mut params, "token");
    mutation(&service, &operation, &params) != Mutation::None
}

impl Mutation {
    /// The class as people read it in lists and records.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::ReadOnly => "reads",
            Self::Idempotent { .. } => "changes, repeatable",
            Self::Token { .. } => "changes, repeatable with its token",
            Self::Probe(_) => "changes, can be looked up",
            Self::None => "changes, not repeatable",
        }
    }
}

/// What a repeat of this call does. Service and operation are spelled as in [`crate::Call`]; unknown ones are
/// [`Mutation::None`]. Call [`inject_token`] on the parameters first: a probe may look for the token.
#[must_use]
pub fn mutation(service: &str, operation: &str, params: &Value) -> Mutation {
    let Ok(service) = catalog().service(service) else {
        return Mutation::None;
    };
    let Some(operation) = service.operation(operation) else {
        return Mutation::None;
    };
    table::reviewed(service.name, operation.name, params)
        .unwrap_or_else(|| derive::derived(&service, operation))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_of_operations_counts() {
        for (service, operation, repeatable) in [
            ("ec2", "DescribeInstances", true),
            ("ec2", "create_snapshot", true),
            ("ec2", "RunInstances", true),
            ("sns", "Publish", false),
            ("nope", "Nope", true),
        ] {
            assert_eq!(
                is_repeatable(service, operation, &json!({})),
                repeatable,
                "{service}:{operation}"
            );
        }
    }
}
