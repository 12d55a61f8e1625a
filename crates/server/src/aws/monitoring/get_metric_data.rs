//! `GetMetricData`.

use crate::call::{Answer, Call, Reply};
use crate::decode::epoch;
use crate::error::ApiError;
use crate::metric_data::{self, Manner};

const MANNER: Manner = Manner {
    instant: epoch,
    invalid: |message| ApiError::new("ValidationError", message),
    bad_token: || {
        ApiError::new(
            "InvalidNextToken",
            "The next token specified is invalid: take it from the answer before, with the same parameters.",
        )
    },
};

pub(super) async fn handle(call: Call) -> Answer {
    metric_data::get(&call, &MANNER).await.map(Reply::ok)
}
