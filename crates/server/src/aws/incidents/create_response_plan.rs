//! `CreateResponsePlan`.

use model::plan::{Action, ChatChannel, IncidentTemplate, Integration, ResponsePlan};
use serde_json::json;

use super::names::{self, PLAN, SET};
use super::parts::part;
use super::remembered::{self, Creation, Written};
use super::{account, tagged};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::decode::Text;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    names::client_token(&call)?;
    let plan = read(&call)?;
    plan.validate().map_err(names::refused)?;
    if account::active_set(&call).await?.is_none() {
        let message = "Incident Manager is not set up in this account: create a replication set first (CreateReplicationSet).";
        return Err(ApiError::not_found(message).member("resourceType", SET));
    }
    let arn = plan.arn(&call.scope.global());
    let creation = Creation {
        key: names::plan_key(&call, &plan.name),
        body: catalog::to_body(&plan)?,
        token: call.token("CreateResponsePlan", "clientToken"),
        answer: arn.clone(),
    };
    match remembered::create(&call, creation).await? {
        Written::Answer(arn) => Ok(Reply::ok(json!({ "arn": arn }))),
        Written::OtherRequest(made) => Err(names::conflict(
            PLAN,
            &made,
            remembered::other_request(&made),
        )),
        Written::Exists => Err(names::conflict(
            PLAN,
            &arn,
            format!("A response plan named `{}` already exists.", plan.name),
        )),
    }
}

fn read(call: &Call) -> Result<ResponsePlan, ApiError> {
    let fields = call.fields();
    let any = Text::length(0, usize::MAX);
    fields.required_object("incidentTemplate")?;
    let template: Option<IncidentTemplate> = part(&fields, "incidentTemplate")?;
    let template = template
        .ok_or_else(|| ApiError::constraint("incidentTemplate", None, "Member must not be null"))?;
    Ok(ResponsePlan {
        name: fields.required_text("name", any)?.to_owned(),
        display_name: fields.text("displayName", any)?.map(str::to_owned),
        incident_template: template,
        engagements: part(&fields, "engagements")?.unwrap_or_default(),
        chat_channel: part::<ChatChannel>(&fields, "chatChannel")?,
        actions: part::<Vec<Action>>(&fields, "actions")?.unwrap_or_default(),
        integrations: part::<Vec<Integration>>(&fields, "integrations")?.unwrap_or_default(),
        tags: tagged::read(call, "tags")?,
    })
}
