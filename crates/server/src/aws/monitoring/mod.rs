//! `monitoring`: of CloudWatch's wire API what reads the numbers of namespace `AWS/Events`.

mod get_metric_data;
mod list_metrics;

use crate::aws::{Operation, Service};
use crate::voice::Words;

/// The service.
pub(crate) const SERVICE: Service = Service {
    name: "monitoring",
    words: WORDS,
    operations: &[
        Operation::new("GetMetricData", |call| {
            Box::pin(get_metric_data::handle(call))
        }),
        Operation::new("ListMetrics", |call| Box::pin(list_metrics::handle(call))),
    ],
};

const WORDS: Words = Words {
    malformed: "ValidationError",
    internal: "InternalServiceFault",
    fields: false,
};
