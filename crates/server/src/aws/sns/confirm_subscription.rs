//! `ConfirmSubscription`: whoever has the token that its endpoint was sent.

use jiff::Timestamp;
use model::Scope;
use model::topic::{Subscription, Topic, confirmation_text, subscription_arn, topic_arn};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use super::names::{self, plain_invalid};
use super::subscriptions;
use crate::call::{Answer, Call, Reply};
use crate::catalog::{self, Edit};
use crate::error::ApiError;
use crate::state::AppState;

/// Letters of a token: a subscription's id and a seal.
const TOKEN: usize = 32 + 64;

pub(super) async fn handle(call: Call) -> Answer {
    let name = names::topic(&call, "TopicArn")?;
    let token = names::required(&call, "Token")?;
    // A subscriber that signs may ask that only signed requests end the subscription.
    let guarded = names::text(&call, "AuthenticateOnUnsubscribe")?;
    let guarded = guarded.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let signed = Some(guarded);
    let arn = confirm(&call.state, &call.scope, (&name, token), signed).await?;
    Ok(Reply::ok(json!({ "SubscriptionArn": arn })))
}

/// Confirms the subscription that a token is for, and answers its ARN; whoever does it twice is told the same twice.
/// `signed` is `None` when nobody signed the request, else whether only signed ones may end the subscription.
pub(crate) async fn confirm(
    state: &AppState,
    scope: &Scope,
    (topic, token): (&str, &str),
    signed: Option<bool>,
) -> Result<String, ApiError> {
    let bad = || plain_invalid("Token");
    if token.len() != TOKEN || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(bad());
    }
    let (id, seal) = token.split_at_checked(32).ok_or_else(bad)?;
    let id: Uuid = id.parse().map_err(|_| bad())?;
    let handle = state.handle();
    let found = subscriptions::find(handle, scope, (topic, id)).await?;
    let (_, subscription) = found.ok_or_else(bad)?;
    let arn = subscription_arn(&topic_arn(scope, topic), id);
    let nonce = nonce(&subscription).ok_or_else(bad)?.to_owned();
    let expected = state.seal(confirmation_text(&arn, &nonce)).await?;
    let given = hex::decode(seal).map_err(|_| bad())?;
    if !bool::from(expected.ct_eq(&given)) {
        return Err(bad());
    }
    let now = handle.now();
    catalog::edit(
        handle,
        &names::key_in(scope, topic),
        |found: Option<Topic>| {
            let mut topic = found.ok_or_else(bad)?;
            let one = topic.subscriptions.get_mut(&id).ok_or_else(bad)?;
            let changed = settle(one, &nonce, signed, now)?;
            Ok((
                if changed {
                    Edit::Put(topic)
                } else {
                    Edit::Keep
                },
                (),
            ))
        },
    )
    .await?;
    Ok(arn)
}

/// What a subscription's token is, or was, derived from.
fn nonce(subscription: &Subscription) -> Option<&str> {
    let pending = subscription.pending.as_ref().map(|pending| &pending.nonce);
    let nonce = pending.or(subscription.confirmed_by.as_ref());
    nonce.map(String::as_str)
}

/// Confirms; answers whether that changed anything.
fn settle(
    one: &mut Subscription,
    nonce: &str,
    signed: Option<bool>,
    now: Timestamp,
) -> Result<bool, ApiError> {
    let Some(pending) = &one.pending else {
        return Ok(false);
    };
    // Asked again meanwhile, it has another token.
    if pending.nonce != nonce {
        return Err(plain_invalid("Token"));
    }
    if pending.expires <= now {
        return Err(plain_invalid(
            "Token Reason: it has expired: subscribe again",
        ));
    }
    one.pending = None;
    one.confirmed_by = Some(nonce.to_owned());
    one.authenticated = signed.is_some();
    one.authenticate_on_unsubscribe = signed.unwrap_or(false);
    Ok(true)
}
