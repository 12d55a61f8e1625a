//! `ssm`: documents and automation, AWS JSON 1.1.

use crate::aws::{Operations, Service};
use crate::dialect;

/// The service.
pub(crate) const SERVICE: Service = Service {
    signing_name: "ssm",
    dialect: dialect::SSM,
    operations: Operations::Json {
        prefix: "AmazonSSM",
        table: &[],
    },
};
