//! `GetResponsePlan`: the plan without its tags.

use model::plan::ResponsePlan;

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "arn", names::ARN)?;
    let plan = names::existing_plan(&call, arn).await?;
    let shown = ResponsePlan {
        tags: Default::default(),
        ..plan
    };
    let mut view =
        serde_json::to_value(shown).map_err(|error| ApiError::internal(error.to_string()))?;
    view["arn"] = arn.into();
    Ok(Reply::ok(view))
}
