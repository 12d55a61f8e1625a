//! `CreateContactChannel`: the channel starts not activated; its code goes out at once unless that is deferred.

use engine::Token;
use model::contact::{
    ActivationStatus, ChannelType, Contact, ContactChannel, ContactType, DeliveryAddress,
    channel_arn,
};
use serde_json::json;

use super::names::{self, ANY, CHANNEL_TYPE, TOKEN};
use super::{activation, channels};
use crate::aws::incidents::{self, Creation, Written};
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Kept};
use crate::decode::Fields;
use crate::error::ApiError;

/// Most channels of one contact.
const MOST: usize = 100;

pub(super) async fn handle(call: Call) -> Answer {
    let fields = call.fields();
    fields.text("IdempotencyToken", TOKEN)?;
    let deferred = fields.boolean("DeferActivation")?.unwrap_or(false);
    let contact = names::existing_contact(&call, "ContactId").await?;
    let channel = read(&call, &contact)?;
    channel.validate().map_err(names::refused)?;
    if contact.kind != ContactType::Personal {
        let message = format!(
            "only a PERSONAL contact has channels, not {}",
            contact.kind.as_str()
        );
        return Err(names::invalid("ContactId", &message));
    }
    let token = call.token("CreateContactChannel", "IdempotencyToken");
    let written = match incidents::answered(&call, token.as_ref()).await? {
        Some(written) => written,
        None => create(&call, &contact, &channel, token).await?,
    };
    match written {
        Written::Answer(arn) => {
            let new = arn == channel.contact_channel_arn;
            if new && !deferred && activation::has_sender(channel.kind) {
                activation::send_new(&call, &arn).await?;
            }
            Ok(Reply::ok(json!({ "ContactChannelArn": arn })))
        }
        Written::OtherRequest(made) => Err(names::conflict(
            CHANNEL_TYPE,
            &made,
            incidents::other_request(&made),
        )),
        Written::Exists => {
            let message = "The contact channel already exists.";
            Err(names::conflict(
                CHANNEL_TYPE,
                &channel.contact_channel_arn,
                message,
            ))
        }
    }
}

async fn create(
    call: &Call,
    contact: &Contact,
    channel: &ContactChannel,
    token: Option<Token>,
) -> Result<Written, ApiError> {
    let family = channels::key(call, &format!("{}/", contact.alias));
    let have: Vec<Kept<ContactChannel>> = catalog::list(call.handle(), &family, None, MOST).await?;
    if have.len() >= MOST {
        return Err(names::quota(format!(
            "a contact has at most {MOST} channels: delete one first"
        )));
    }
    let arn = &channel.contact_channel_arn;
    let creation = Creation {
        key: channels::key_of(call, arn).ok_or_else(|| channels::missing(arn))?,
        body: catalog::to_body(channel)?,
        token,
        answer: arn.clone(),
    };
    incidents::create(call, creation).await
}

fn read(call: &Call, contact: &Contact) -> Result<ContactChannel, ApiError> {
    let fields = call.fields();
    let kind = match fields.required_one_of("Type", &["SMS", "VOICE", "EMAIL"])? {
        "SMS" => ChannelType::Sms,
        "VOICE" => ChannelType::Voice,
        _ => ChannelType::Email,
    };
    Ok(ContactChannel {
        contact_channel_arn: channel_arn(&call.scope, &contact.alias, call.handle().new_id()),
        contact_arn: contact.contact_arn.clone(),
        name: fields.required_text("Name", ANY)?.to_owned(),
        kind,
        delivery_address: address(&fields.required_object("DeliveryAddress")?)?,
        activation_status: ActivationStatus::NotActivated,
        activation_code_hash: None,
        activation_code_sent: None,
        activation_tries: 0,
    })
}

/// Reads `DeliveryAddress`.
pub(super) fn address(fields: &Fields<'_>) -> Result<DeliveryAddress, ApiError> {
    Ok(DeliveryAddress {
        simple_address: fields.text("SimpleAddress", ANY)?.map(str::to_owned),
    })
}
