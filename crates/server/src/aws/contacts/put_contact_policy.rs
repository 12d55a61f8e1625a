//! `PutContactPolicy`: a contact has one policy; a new one replaces it.

use model::contact::Contact;
use serde_json::{Map, Value};

use super::names::{self, CONTACT_TYPE};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;

pub(super) async fn handle(call: Call) -> Answer {
    let policy = call
        .fields()
        .required_text("Policy", Text::length(1, 395_000))?;
    let (arn, key) = names::contact(&call, "ContactArn")?;
    if serde_json::from_str::<Map<String, Value>>(policy).is_err() {
        return Err(names::invalid(
            "Policy",
            "must be a policy document, one JSON object",
        ));
    }
    catalog::edit(call.handle(), &key, |found: Option<Contact>| {
        let mut contact = found.ok_or_else(|| names::missing(CONTACT_TYPE, &arn))?;
        contact.policy = Some(policy.to_owned());
        Ok((Edit::Put(contact), ()))
    })
    .await?;
    Ok(Reply::empty())
}
