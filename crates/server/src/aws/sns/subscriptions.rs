//! Subscriptions: their attributes, where they are kept, how one ends.

use std::collections::BTreeMap;

use engine::Handle;
use engine::checks::{filter, policy as delivery_policy};
use model::Scope;
use model::arn::Arn;
use model::topic::{FilterScope, Protocol, Subscription, Topic, subscription_place, topic_arn};
use serde_json::Value;
use uuid::Uuid;

use super::names::{self, MAX_FILTER_POLICIES, invalid, plain_invalid};
use crate::call::Call;
use crate::catalog::{self, Edit};
use crate::error::{ApiError, echo};

/// Longest attribute's value, in bytes.
const MAX_VALUE: usize = 32 * 1024;

/// Sets an attribute; empty takes it back to its default.
pub(super) fn set(one: &mut Subscription, name: &str, value: &str) -> Result<(), ApiError> {
    if value.len() > MAX_VALUE {
        return Err(invalid(name, "it is longer than 32 KiB"));
    }
    let given = (!value.is_empty()).then(|| value.to_owned());
    match name {
        "FilterPolicy" => one.filter_policy = given.filter(|text| text.trim() != "{}"),
        "FilterPolicyScope" => {
            one.filter_scope = match value {
                "" | "MessageAttributes" => FilterScope::MessageAttributes,
                "MessageBody" => FilterScope::MessageBody,
                _ => {
                    let text = format!(
                        "FilterPolicyScope: Invalid value [{}]. Please use either MessageBody or MessageAttributes",
                        echo(value)
                    );
                    return Err(plain_invalid(&text));
                }
            };
        }
        "RawMessageDelivery" => {
            one.raw = match value.to_ascii_lowercase().as_str() {
                "true" => true,
                "" | "false" => false,
                _ => return Err(invalid(name, "it must be true or false")),
            };
            if one.raw && !(one.protocol.is_web() || one.protocol == Protocol::Sqs) {
                let text = format!(
                    "RawMessageDelivery: Delivery protocol [{}] does not support raw message delivery.",
                    one.protocol.as_str()
                );
                return Err(plain_invalid(&text));
            }
        }
        "DeliveryPolicy" => {
            if let Some(text) = &given {
                let checked = delivery_policy::check_subscription(text);
                checked.map_err(|error| plain_invalid(&error.to_string()))?;
                if !one.protocol.is_web() {
                    let reason = "it is for http and https endpoints";
                    return Err(invalid(name, reason));
                }
            }
            one.delivery_policy = given;
        }
        "RedrivePolicy" => one.dead_letter = given.as_deref().map(dead_letter).transpose()?,
        "SubscriptionRoleArn" | "ReplayPolicy" => {
            if given.is_some() {
                let reason = "Quell does not serve it: leave it out";
                return Err(invalid(name, reason));
            }
        }
        _ => {
            let text = format!(
                "AttributeName Reason: `{}` is no attribute of a subscription",
                echo(name)
            );
            return Err(plain_invalid(&text));
        }
    }
    Ok(())
}

/// The queue of a redrive policy.
fn dead_letter(text: &str) -> Result<String, ApiError> {
    let wrong = || {
        plain_invalid(
            "RedrivePolicy: it must be {\"deadLetterTargetArn\": the ARN of a standard SQS queue}",
        )
    };
    let policy: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    let arn = policy.get("deadLetterTargetArn").and_then(Value::as_str);
    let arn = arn.ok_or_else(wrong)?;
    let queue = Arn::parse(arn).filter(|parsed| parsed.service == "sqs");
    let fits = queue.is_some_and(|queue| {
        !queue.resource.ends_with(".fifo") && !queue.region.is_empty() && !queue.account.is_empty()
    });
    fits.then(|| arn.to_owned()).ok_or_else(wrong)
}

/// Checks what several attributes are together.
pub(super) fn check(topic: &Topic, one: &Subscription) -> Result<(), ApiError> {
    let Some(policy) = &one.filter_policy else {
        return Ok(());
    };
    filter::read(policy, one.filter_scope).map_err(|error| plain_invalid(&error.to_string()))?;
    let others = topic.subscriptions.values();
    let others = others.filter(|other| other.filter_policy.is_some() && other.id != one.id);
    if others.count() >= MAX_FILTER_POLICIES {
        let message = format!(
            "FilterPolicyLimitExceeded: a topic has at most {MAX_FILTER_POLICIES} filter policies"
        );
        return Err(names::forbidden("FilterPolicyLimitExceeded", &message));
    }
    Ok(())
}

/// All attributes, as shown.
pub(super) fn show(
    topic: &Topic,
    one: &Subscription,
    (topic_arn, arn): (&str, &str),
    account: &str,
) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::from([
        ("SubscriptionArn", arn.to_owned()),
        ("TopicArn", topic_arn.to_owned()),
        ("Owner", account.to_owned()),
        ("Protocol", one.protocol.as_str().to_owned()),
        ("Endpoint", one.endpoint.clone()),
        (
            "ConfirmationWasAuthenticated",
            one.authenticated.to_string(),
        ),
        ("PendingConfirmation", one.pending.is_some().to_string()),
        ("RawMessageDelivery", one.raw.to_string()),
        (
            "SubscriptionPrincipal",
            format!("arn:aws:iam::{account}:root"),
        ),
    ]);
    if let Some(policy) = &one.filter_policy {
        all.insert("FilterPolicy", policy.clone());
        all.insert("FilterPolicyScope", one.filter_scope.as_str().to_owned());
    }
    if let Some(queue) = &one.dead_letter {
        let policy = serde_json::json!({ "deadLetterTargetArn": queue });
        all.insert("RedrivePolicy", policy.to_string());
    }
    if one.protocol.is_web() {
        let own = one.delivery_policy.as_deref();
        let shown = delivery_policy::effective_subscription(topic.delivery_policy.as_deref(), own);
        all.insert("EffectiveDeliveryPolicy", shown.to_string());
    }
    if let Some(policy) = &one.delivery_policy {
        all.insert("DeliveryPolicy", policy.clone());
    }
    all
}

/// Topic and id of the subscription that `SubscriptionArn` names.
pub(super) fn place(call: &Call) -> Result<(String, Uuid), ApiError> {
    let arn = names::required(call, "SubscriptionArn")?;
    if let Some(place) = subscription_place(&call.scope, arn) {
        return Ok(place);
    }
    let elements = arn.split(':').count();
    if elements < 6 {
        let reason = format!("An ARN must have at least 6 elements, not {elements}");
        return Err(invalid("SubscriptionArn", &reason));
    }
    Err(names::not_found("Subscription"))
}

/// A subscription that exists, with its topic.
pub(super) async fn existing(call: &Call) -> Result<(Topic, Subscription), ApiError> {
    let (topic, id) = place(call)?;
    let found = find(call.handle(), &call.scope, (&topic, id)).await?;
    found.ok_or_else(|| names::not_found("Subscription"))
}

/// A subscription with its topic.
pub(crate) async fn find(
    handle: &Handle,
    scope: &Scope,
    (topic, id): (&str, Uuid),
) -> Result<Option<(Topic, Subscription)>, ApiError> {
    let found = catalog::read::<Topic>(handle, &names::key_in(scope, topic)).await?;
    Ok(found.and_then(|kept| {
        let one = kept.body.subscriptions.get(&id)?.clone();
        Some((kept.body, one))
    }))
}

/// Ends a subscription; answers whether it was there.
pub(crate) async fn remove(
    handle: &Handle,
    scope: &Scope,
    (topic, id): (&str, Uuid),
) -> Result<bool, ApiError> {
    catalog::edit(
        handle,
        &names::key_in(scope, topic),
        |found: Option<Topic>| {
            let Some(mut topic) = found else {
                return Ok((Edit::Keep, false));
            };
            if topic.subscriptions.remove(&id).is_none() {
                return Ok((Edit::Keep, false));
            }
            topic.deleted += 1;
            Ok((Edit::Put(topic), true))
        },
    )
    .await
}

/// A subscription as listings show it.
pub(super) fn listed(scope: &Scope, topic: &str, one: &Subscription) -> Value {
    let topic_arn = topic_arn(scope, topic);
    let arn = match one.pending {
        Some(_) => "PendingConfirmation".to_owned(),
        None => model::topic::subscription_arn(&topic_arn, one.id),
    };
    serde_json::json!({
        "SubscriptionArn": arn,
        "Owner": scope.account,
        "Protocol": one.protocol.as_str(),
        "Endpoint": one.endpoint,
        "TopicArn": topic_arn,
    })
}
