//! `UpdateRelatedItems`: adds or removes one item.

use engine::views::incident::Input;

use super::names::{self, ARN};
use super::parts::part;
use super::record;
use crate::call::{Answer, Call, Reply};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    let client_token = names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("incidentRecordArn", ARN)?;
    fields
        .required_object("relatedItemsUpdate")?
        .union(&["itemToAdd", "itemToRemove"])?;
    let update = part(&fields, "relatedItemsUpdate")?.ok_or_else(|| {
        ApiError::constraint("relatedItemsUpdate", None, "Member must not be null")
    })?;
    let by = call.caller.arn.clone();
    record::ask(
        &call,
        arn,
        Input::UpdateRelatedItems {
            update,
            by,
            client_token,
        },
    )
    .await?;
    Ok(Reply::empty())
}
