//! `CreateContact`.

use engine::Token;
use model::contact::{Contact, ContactType, contact_arn};
use serde_json::json;

use super::names::{self, ANY, CONTACT_TYPE, TOKEN};
use super::{plans, tagged};
use crate::aws::incidents::{self, Creation, Written};
use crate::call::{Answer, Call, Reply};
use crate::catalog;
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    fields.text("IdempotencyToken", TOKEN)?;
    let alias = fields.required_text("Alias", ANY)?;
    let kind =
        match fields.required_one_of("Type", &["PERSONAL", "ESCALATION", "ONCALL_SCHEDULE"])? {
            "PERSONAL" => ContactType::Personal,
            "ESCALATION" => ContactType::Escalation,
            _ => ContactType::OncallSchedule,
        };
    let plan = plans::read(&fields)?
        .ok_or_else(|| ApiError::constraint("plan", None, "Member must not be null"))?;
    let contact = Contact {
        contact_arn: contact_arn(&call.scope, alias),
        alias: alias.to_owned(),
        display_name: plans::display_name(&fields)?,
        kind,
        plan,
        tags: tagged::read(&fields)?,
        policy: None,
    };
    contact.validate().map_err(names::refused)?;
    let token = call.token("CreateContact", "IdempotencyToken");
    // A repeated request is answered as before, whatever has become of the plan's targets.
    let written = match incidents::answered(&call, token.as_ref()).await? {
        Some(written) => written,
        None => create(&call, &contact, token).await?,
    };
    match written {
        Written::Answer(arn) => Ok(Reply::ok(json!({ "ContactArn": arn }))),
        Written::OtherRequest(made) => Err(names::conflict(
            CONTACT_TYPE,
            &made,
            incidents::other_request(&made),
        )),
        Written::Exists => {
            let message = format!("A contact with the alias `{alias}` already exists.");
            Err(names::conflict(CONTACT_TYPE, &contact.contact_arn, message))
        }
    }
}

async fn create(call: &Call, contact: &Contact, token: Option<Token>) -> Result<Written, ApiError> {
    plans::check(call, contact).await?;
    let creation = Creation {
        key: names::contact_key(call, &contact.alias),
        body: catalog::to_body(contact)?,
        token,
        answer: contact.contact_arn.clone(),
    };
    incidents::create(call, creation).await
}
