//! Activation codes: six digits by mail to the address that is to be proven.

use engine::views::delivery;
use engine::{Handle, Input};
use model::contact::{ACTIVATION_HOURS, ACTIVATION_TRIES, ChannelType, ContactChannel};
use model::effect::EmailMessage;
use model::{AggregateId, Scope, ids};

use super::{channels, names};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::error::ApiError;

/// Digits of a code.
const DIGITS: u32 = 6;
/// Seconds after which a code that could not be sent is given up: by then its owner has asked for another one.
const GIVE_UP_SECS: u32 = 3_600;

/// Whether codes can be sent to channels of this type.
pub(super) fn has_sender(kind: ChannelType) -> bool {
    kind == ChannelType::Email
}

/// Makes a new code for a channel, remembers its hash and sends it.
///
/// # Errors
/// `ResourceNotFoundException`, or a `ValidationException` for a type of channel that nothing sends to.
pub(super) async fn send_new(call: &Call, arn: &str) -> Result<(), ApiError> {
    let key = channels::key_of(call, arn).ok_or_else(|| channels::missing(arn))?;
    let now = call.handle().now();
    let code = ids::digits(&call.handle().entropy(), "activation code", DIGITS);
    let channel = catalog::edit(call.handle(), &key, |found: Option<ContactChannel>| {
        let mut channel = found.ok_or_else(|| channels::missing(arn))?;
        if !has_sender(channel.kind) {
            let message = format!(
                "no SMS or voice sender is configured, so no code can be sent to a channel of type {}: use an EMAIL channel",
                channel.kind.as_str()
            );
            return Err(names::invalid("ContactChannelId", &message));
        }
        channel.expect_code(&code, now);
        Ok((Edit::Put(channel.clone()), channel))
    })
    .await?;
    send(call.handle(), &call.scope, &channel, &code).await
}

/// Hands the code's mail to a delivery, which outlives a restart and tries again when the mail server is away.
async fn send(
    handle: &Handle,
    scope: &Scope,
    channel: &ContactChannel,
    code: &str,
) -> Result<(), ApiError> {
    let start = delivery::Start {
        origin: channel.contact_channel_arn.clone(),
        target_id: String::new(),
        target_arn: channel.contact_channel_arn.clone(),
        request: delivery::Request::Email(EmailMessage {
            to: channel.address().to_owned(),
            subject: "Your activation code for incident pages".to_owned(),
            body: text(channel, code),
            thread: None,
        }),
        retry: delivery::Retry {
            maximum_attempts: None,
            maximum_age_secs: Some(GIVE_UP_SECS),
            ..delivery::Retry::default()
        },
        dead_letter: None,
        event: String::new(),
    };
    let to = AggregateId::delivery(handle.new_id());
    let input = Input::Delivery(Box::new(delivery::Input::Start(Box::new(start))));
    handle
        .ask(to, scope, input)
        .await
        .map(|_| ())
        .map_err(|error| ApiError::from_ask(error, names::refused))
}

fn text(channel: &ContactChannel, code: &str) -> String {
    let ContactChannel {
        name,
        contact_channel_arn: arn,
        ..
    } = channel;
    format!(
        "Activation code: {code}\n\n\
         Somebody set up this address (channel \"{name}\") to be paged when an incident needs you. To accept, enter the code:\n\n\
         aws ssm-contacts activate-contact-channel --contact-channel-id {arn} --activation-code {code}\n\n\
         The code holds for {ACTIVATION_HOURS} hours and {ACTIVATION_TRIES} tries. Not you? Then do nothing: an address \
         that is not activated is never paged.\n"
    )
}
