//! Delivery policies: at what pace a web address is tried, and as what type it gets its messages.
//!
//! Source: "Creating an HTTP/S delivery policy", Amazon SNS Developer Guide. Throttling is refused: it is not served.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::delivery::{Pace, PaceError};

/// Longest type of a body, in characters.
const MAX_TYPE: usize = 128;

/// Why a delivery policy is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// No such policy.
    #[error("DeliveryPolicy: {0}")]
    Form(String),
    /// Its numbers do not fit.
    #[error("DeliveryPolicy: healthyRetryPolicy: {0}")]
    Pace(#[from] PaceError),
    /// The type could not stand in a header.
    #[error("DeliveryPolicy: headerContentType must be a media type such as `application/json`")]
    ContentType,
}

/// A topic's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct OfTopic {
    http: OfWeb,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OfWeb {
    default_healthy_retry_policy: Option<Pace>,
    disable_subscription_overrides: bool,
    default_request_policy: Option<OfRequest>,
    default_throttle_policy: Option<Never>,
    default_sickly_retry_policy: Option<Never>,
}

/// A subscription's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct OfSubscription {
    healthy_retry_policy: Option<Pace>,
    request_policy: Option<OfRequest>,
    throttle_policy: Option<Never>,
    sickly_retry_policy: Option<Never>,
    guaranteed: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OfRequest {
    header_content_type: String,
}

/// What may only be absent or null.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Never {}

/// What is in force for one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effective {
    /// Pace of retries.
    pub pace: Pace,
    /// Type of the body; `None` is the usual one.
    pub content_type: Option<String>,
}

/// Checks a topic's policy.
///
/// # Errors
/// What is wrong with it.
pub fn check_topic(text: &str) -> Result<(), PolicyError> {
    let web = parse::<OfTopic>(text)?.http;
    check(web.default_healthy_retry_policy, web.default_request_policy)
}

/// Checks a subscription's policy.
///
/// # Errors
/// What is wrong with it.
pub fn check_subscription(text: &str) -> Result<(), PolicyError> {
    let policy = parse::<OfSubscription>(text)?;
    check(policy.healthy_retry_policy, policy.request_policy)
}

fn parse<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, PolicyError> {
    // Serde would take a list of values for a structure as well.
    let form = |error: serde_json::Error| PolicyError::Form(error.to_string());
    let object: serde_json::Map<String, Value> = serde_json::from_str(text).map_err(form)?;
    serde_json::from_value(Value::Object(object)).map_err(form)
}

fn check(pace: Option<Pace>, request: Option<OfRequest>) -> Result<(), PolicyError> {
    if let Some(pace) = pace {
        pace.check()?;
    }
    match request {
        Some(request) if !is_media_type(&request.header_content_type) => {
            Err(PolicyError::ContentType)
        }
        _ => Ok(()),
    }
}

fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default();
    let word = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    };
    let typed = essence.trim().split_once('/');
    text.len() <= MAX_TYPE
        && text.chars().all(|c| c.is_ascii_graphic() || c == ' ')
        && typed.is_some_and(|(kind, name)| word(kind) && word(name))
}

/// What holds for a subscription: its own policy unless the topic forbids that, then the topic's, then the usual one.
#[must_use]
pub fn effective(topic: Option<&str>, subscription: Option<&str>) -> Effective {
    let web = topic.and_then(|text| parse::<OfTopic>(text).ok());
    let web = web.unwrap_or_default().http;
    let own = subscription.filter(|_| !web.disable_subscription_overrides);
    let own = own.and_then(|text| parse::<OfSubscription>(text).ok());
    let own = own.unwrap_or_default();
    let pace = own
        .healthy_retry_policy
        .or(web.default_healthy_retry_policy);
    let request = own.request_policy.or(web.default_request_policy);
    Effective {
        pace: pace.unwrap_or_default(),
        content_type: request.map(|request| request.header_content_type),
    }
}

/// What holds for a topic's subscriptions, as `EffectiveDeliveryPolicy`.
#[must_use]
pub fn effective_topic(topic: Option<&str>) -> Value {
    let web = topic.and_then(|text| parse::<OfTopic>(text).ok());
    let web = web.unwrap_or_default().http;
    serde_json::json!({ "http": {
        "defaultHealthyRetryPolicy": web.default_healthy_retry_policy.unwrap_or_default(),
        "disableSubscriptionOverrides": web.disable_subscription_overrides,
        "defaultRequestPolicy": web.default_request_policy.unwrap_or(OfRequest {
            header_content_type: "text/plain; charset=UTF-8".to_owned(),
        }),
    } })
}

/// What holds for a subscription, as `EffectiveDeliveryPolicy`.
#[must_use]
pub fn effective_subscription(topic: Option<&str>, subscription: Option<&str>) -> Value {
    let effective = effective(topic, subscription);
    let mut value = serde_json::json!({
        "healthyRetryPolicy": effective.pace,
        "sicklyRetryPolicy": null,
        "throttlePolicy": null,
        "guaranteed": false,
    });
    if let Some(kind) = effective.content_type {
        value["requestPolicy"] = serde_json::json!({ "headerContentType": kind });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: &str = r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":1},
        "defaultRequestPolicy":{"headerContentType":"application/json"}}}"#;
    const OWN: &str =
        r#"{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":1,"numRetries":7}}"#;

    #[test]
    fn the_nearest_policy_holds() {
        let retries = |topic, own| effective(topic, own).pace.num_retries;
        assert_eq!(retries(None, None), 3);
        assert_eq!(retries(Some(TOPIC), None), 1);
        assert_eq!(retries(Some(TOPIC), Some(OWN)), 7);
        let strict = r#"{"http":{"disableSubscriptionOverrides":true}}"#;
        assert_eq!(retries(Some(strict), Some(OWN)), 3);
        let kind = effective(Some(TOPIC), Some(OWN)).content_type;
        assert_eq!(kind.as_deref(), Some("application/json"));
    }

    #[test]
    fn policies_are_checked() {
        assert_eq!(check_topic(TOPIC), Ok(()));
        assert_eq!(check_subscription(OWN), Ok(()));
        let shown = effective_subscription(Some(TOPIC), Some(OWN)).to_string();
        assert_eq!(
            check_subscription(&shown),
            Ok(()),
            "what is shown may be given back"
        );
        assert_eq!(check_topic(&effective_topic(None).to_string()), Ok(()));
        for bad in [
            "",
            "[]",
            r#"{"healthyRetryPolicy":{"numRetries":-1}}"#,
            r#"{"healthyRetryPolicy":{"numRetries":101}}"#,
            r#"{"throttlePolicy":{"maxReceivesPerSecond":1}}"#,
            r#"{"requestPolicy":{"headerContentType":"x"}}"#,
            r#"{"requestPolicy":{"headerContentType":"text/plain\r\nX: y"}}"#,
            r#"{"other":1}"#,
        ] {
            assert!(check_subscription(bad).is_err(), "{bad}");
        }
    }
}
