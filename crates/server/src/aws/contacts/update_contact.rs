//! `UpdateContact`: display name and plan, each on its own.

use model::contact::Contact;

use super::names::{self, CONTACT_TYPE};
use super::plans;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let (arn, key) = names::contact(&call, "ContactId")?;
    let display_name = plans::display_name(&fields)?;
    let plan = plans::read(&fields)?;
    let mut wanted = names::existing_contact(&call, "ContactId").await?;
    if let Some(plan) = &plan {
        wanted.plan = plan.clone();
        plans::check(&call, &wanted).await?;
    }
    catalog::edit(call.handle(), &key, |found: Option<Contact>| {
        let mut contact = found.ok_or_else(|| names::missing(CONTACT_TYPE, &arn))?;
        if let Some(name) = &display_name {
            contact.display_name = Some(name.clone());
        }
        if let Some(plan) = &plan {
            contact.plan = plan.clone();
        }
        contact.validate().map_err(names::refused)?;
        Ok((Edit::Put(contact), ()))
    })
    .await?;
    Ok(Reply::empty())
}
