//! `ListResponsePlans`, in order of name.

use model::plan::ResponsePlan;
use serde_json::{Value, json};

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};

pub(super) async fn handle(call: Call) -> Answer {
    let page = names::usual_page(&call, "ListResponsePlans", "")?;
    let family = names::plan_key(&call, "");
    let mut plans: Vec<Kept<ResponsePlan>> =
        catalog::list(call.handle(), &family, page.after.clone(), page.size + 1).await?;
    let more = plans.len() > page.size;
    plans.truncate(page.size);
    let summaries: Vec<Value> = plans
        .iter()
        .map(|kept| summary(&call, &kept.body))
        .collect();
    let mut body = json!({ "responsePlanSummaries": summaries });
    if let (true, Some(last)) = (more, plans.last()) {
        body["nextToken"] = page.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}

fn summary(call: &Call, plan: &ResponsePlan) -> Value {
    let mut summary = json!({ "arn": plan.arn(&call.scope.global()), "name": plan.name });
    if let Some(display_name) = &plan.display_name {
        summary["displayName"] = display_name.as_str().into();
    }
    summary
}
