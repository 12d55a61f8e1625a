//! `PutResourcePolicy`: adds a policy to a response plan.

use serde_json::{Map, Value, json};

use super::names::{self, ARN};
use super::policies::{self, MOST, Policy};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let arn = fields.required_text("resourceArn", ARN)?;
    let document = fields.required_text("policy", Text::length(0, 4000))?;
    if serde_json::from_str::<Map<String, Value>>(document).is_err() {
        return Err(ApiError::validation(
            "`policy`: must be a policy document, one JSON object",
        ));
    }
    let plan = policies::plan_of(&call, arn).await?;
    if policies::all(&call, &plan).await?.len() >= MOST {
        return Err(names::quota(format!(
            "a response plan has at most {MOST} policies: delete one first"
        )));
    }
    let id = call.handle().new_id().simple().to_string();
    let policy = Policy {
        policy_document: document.to_owned(),
        policy_id: id.clone(),
        ram_resource_share_region: call.scope.region.clone(),
    };
    let key = policies::key(&call, &plan, &id);
    catalog::edit(call.handle(), &key, |_: Option<Policy>| {
        Ok((Edit::Put(policy.clone()), ()))
    })
    .await?;
    Ok(Reply::ok(json!({ "policyId": id })))
}
