//! `POST /api/v1/metrics/data`: the numbers of buses, rules and targets, in the form of CloudWatch's `GetMetricData`.
//!
//! Instants are ISO 8601 text or seconds since 1970 in the request, text in the answer.

use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;
use crate::metric_data::{self, Manner};

const MANNER: Manner = Manner {
    instant: |at| at.to_string().into(),
    invalid: |message| ApiError::validation(message),
    bad_token: || {
        ApiError::validation(
            "`NextToken` must be that of the answer before, with the same parameters",
        )
    },
};

pub(super) async fn handle(call: Call) -> Answer {
    metric_data::get(&call, &MANNER).await.map(Reply::ok)
}
