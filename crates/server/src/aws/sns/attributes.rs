//! Attributes of topics: what may be set, and how they are shown.

use std::collections::BTreeMap;

use engine::checks::policy as delivery_policy;
use model::topic::{SignatureVersion, Topic};

use super::names::{invalid, plain_invalid};
use super::policies;
use crate::error::{ApiError, echo};

/// Longest display name, in characters.
const MAX_DISPLAY_NAME: usize = 100;

/// Sets an attribute; empty takes it back to its default.
pub(super) fn set(topic: &mut Topic, name: &str, value: &str) -> Result<(), ApiError> {
    let given = (!value.is_empty()).then(|| value.to_owned());
    match name {
        "DisplayName" => {
            if value.chars().count() > MAX_DISPLAY_NAME || value.chars().any(char::is_control) {
                return Err(invalid(
                    name,
                    "it must be one line of at most 100 characters",
                ));
            }
            value.clone_into(&mut topic.display_name);
        }
        "Policy" => {
            if let Some(text) = &given {
                policies::check(name, text)?;
            }
            topic.policy = given;
        }
        "DeliveryPolicy" => {
            if let Some(text) = &given {
                let checked = delivery_policy::check_topic(text);
                checked.map_err(|error| plain_invalid(&error.to_string()))?;
            }
            topic.delivery_policy = given;
        }
        "SignatureVersion" => {
            topic.signature_version = match value {
                "" | "2" => SignatureVersion::V2,
                "1" => SignatureVersion::V1,
                _ => return Err(invalid(name, "it must be 1 or 2")),
            };
        }
        _ => unserved(name, value)?,
    }
    Ok(())
}

/// Attributes that may only be what they are.
fn unserved(name: &str, value: &str) -> Result<(), ApiError> {
    let (fits, reason) = match name {
        "TracingConfig" => (
            matches!(value, "" | "PassThrough"),
            "Quell traces nothing: leave it PassThrough",
        ),
        "FifoTopic" | "ContentBasedDeduplication" => (
            matches!(value, "" | "false"),
            "Quell serves standard topics: leave it out",
        ),
        "KmsMasterKeyId" => (
            value.is_empty(),
            "Quell does not encrypt single topics: leave it out",
        ),
        _ if name.ends_with("FeedbackRoleArn") || name.ends_with("FeedbackSampleRate") => (
            value.is_empty(),
            "Quell tells of deliveries in its own metrics and journal: leave it out",
        ),
        _ => {
            let text = format!(
                "AttributeName Reason: `{}` is no attribute of a topic",
                echo(name)
            );
            return Err(plain_invalid(&text));
        }
    };
    if fits {
        Ok(())
    } else {
        Err(invalid(name, reason))
    }
}

/// All attributes, as shown.
pub(super) fn show(topic: &Topic, arn: &str, account: &str) -> BTreeMap<&'static str, String> {
    let pending = topic.subscriptions.values();
    let pending = pending.filter(|one| one.pending.is_some()).count();
    let policy = topic.policy.clone();
    let delivery = topic.delivery_policy.as_deref();
    let mut all = BTreeMap::from([
        ("TopicArn", arn.to_owned()),
        ("Owner", account.to_owned()),
        ("DisplayName", topic.display_name.clone()),
        (
            "Policy",
            policy.unwrap_or_else(|| policies::default(arn, account).to_string()),
        ),
        (
            "EffectiveDeliveryPolicy",
            delivery_policy::effective_topic(delivery).to_string(),
        ),
        (
            "SignatureVersion",
            topic.signature_version.as_str().to_owned(),
        ),
        ("SubscriptionsPending", pending.to_string()),
        (
            "SubscriptionsConfirmed",
            (topic.subscriptions.len() - pending).to_string(),
        ),
        ("SubscriptionsDeleted", topic.deleted.to_string()),
    ]);
    all.extend(delivery.map(|text| ("DeliveryPolicy", text.to_owned())));
    all
}
