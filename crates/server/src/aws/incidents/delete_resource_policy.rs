//! `DeleteResourcePolicy`.

use super::names::{self, ARN, POLICY};
use super::policies::{self, Policy};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let arn = fields.required_text("resourceArn", ARN)?;
    let id = fields.required_text("policyId", Text::length(0, 256))?;
    let plan = policies::plan_of(&call, arn).await?;
    catalog::edit(
        call.handle(),
        &policies::key(&call, &plan, id),
        |found: Option<Policy>| {
            found
                .map(|_| (Edit::Delete, ()))
                .ok_or_else(|| names::missing(POLICY, id))
        },
    )
    .await?;
    Ok(Reply::empty())
}
