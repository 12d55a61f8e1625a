//! What is delivered, and where: one closed list of ways out of the server.
//!
//! Everything that the world is asked is said when the event is accepted; later nothing is looked up again, so that a
//! rule that changes meanwhile changes nothing for an event that it has matched.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::EffectCommand;
use model::effect::{
    ApiDestinationCall, AwsCall, ChatPost, EmailMessage, LogAppend, LogBatch, WebhookPost,
};
use model::text::one_line;
use model::topic::TopicMessage;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::pace::Pace;
use super::stored::AnyStart;

/// One event, or one message, for one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AnyStart")]
pub struct Start {
    /// ARN of the rule that matched or of the topic that was published to; for a mail what it is about.
    pub origin: String,
    /// The target's id within its rule, the subscription's ARN; empty where there is neither.
    pub target_id: String,
    /// The target's ARN or address, as the operator wrote it.
    pub target_arn: String,
    /// What is done.
    pub request: Request,
    /// How often and how long it is tried.
    pub retry: Retry,
    /// ARN of the SQS queue that takes what cannot be delivered.
    pub dead_letter: Option<String>,
    /// What the dead-letter queue gets: the original event's text.
    pub event: String,
}

/// How often and how long a delivery is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Retry {
    /// Retries after the first attempt; `None` means [`super::MAX_ATTEMPTS`].
    #[serde(default)]
    pub maximum_attempts: Option<u32>,
    /// Age in seconds after which it is given up; `None` means [`super::MAX_AGE_SECS`].
    #[serde(default)]
    pub maximum_age_secs: Option<u32>,
    /// The waits of a topic's delivery policy; `None` means waits that double.
    #[serde(default)]
    pub pace: Option<Pace>,
}

/// What a delivery does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// Post to a web address in the form of an SNS notification that is not signed. The message id is the delivery's.
    Notification(Notification),
    /// Post exactly this.
    Webhook(WebhookPost),
    /// Send a mail.
    Email(EmailMessage),
    /// Call an AWS service. Where the operation takes a token of the caller, the call carries the delivery's id in it,
    /// so that a repeat does nothing twice.
    Aws(AwsCall),
    /// Send to an API destination, through its connection.
    ApiDestination(ApiDestinationCall),
    /// Append to a log group.
    LogEvents(LogAppend),
    /// Write lines to a log group.
    Logs(Box<LogBatch>),
    /// Send a message of a topic to a subscriber, signed.
    TopicMessage(Box<TopicMessage>),
    /// Post a text to a chat channel of the configuration.
    Chat(ChatPost),
    /// Nothing can be sent: the event goes where undeliverable events go.
    Undeliverable(Undeliverable),
}

/// A notification for a web address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// `https://` (or, when the operator allows it, `http://`) address.
    pub url: String,
    /// `Subject`, the event's `detail-type`.
    pub subject: String,
    /// `Message`: the target's input text.
    pub message: String,
}

/// Why nothing can be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undeliverable {
    /// As in a dead-letter queue's `ERROR_CODE`: `INVALID_JSON`, `INVALID_PARAMETER`, `NO_RESOURCE`.
    pub code: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Request {
    /// The command that carries the request out, for the delivery `id` that began at `started`.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn command(
        &self,
        id: Uuid,
        origin: &str,
        started: Timestamp,
    ) -> Result<EffectCommand, Undeliverable> {
        Ok(match self {
            Self::Notification(notification) => notification.post(id, origin, started),
            Self::Webhook(post) => EffectCommand::PostWebhook(post.clone()),
            Self::Email(mail) => EffectCommand::SendEmail(EmailMessage {
                subject: one_line(&mail.subject, 200),
                ..mail.clone()
            }),
            Self::Aws(call) => EffectCommand::DeliverByAws(call.clone()),
            Self::ApiDestination(call) => EffectCommand::InvokeApiDestination(call.clone()),
            Self::LogEvents(line) => EffectCommand::AppendLog(line.clone()),
            Self::Logs(batch) => EffectCommand::WriteLogs(batch.clone()),
            Self::TopicMessage(message) => EffectCommand::SendTopicMessage(message.clone()),
            Self::Chat(post) => EffectCommand::PostChat(post.clone()),
            Self::Undeliverable(why) => return Err(why.clone()),
        })
    }
}

impl Notification {
    fn post(&self, id: Uuid, origin: &str, started: Timestamp) -> EffectCommand {
        let body = json!({
            "Type": "Notification",
            "MessageId": id,
            "TopicArn": origin,
            "Subject": one_line(&self.subject, 100),
            "Message": self.message,
            "Timestamp": started.to_string(),
        });
        let header = |name: &str, value: String| (format!("x-amz-sns-{name}"), value);
        EffectCommand::PostWebhook(WebhookPost {
            url: self.url.clone(),
            headers: BTreeMap::from([
                header("message-type", "Notification".to_owned()),
                header("message-id", id.to_string()),
                header("topic-arn", one_line(origin, 2048)),
            ]),
            body: body.to_string(),
            content_type: "text/plain; charset=UTF-8".to_owned(),
        })
    }
}
