//! The AWS services that Quell speaks. What their operations look like on the wire is in the services' models; here is
//! who answers.
//!
//! To add a service: one module with a `SERVICE` constant, one line in [`SERVICES`]. To add an operation: one file with
//! a handler, one line in its service's table.

pub(crate) mod contacts;
pub(crate) mod events;
pub(crate) mod incidents;
pub(crate) mod lambda;
pub(crate) mod monitoring;
pub(crate) mod sns;
pub(crate) mod ssm;
pub(crate) mod states;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use aws::inbound::{InboundError, Request, Routes};
use aws::model::{self, Protocol};
use http::StatusCode;

use crate::call::Handler;
use crate::error::ApiError;
use crate::voice::Words;

/// Largest body of an operation that does not say otherwise, in bytes.
pub(crate) const DEFAULT_BODY_LIMIT: usize = 256 * 1024;

/// Everything that is served.
const SERVICES: &[&Service] = &[
    &contacts::SERVICE,
    &events::SERVICE,
    &incidents::SERVICE,
    &lambda::SERVICE,
    &monitoring::SERVICE,
    &sns::SERVICE,
    &ssm::SERVICE,
    &states::SERVICE,
];

/// One service.
pub(crate) struct Service {
    /// Name in the credential scope, and boto3's client name.
    pub(crate) name: &'static str,
    /// How it spells errors.
    pub(crate) words: Words,
    /// What it does.
    pub(crate) operations: &'static [Operation],
}

/// One operation.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Its name in the model.
    pub(crate) name: &'static str,
    /// Its code.
    pub(crate) handler: Handler,
    /// Largest body, in bytes.
    pub(crate) body_limit: usize,
}

impl Operation {
    /// An operation with the default body limit.
    pub(crate) const fn new(name: &'static str, handler: Handler) -> Self {
        Self {
            name,
            handler,
            body_limit: DEFAULT_BODY_LIMIT,
        }
    }

    /// Another body limit, in bytes.
    pub(crate) const fn body_limit(self, body_limit: usize) -> Self {
        Self { body_limit, ..self }
    }
}

/// A service with its model and the ways to its operations.
pub(crate) struct Served {
    pub(crate) service: &'static Service,
    pub(crate) model: Arc<model::Service>,
    routes: Routes,
    operations: HashMap<&'static str, &'static Operation>,
}

/// The operation that a request means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// What it looks like on the wire.
    pub(crate) model: &'static model::Operation,
    /// Who answers.
    pub(crate) operation: &'static Operation,
}

static SERVED: LazyLock<Vec<Served>> = LazyLock::new(|| {
    // A service whose model cannot be read is not served; a test sees that all can.
    let served = SERVICES
        .iter()
        .filter_map(|service| Served::new(service).ok());
    served.collect()
});

impl Served {
    fn new(service: &'static Service) -> Result<Self, aws::Error> {
        let model = model::catalog().service(service.name)?;
        let operations = service.operations.iter();
        Ok(Self {
            service,
            routes: Routes::new(&model),
            model,
            operations: operations
                .map(|operation| (operation.name, operation))
                .collect(),
        })
    }

    /// Finds the operation of a request.
    ///
    /// # Errors
    /// It means none of the service's, or one that is not served; or it cannot be read that far.
    pub(crate) fn target(&'static self, request: &Request<'_>) -> Result<Target, ApiError> {
        let reason = match self.routes.operation(&self.model, request) {
            Ok(model) => match self.operations.get(model.name) {
                Some(operation) => return Ok(Target { model, operation }),
                None => format!("operation `{}` is not served here", model.name),
            },
            Err(InboundError::UnknownOperation(reason)) => reason,
            Err(error) => return Err(error.into()),
        };
        let names: Vec<&str> = self.service.operations.iter().map(|o| o.name).collect();
        let message = format!("{reason}; the service has: {}", names.join(", "));
        Err(ApiError::new("UnknownOperationException", message).status(StatusCode::NOT_FOUND))
    }

    /// Whether a request names its operation in its body, else in its head.
    pub(crate) fn is_named_in_body(&self) -> bool {
        matches!(self.model.protocol, Protocol::Query | Protocol::Ec2)
    }

    /// Largest body of any operation, in bytes.
    pub(crate) fn largest_body(&self) -> usize {
        let limits = self.service.operations.iter().map(|o| o.body_limit);
        limits.max().unwrap_or(DEFAULT_BODY_LIMIT)
    }

    /// Whether there is an operation of this name.
    pub(crate) fn serves(&self, operation: &str) -> bool {
        self.operations.contains_key(operation)
    }
}

/// The service that a credential scope names.
pub(crate) fn find_service(name: &str) -> Option<&'static Served> {
    SERVED.iter().find(|served| served.service.name == name)
}

/// Names of all services.
pub(crate) fn service_names() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_in_the_model_and_named_once() {
        for service in SERVICES {
            let served = find_service(service.name).expect("a service with a model");
            assert_eq!(served.operations.len(), service.operations.len());
            for operation in service.operations {
                let known = served.model.operation(operation.name);
                assert_eq!(
                    known.map(|known| known.name),
                    Some(operation.name),
                    "{}",
                    service.name
                );
            }
        }
    }
}
