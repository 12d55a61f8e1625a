//! Contact channels: where they are kept and how they are shown.

use model::contact::{CONTACT_CHANNEL, ContactChannel};
use serde_json::{Value, json};

use super::names::{self, ARN, CHANNEL_TYPE};
use crate::call::Call;
use crate::catalog::{self, Key};
use crate::error::ApiError;

/// Where a channel is kept; with an empty name, the family of all channels.
pub(super) fn key(call: &Call, name: &str) -> Key {
    Key {
        scope: call.scope.clone(),
        kind: CONTACT_CHANNEL,
        name: name.to_owned(),
    }
}

/// Where the channel of an ARN is kept, if the ARN is one of this account and region.
pub(super) fn key_of(call: &Call, arn: &str) -> Option<Key> {
    names::own_tail(call, arn, "contact-channel").map(|tail| key(call, &tail))
}

/// The ARN and key of the channel that `ContactChannelId` names; whether it exists is not looked at.
pub(super) fn named(call: &Call) -> Result<(String, Key), ApiError> {
    let arn = call.fields().required_text("ContactChannelId", ARN)?;
    let key = key_of(call, arn).ok_or_else(|| missing(arn))?;
    Ok((arn.to_owned(), key))
}

/// The channel that `ContactChannelId` names, which must exist.
pub(super) async fn existing(call: &Call) -> Result<ContactChannel, ApiError> {
    let (arn, key) = named(call)?;
    let found = catalog::read::<ContactChannel>(call.handle(), &key).await?;
    found.map(|kept| kept.body).ok_or_else(|| missing(&arn))
}

/// A channel that does not exist.
pub(super) fn missing(arn: &str) -> ApiError {
    names::missing(CHANNEL_TYPE, arn)
}

/// `ContactChannel` as the wire shows it: nothing of its activation code.
pub(super) fn view(channel: &ContactChannel) -> Value {
    json!({
        "ContactArn": channel.contact_arn,
        "ContactChannelArn": channel.contact_channel_arn,
        "Name": channel.name,
        "Type": channel.kind,
        "DeliveryAddress": channel.delivery_address,
        "ActivationStatus": channel.activation_status,
    })
}
