//! `GetResourcePolicies`: the ARN stands in the query, the page in the body.

use serde_json::{Value, json};

use super::names;
use super::policies;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let arn = names::required(&call, "resourceArn", names::ARN)?;
    let page = names::usual_page(&call, "GetResourcePolicies", arn)?;
    let plan = policies::plan_of(&call, arn).await?;
    let all = policies::all(&call, &plan).await?;
    let behind = all
        .iter()
        .filter(|kept| page.after.as_ref().is_none_or(|after| kept.name > *after));
    let left: Vec<_> = behind.collect();
    let shown: Vec<Value> = left
        .iter()
        .take(page.size)
        .map(|kept| json!(kept.body))
        .collect();
    let mut body = json!({ "resourcePolicies": shown });
    if let (true, Some(last)) = (left.len() > page.size, left.get(page.size - 1)) {
        body["nextToken"] = page.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
