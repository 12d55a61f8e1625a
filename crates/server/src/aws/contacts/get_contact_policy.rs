//! `GetContactPolicy`: a contact without a policy has no `Policy`.

use serde_json::json;

use super::names;
use crate::call::{Answer, Call, Reply};

pub(super) async fn handle(call: Call) -> Answer {
    let contact = names::existing_contact(&call, "ContactArn").await?;
    let mut body = json!({ "ContactArn": contact.contact_arn });
    if let Some(policy) = contact.policy {
        body["Policy"] = policy.into();
    }
    Ok(Reply::ok(body))
}
