//! `ListContactChannels`.

use model::contact::ContactChannel;
use serde_json::{Value, json};

use super::channels;
use super::names;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};

pub(super) async fn handle(call: Call) -> Answer {
    let contact = names::existing_contact(&call, "ContactId").await?;
    let page = names::page(&call, "ListContactChannels", &contact.alias)?;
    let family = channels::key(&call, &format!("{}/", contact.alias));
    let all: Vec<Kept<ContactChannel>> = catalog::all(call.handle(), &family).await?;
    let left: Vec<&Kept<ContactChannel>> = all
        .iter()
        .filter(|kept| page.after.as_ref().is_none_or(|after| kept.name > *after))
        .collect();
    let shown: Vec<Value> = left
        .iter()
        .take(page.size)
        .map(|kept| channels::view(&kept.body))
        .collect();
    let mut body = json!({ "ContactChannels": shown });
    if let (true, Some(last)) = (left.len() > page.size, left.get(page.size - 1)) {
        body["NextToken"] = page.token(&last.name).into();
    }
    Ok(Reply::ok(body))
}
