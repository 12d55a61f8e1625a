//! `ModifyDocumentPermission`: shares a document with accounts, or stops sharing it.

use model::document::DocumentHead;

use super::describe_document_permission::require_share;
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::decode::Text;
use crate::error::ApiError;

/// Most accounts in one call, and of one document.
const MAX_PER_CALL: usize = 20;
const MAX_ACCOUNTS: usize = 1000;
const ACCOUNT: Text = Text::length(3, 12).matching("(?i)all|[0-9]{12}", |text| {
    text.eq_ignore_ascii_case("all")
        || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()))
});

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let name = names::document_name(&fields, "Name")?;
    require_share(&call)?;
    let list = |member| {
        fields
            .texts(member, (0, MAX_PER_CALL), ACCOUNT)
            .map(Option::unwrap_or_default)
    };
    let (add, remove) = (list("AccountIdsToAdd")?, list("AccountIdsToRemove")?);
    if !matches!(
        fields.text("SharedDocumentVersion", Text::length(0, 8))?,
        None | Some("" | "$DEFAULT")
    ) {
        return Err(ApiError::validation(
            "`sharedDocumentVersion` must be $DEFAULT: Quell shares the default version.",
        ));
    }
    let key = names::head_key(&call, &name);
    catalog::edit(call.handle(), &key, |found: Option<DocumentHead>| {
        let mut head = found.ok_or_else(|| names::no_document(&name))?;
        let before = head.shared_with.clone();
        head.shared_with
            .extend(add.iter().map(|account| account.to_ascii_lowercase()));
        head.shared_with
            .retain(|have| !remove.iter().any(|gone| gone.eq_ignore_ascii_case(have)));
        head.shared_with.sort();
        head.shared_with.dedup();
        if head.shared_with.len() > MAX_ACCOUNTS {
            let message =
                "The document cannot be shared with more AWS accounts: 1,000 is the most.";
            return Err(ApiError::new("DocumentPermissionLimit", message));
        }
        Ok((
            if head.shared_with == before {
                Edit::Keep
            } else {
                Edit::Put(head)
            },
            (),
        ))
    })
    .await?;
    Ok(Reply::empty())
}
