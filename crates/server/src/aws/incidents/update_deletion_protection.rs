//! `UpdateDeletionProtection`.

use model::plan::ReplicationSet;

use super::account;
use super::names::{self, ARN, SET};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;

pub(super) async fn handle(call: Call) -> Answer {
    names::client_token(&call)?;
    let fields = call.fields();
    let arn = fields.required_text("arn", ARN)?;
    let protected = fields.boolean("deletionProtected")?.ok_or_else(|| {
        ApiError::constraint("deletionProtected", None, "Member must not be null")
    })?;
    let now = call.handle().now();
    catalog::edit(
        call.handle(),
        &account::set_key(&call),
        |found: Option<ReplicationSet>| {
            let mut set = found
                .filter(|set| set.arn == arn)
                .ok_or_else(|| names::missing(SET, arn))?;
            set.deletion_protected = protected;
            set.last_modified_by.clone_from(&call.caller.arn);
            set.last_modified_time = now;
            Ok((Edit::Put(set), ()))
        },
    )
    .await?;
    Ok(Reply::empty())
}
