//! `DeleteResponsePlan`: incidents that were opened from it stay; a plan that is not there is already deleted.

use model::plan::ResponsePlan;

use super::names::{self, ARN};
use super::policies;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = call.fields().required_text("arn", ARN)?;
    if let Some(name) = names::plan_name(&call, arn) {
        let key = names::plan_key(&call, name);
        catalog::edit(call.handle(), &key, |_: Option<ResponsePlan>| {
            Ok((Edit::Delete, ()))
        })
        .await?;
        policies::delete_all(&call, name).await?;
    }
    Ok(Reply::empty())
}
