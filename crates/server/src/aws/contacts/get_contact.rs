//! `GetContact`: the contact without its tags and policy.

use model::contact::Contact;

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let contact = names::existing_contact(&call, "ContactId").await?;
    let shown = Contact {
        tags: Vec::new(),
        policy: None,
        ..contact
    };
    let view =
        serde_json::to_value(shown).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Reply::ok(view))
}
