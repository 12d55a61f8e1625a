//! `UpdateContactChannel`: a new address must prove itself anew.

use model::contact::ContactChannel;

use super::channels;
use super::create_contact_channel::address;
use super::names::{self, ANY};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    let (arn, key) = channels::named(&call)?;
    let name = fields.text("Name", ANY)?;
    let address = fields
        .object("DeliveryAddress")?
        .map(|given| address(&given))
        .transpose()?;
    catalog::edit(call.handle(), &key, |found: Option<ContactChannel>| {
        let mut channel = found.ok_or_else(|| channels::missing(&arn))?;
        if let Some(name) = name {
            name.clone_into(&mut channel.name);
        }
        if let Some(address) = address
            .as_ref()
            .filter(|address| **address != channel.delivery_address)
        {
            channel.delivery_address = address.clone();
            channel.deactivate();
            // A code that went to the old address says nothing about the new one.
            channel.activation_code_hash = None;
            channel.activation_code_sent = None;
        }
        channel.validate().map_err(names::refused)?;
        Ok((Edit::Put(channel), ()))
    })
    .await?;
    Ok(Reply::empty())
}
