//! Topics and their subscriptions, as stored, and one message as a subscriber gets it.
//!
//! Knows what they look like and what their ARNs are; who gets which message is crate `bus`'s.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Scope;
use crate::arn::Arn;

/// Resource kind of topics. Name: the topic's name.
pub const TOPIC: &str = "topic";

/// A topic with its subscriptions: one resource, so that both change together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    /// Name.
    pub name: String,
    /// Shown in mails.
    #[serde(default)]
    pub display_name: String,
    /// Access policy as given; `None` is the default one.
    #[serde(default)]
    pub policy: Option<String>,
    /// Delivery policy as given.
    #[serde(default)]
    pub delivery_policy: Option<String>,
    /// How its messages are signed.
    #[serde(default)]
    pub signature_version: SignatureVersion,
    /// Tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Subscriptions by id.
    #[serde(default)]
    pub subscriptions: BTreeMap<Uuid, Subscription>,
    /// How many subscriptions were deleted so far.
    #[serde(default)]
    pub deleted: u64,
}

/// How messages are signed: RSA PKCS#1 v1.5 over this digest.
/// Source: "Verifying the signatures of Amazon SNS messages", Amazon SNS Developer Guide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SignatureVersion {
    /// SHA-1, for receivers that know nothing better.
    #[serde(rename = "1")]
    V1,
    /// SHA-256.
    #[default]
    #[serde(rename = "2")]
    V2,
}

impl SignatureVersion {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }
}

/// One subscription of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The last part of its ARN.
    pub id: Uuid,
    /// How messages go to its endpoint.
    pub protocol: Protocol,
    /// Address of the web server or mailbox, or ARN of the queue or function.
    pub endpoint: String,
    /// What is waited for while the endpoint's owner has not confirmed; nothing is delivered until then.
    #[serde(default)]
    pub pending: Option<Pending>,
    /// What the token was derived from that confirmed it: whoever confirms twice is told the same twice.
    #[serde(default)]
    pub confirmed_by: Option<String>,
    /// Whether who confirmed it had signed the request.
    #[serde(default)]
    pub authenticated: bool,
    /// Whether only signed requests may end it.
    #[serde(default)]
    pub authenticate_on_unsubscribe: bool,
    /// Whether the endpoint gets the message alone, without the envelope.
    #[serde(default)]
    pub raw: bool,
    /// Which messages it wants, as given; `None` is all.
    #[serde(default)]
    pub filter_policy: Option<String>,
    /// What the filter policy looks at.
    #[serde(default)]
    pub filter_scope: FilterScope,
    /// Delivery policy as given.
    #[serde(default)]
    pub delivery_policy: Option<String>,
    /// ARN of the SQS queue that takes what cannot be delivered.
    #[serde(default)]
    pub dead_letter: Option<String>,
}

/// A subscription that is not confirmed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What the confirmation's token is derived from, together with a key that is not stored here.
    pub nonce: String,
    /// When the token lapses.
    pub expires: Timestamp,
}

/// How messages go to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// POST in clear.
    Http,
    /// POST.
    Https,
    /// A mail for people.
    Email,
    /// A mail that holds the JSON envelope.
    EmailJson,
    /// A message in an SQS queue.
    Sqs,
    /// An invocation of a Lambda function.
    Lambda,
}

impl Protocol {
    /// All of them, as on the wire.
    pub const ALL: [(&'static str, Self); 6] = [
        ("http", Self::Http),
        ("https", Self::Https),
        ("email", Self::Email),
        ("email-json", Self::EmailJson),
        ("sqs", Self::Sqs),
        ("lambda", Self::Lambda),
    ];

    /// The protocol of this name.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(name, _)| *name == word).map(|(_, one)| *one)
    }

    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, one)| *one == self)
            .map_or("", |(name, _)| name)
    }

    /// Whether messages go to a web address.
    #[must_use]
    pub fn is_web(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether messages go to a mailbox.
    #[must_use]
    pub fn is_mail(self) -> bool {
        matches!(self, Self::Email | Self::EmailJson)
    }
}

/// What a filter policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FilterScope {
    /// The message's attributes.
    #[default]
    MessageAttributes,
    /// The message itself, a JSON object.
    MessageBody,
}

impl FilterScope {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MessageAttributes => "MessageAttributes",
            Self::MessageBody => "MessageBody",
        }
    }
}

/// An attribute of a message, as in the envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageAttribute {
    /// `String`, `String.Array`, `Number`, `Binary`, or one of these with a suffix of the sender's own.
    #[serde(rename = "Type")]
    pub data_type: String,
    /// The value; of a binary one in base64.
    #[serde(rename = "Value")]
    pub value: String,
}

/// One message of a topic on its way to one subscriber. Carries no secret: the signature, and the tokens in its links,
/// are made by whoever sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicMessage {
    /// What it is.
    pub kind: TopicMessageKind,
    /// The same for all subscribers and all repeats.
    pub message_id: Uuid,
    /// The topic.
    pub topic_arn: String,
    /// The topic's name for people; may be empty.
    pub display_name: String,
    /// The subscription.
    pub subscription_arn: String,
    /// Subject.
    pub subject: Option<String>,
    /// The message.
    pub message: String,
    /// When it was published.
    pub timestamp: Timestamp,
    /// Attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// How it is signed.
    pub signature_version: SignatureVersion,
    /// Where it goes.
    pub way: Way,
}

/// What a message of a topic is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TopicMessageKind {
    /// Something was published.
    Notification,
    /// The endpoint's owner is asked whether it wants the subscription.
    SubscriptionConfirmation {
        /// What the token is derived from.
        nonce: String,
    },
}

/// Where a message of a topic goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Way {
    /// To a web address.
    Web {
        /// The address.
        url: String,
        /// The message alone instead of the envelope.
        raw: bool,
        /// `Content-Type` other than the usual one.
        content_type: Option<String>,
    },
    /// To a mailbox.
    Mail {
        /// The address.
        to: String,
        /// The envelope instead of a text for people.
        json: bool,
    },
    /// To an SQS queue.
    Queue {
        /// The queue's address.
        url: String,
        /// The queue's region.
        region: String,
        /// The message alone, its attributes as the queue's.
        raw: bool,
    },
    /// To a Lambda function.
    Function {
        /// The function's ARN.
        arn: String,
        /// The function's region.
        region: String,
    },
}

/// A topic's ARN.
#[must_use]
pub fn topic_arn(scope: &Scope, name: &str) -> String {
    let Scope {
        account, region, ..
    } = scope;
    format!("arn:{}:sns:{region}:{account}:{name}", scope.partition())
}

/// The name of a topic of this account and region, from its ARN.
#[must_use]
pub fn topic_name(scope: &Scope, arn: &str) -> Option<String> {
    let arn = Arn::parse(arn)?;
    let own = arn.service == "sns" && arn.account == scope.account && arn.region == scope.region;
    (own && !arn.resource.contains(':')).then_some(arn.resource)
}

/// A subscription's ARN.
#[must_use]
pub fn subscription_arn(topic_arn: &str, id: Uuid) -> String {
    format!("{topic_arn}:{id}")
}

/// Topic name and id of a subscription of this account and region, from its ARN.
#[must_use]
pub fn subscription_place(scope: &Scope, arn: &str) -> Option<(String, Uuid)> {
    let (topic, id) = arn.rsplit_once(':')?;
    Some((topic_name(scope, topic)?, id.parse().ok()?))
}

/// The text whose seal is the token that confirms a subscription.
#[must_use]
pub fn confirmation_text(subscription_arn: &str, nonce: &str) -> String {
    format!("sns confirm\n{subscription_arn}\n{nonce}")
}

/// The text whose seal is the token in a subscription's unsubscribe link.
#[must_use]
pub fn unsubscribe_text(subscription_arn: &str) -> String {
    format!("sns unsubscribe\n{subscription_arn}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_name_what_is_here() {
        let scope = Scope::new("123456789012", "us-east-1");
        let topic = topic_arn(&scope, "alerts");
        assert_eq!(topic, "arn:aws:sns:us-east-1:123456789012:alerts");
        assert_eq!(topic_name(&scope, &topic).as_deref(), Some("alerts"));
        let id = Uuid::from_u128(7);
        let arn = subscription_arn(&topic, id);
        assert_eq!(
            subscription_place(&scope, &arn),
            Some(("alerts".to_owned(), id))
        );
        for foreign in [
            "alerts",
            "arn:aws:sns:us-east-1:999999999999:alerts",
            "arn:aws:sns:eu-west-1:123456789012:alerts",
            "arn:aws:sqs:us-east-1:123456789012:alerts",
            arn.as_str(),
        ] {
            assert_eq!(topic_name(&scope, foreign), None, "{foreign}");
        }
        assert_eq!(subscription_place(&scope, &topic), None);
    }

    #[test]
    fn protocols_have_the_wires_names() {
        for (word, protocol) in Protocol::ALL {
            assert_eq!(Protocol::parse(word), Some(protocol));
            assert_eq!(protocol.as_str(), word);
            assert_eq!(serde_json::to_value(protocol).expect("json"), word);
        }
        assert_eq!(Protocol::parse("sms"), None);
    }
}
