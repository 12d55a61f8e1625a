//! Quell's own API for operators, under `/api/v1/`, signed like everything else (service name `quell`).

use crate::aws::{Operations, Service};
use crate::dialect;

/// The service.
pub(crate) const SERVICE: Service = Service {
    signing_name: "quell",
    dialect: dialect::OPERATOR,
    operations: Operations::Rest(&[]),
};
