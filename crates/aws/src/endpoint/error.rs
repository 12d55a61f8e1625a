//! Why a call has no endpoint.

use super::{Malformed, RuleError};

/// Why a call has no endpoint. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The endpoint or region cannot be used.
    #[error("{what} `{value}` is not usable: {reason}")]
    Unusable {
        /// `endpoint_url` or `region`.
        what: &'static str,
        /// As given.
        value: String,
        /// What is wrong and what to do.
        reason: &'static str,
    },
    /// No region was given. boto3's words, and what to do.
    #[error(
        "You must specify a region. Name one such as `eu-west-1`; a service with one endpoint for all regions takes `us-east-1`"
    )]
    NoRegion,
    /// The service's rules refuse the call, in their words, or lead nowhere.
    #[error("{source}")]
    Rules {
        /// Client name.
        service: String,
        /// What the rules say.
        source: RuleError,
    },
    /// The service's rules in the table cannot be compiled.
    #[error(
        "the endpoint rules of `{service}` cannot be read: {source}; rebuild after `cargo xtask models`"
    )]
    Malformed {
        /// Client name.
        service: String,
        /// What is wrong with them.
        source: Malformed,
    },
}

impl EndpointError {
    pub(super) fn unusable_url(url: &str) -> Self {
        Self::Unusable {
            what: "endpoint_url",
            value: url.to_owned(),
            reason: "give `http://` or `https://`, a host, perhaps a port and a path, no query",
        }
    }
}
