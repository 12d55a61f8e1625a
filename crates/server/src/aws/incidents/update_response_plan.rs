//! `UpdateResponsePlan`: absent members stay, empty ones clear.

use model::plan::{ResponsePlan, ResponsePlanPatch};

use super::names::{self, ARN, PLAN};
use super::parts::part;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    names::client_token(&call)?;
    let arn = call.fields().required_text("arn", ARN)?;
    let patch = read(&call)?;
    let name = names::plan_name(&call, arn).ok_or_else(|| names::missing(PLAN, arn))?;
    catalog::edit(
        call.handle(),
        &names::plan_key(&call, name),
        |found: Option<ResponsePlan>| {
            let mut plan = found.ok_or_else(|| names::missing(PLAN, arn))?;
            plan.apply(patch.clone());
            plan.validate().map_err(names::refused)?;
            Ok((Edit::Put(plan), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}

fn read(call: &Call) -> Result<ResponsePlanPatch, ApiError> {
    let fields = call.fields();
    Ok(ResponsePlanPatch {
        display_name: part(&fields, "displayName")?,
        incident_template_title: part(&fields, "incidentTemplateTitle")?,
        incident_template_impact: part(&fields, "incidentTemplateImpact")?,
        incident_template_summary: part(&fields, "incidentTemplateSummary")?,
        incident_template_dedupe_string: part(&fields, "incidentTemplateDedupeString")?,
        incident_template_tags: part(&fields, "incidentTemplateTags")?,
        incident_template_notification_targets: part(
            &fields,
            "incidentTemplateNotificationTargets",
        )?,
        engagements: part(&fields, "engagements")?,
        chat_channel: part(&fields, "chatChannel")?,
        actions: part(&fields, "actions")?,
        integrations: part(&fields, "integrations")?,
    })
}
