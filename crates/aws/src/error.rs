//! Why a call cannot be made. Answers of the service that are errors are [`crate::ServiceError`].

use crate::endpoint::EndpointError;

/// Why a call could not be written or read.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// No service has this name.
    #[error(
        "unknown service `{service}`: give boto3's client name{}",
        did_you_mean(nearest)
    )]
    UnknownService {
        /// As given.
        service: String,
        /// Nearest names, joined by "`, `"; may be empty.
        nearest: String,
    },
    /// The service has no such operation.
    #[error(
        "service `{service}` has no operation `{operation}`{}",
        did_you_mean(nearest)
    )]
    UnknownOperation {
        /// Client name.
        service: String,
        /// As given.
        operation: String,
        /// Nearest names, joined by "`, `"; may be empty.
        nearest: String,
    },
    /// Parameters do not fit the model. The words are botocore's, so that they can be searched for.
    #[error("Parameter validation failed:\n{0}")]
    Parameters(String),
    /// The operation streams events.
    #[error(
        "operation `{operation}` of `{service}` streams events, which is not supported; use a non-streaming operation"
    )]
    EventStream {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
    },
    /// The service answers only at endpoints that it names.
    #[error(
        "`{service}` serves `{operation}` only at an endpoint that it names: call its `DescribeEndpoints`, then give `https://` and the `Address` of the answer as endpoint_url"
    )]
    EndpointDiscovery {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
    },
    /// There is no endpoint for the call.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The service wants to be shown who sends the request in a way that is not supported here.
    #[error(
        "operation `{operation}` of `{service}` cannot be signed with `{scheme}`, which is not supported for it; only signature version 4 is, and bearer tokens where the service takes them"
    )]
    Signature {
        /// Client name.
        service: String,
        /// Operation.
        operation: String,
        /// Name of the scheme, as `sigv4a`.
        scheme: String,
    },
    /// The request cannot be signed by its URL.
    #[error(transparent)]
    Presign(#[from] crate::sigv4::PresignError),
    /// The compiled-in table is damaged.
    #[error(
        "the compiled-in model of `{service}` cannot be read; rebuild after `cargo xtask models`"
    )]
    Table {
        /// Client name.
        service: String,
    },
}

fn did_you_mean(nearest: &str) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!("; did you mean `{nearest}`?")
    }
}
