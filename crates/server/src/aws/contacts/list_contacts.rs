//! `ListContacts`, in order of alias.

use model::contact::Contact;
use serde_json::{Value, json};

use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::decode::{Text, is_word};

const ALIAS_PREFIX: Text = Text::length(1, 255).matching("^[a-z0-9_\\-]*$", |text| {
    is_word(text, "_-") && text == text.to_ascii_lowercase()
});
/// Contacts read at once.
const READ: usize = 500;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let prefix = fields
        .text("AliasPrefix", ALIAS_PREFIX)?
        .unwrap_or_default();
    let kind = fields.one_of("Type", &["PERSONAL", "ESCALATION", "ONCALL_SCHEDULE"])?;
    let page = names::page(&call, "ListContacts", &format!("{prefix}\n{kind:?}"))?;
    let family = names::contact_key(&call, prefix);
    let mut after = page.after.clone();
    let mut shown: Vec<Value> = Vec::new();
    let mut next = None;
    'reading: loop {
        let rows: Vec<Kept<Contact>> =
            catalog::list(call.handle(), &family, after.clone(), READ).await?;
        let full = rows.len() == READ;
        for kept in rows {
            if kind.is_none_or(|kind| kept.body.kind.as_str() == kind) {
                if shown.len() == page.size {
                    next = after;
                    break 'reading;
                }
                shown.push(summary(&kept.body));
            }
            after = Some(kept.name);
        }
        if !full {
            break;
        }
    }
    let mut body = json!({ "Contacts": shown });
    if let Some(position) = next {
        body["NextToken"] = page.token(&position).into();
    }
    Ok(Reply::ok(body))
}

fn summary(contact: &Contact) -> Value {
    let mut summary =
        json!({ "ContactArn": contact.contact_arn, "Alias": contact.alias, "Type": contact.kind });
    if let Some(name) = &contact.display_name {
        summary["DisplayName"] = name.as_str().into();
    }
    summary
}
