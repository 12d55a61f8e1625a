//! Messages of topics, signed and in the form that each kind of subscriber wants; and texts for chat channels.
//!
//! What it makes is a plain command: a post, a mail or an AWS call. Signatures and tokens exist from here on only, never
//! in what is stored. A repeat of one message makes the same command. Forms and the text that is signed: "Parsing Amazon
//! SNS message formats" and "Verifying the signatures of Amazon SNS messages", Amazon SNS Developer Guide.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use model::EffectCommand;
use model::effect::{AwsCall, ChatPost, EmailMessage, Failure, WebhookPost};
use model::text::one_line;
use model::topic::{
    SignatureVersion, TopicMessage, TopicMessageKind, Way, confirmation_text, unsubscribe_text,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ports::notary::Digest;
use ports::{Notary, NotaryError};
use serde_json::{Map, Value, json};

use crate::config::Topics;
use crate::notary::hex;

/// Limit of one AWS call, in seconds.
const CALL_SECS: u32 = 30;
const JSON: &str = "application/json";
/// What AWS sends envelopes as.
const TEXT: &str = "text/plain; charset=UTF-8";
/// Longest subject of a mail, in characters.
const SUBJECT_CHARS: usize = 100;

/// Makes plain commands of those that only this server's secrets can complete.
pub(crate) struct Courier {
    settings: Option<Topics>,
}

/// A message with all that makes it trustworthy.
struct Sealed<'a> {
    message: &'a TopicMessage,
    timestamp: String,
    signature: String,
    certificate_url: String,
    /// Where the subscription is confirmed, with the token; of a confirmation's message only.
    confirm: Option<(String, String)>,
    unsubscribe_url: String,
}

impl Courier {
    pub(crate) fn new(settings: Option<Topics>) -> Self {
        Self { settings }
    }

    /// The post of a text to a chat channel.
    pub(crate) fn chat(&self, post: &ChatPost) -> Result<EffectCommand, Failure> {
        let channels = self.settings.as_ref().map(|settings| &settings.chat);
        let address = channels.and_then(|channels| channels.get(&post.channel));
        let Some(address) = address else {
            let message = format!(
                "the configuration has no chat channel `{}`: put it back into `chat.slack`, or take it out of its topics",
                post.channel
            );
            return Err(failure("ParamValidation", message));
        };
        let body = json!({
            "text": post.text, "mrkdwn": true, "parse": "none", "link_names": false,
            "unfurl_links": false, "unfurl_media": false,
        });
        Ok(EffectCommand::PostWebhook(WebhookPost {
            url: address.expose().to_owned(),
            headers: BTreeMap::new(),
            body: body.to_string(),
            content_type: JSON.to_owned(),
        }))
    }

    /// The command that brings a message to its subscriber.
    pub(crate) async fn command(&self, message: &TopicMessage) -> Result<EffectCommand, Failure> {
        let Some(settings) = &self.settings else {
            let reason = "topics are not set up here: messages of topics cannot be sent";
            return Err(failure("ParamValidation", reason.to_owned()));
        };
        let sealed = seal(settings, message).await.map_err(|error| Failure {
            transient: true,
            ..failure("Signature", error.to_string())
        })?;
        Ok(sealed.command())
    }
}

fn escaped(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn failure(code: &str, message: String) -> Failure {
    Failure {
        code: code.to_owned(),
        message,
        status: None,
        request_id: None,
        extended_request_id: None,
        shape: None,
        transient: false,
    }
}

async fn seal<'a>(settings: &Topics, message: &'a TopicMessage) -> Result<Sealed<'a>, NotaryError> {
    let notary: &Arc<dyn Notary> = &settings.notary;
    let url = settings.public_url.trim_end_matches('/');
    let arn = &message.subscription_arn;
    let confirm = match &message.kind {
        TopicMessageKind::Notification => None,
        TopicMessageKind::SubscriptionConfirmation { nonce } => {
            let seal = notary.seal(confirmation_text(arn, nonce)).await?;
            let id = arn.rsplit(':').next().unwrap_or_default();
            let token = format!("{}{}", id.replace('-', ""), hex(&seal));
            let topic = escaped(&message.topic_arn);
            let link =
                format!("{url}/sns/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
            Some((link, token))
        }
    };
    let seal = notary.seal(unsubscribe_text(arn)).await?;
    let certificate = notary.certificate().await?.id;
    let mut sealed = Sealed {
        timestamp: instant(message.timestamp),
        signature: String::new(),
        certificate_url: format!("{url}/sns/SimpleNotificationService-{certificate}.pem"),
        confirm,
        unsubscribe_url: format!(
            "{url}/sns/?Action=Unsubscribe&SubscriptionArn={}&Token={}",
            escaped(arn),
            hex(&seal)
        ),
        message,
    };
    let digest = match message.signature_version {
        SignatureVersion::V1 => Digest::Sha1,
        SignatureVersion::V2 => Digest::Sha256,
    };
    let signature = notary.sign(digest, sealed.signed_text()).await?;
    sealed.signature = BASE64.encode(signature);
    Ok(sealed)
}

/// ISO 8601 with milliseconds, always.
fn instant(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

impl Sealed<'_> {
    fn kind(&self) -> &'static str {
        match self.message.kind {
            TopicMessageKind::Notification => "Notification",
            TopicMessageKind::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
        }
    }

    /// The members that the signature covers, by name in order of the alphabet.
    fn signed_text(&self) -> String {
        let id = self.message.message_id.to_string();
        let mut members = vec![
            ("Message", self.message.message.as_str()),
            ("MessageId", &id),
            ("Timestamp", &self.timestamp),
            ("TopicArn", &self.message.topic_arn),
            ("Type", self.kind()),
        ];
        match &self.confirm {
            Some((link, token)) => {
                members.extend([("SubscribeURL", link.as_str()), ("Token", token)])
            }
            None => members.extend(
                self.message
                    .subject
                    .as_deref()
                    .map(|text| ("Subject", text)),
            ),
        }
        members.sort_unstable();
        members
            .into_iter()
            .map(|(name, value)| format!("{name}\n{value}\n"))
            .collect()
    }

    /// The envelope.
    fn envelope(&self) -> Value {
        let message = self.message;
        let mut all = Map::new();
        let mut put = |name: &str, value: Value| all.insert(name.to_owned(), value);
        put("Type", self.kind().into());
        put("MessageId", message.message_id.to_string().into());
        if let Some((_, token)) = &self.confirm {
            put("Token", token.as_str().into());
        }
        put("TopicArn", message.topic_arn.as_str().into());
        if let Some(subject) = &message.subject {
            put("Subject", subject.as_str().into());
        }
        put("Message", message.message.as_str().into());
        if let Some((link, _)) = &self.confirm {
            put("SubscribeURL", link.as_str().into());
        }
        put("Timestamp", self.timestamp.as_str().into());
        put(
            "SignatureVersion",
            message.signature_version.as_str().into(),
        );
        put("Signature", self.signature.as_str().into());
        put("SigningCertURL", self.certificate_url.as_str().into());
        if self.confirm.is_none() {
            put("UnsubscribeURL", self.unsubscribe_url.as_str().into());
        }
        if !message.attributes.is_empty() {
            put("MessageAttributes", json!(message.attributes));
        }
        Value::Object(all)
    }

    fn command(&self) -> EffectCommand {
        match &self.message.way {
            Way::Web {
                url,
                raw,
                content_type,
            } => self.post(url, *raw, content_type.as_deref()),
            Way::Mail { to, json } => EffectCommand::SendEmail(self.mail(to, *json)),
            Way::Queue { url, region, raw } => self.to_queue(url, region, *raw),
            Way::Function { arn, region } => {
                let payload = self.records().to_string();
                let params =
                    json!({ "FunctionName": arn, "InvocationType": "Event", "Payload": payload });
                call("lambda", "Invoke", params, region)
            }
        }
    }

    fn post(&self, url: &str, raw: bool, content_type: Option<&str>) -> EffectCommand {
        let message = self.message;
        let header = |name: &str, value: String| (format!("x-amz-sns-{name}"), value);
        let mut headers = BTreeMap::from([
            header("message-type", self.kind().to_owned()),
            header("message-id", message.message_id.to_string()),
            header("topic-arn", message.topic_arn.clone()),
        ]);
        if self.confirm.is_none() {
            headers.extend([header("subscription-arn", message.subscription_arn.clone())]);
        }
        let body = if raw {
            headers.extend([header("rawdelivery", "true".to_owned())]);
            message.message.clone()
        } else {
            self.envelope().to_string()
        };
        EffectCommand::PostWebhook(WebhookPost {
            url: url.to_owned(),
            headers,
            body,
            content_type: content_type.unwrap_or(TEXT).to_owned(),
        })
    }

    fn mail(&self, to: &str, json: bool) -> EmailMessage {
        let message = self.message;
        let topic = match message.display_name.as_str() {
            "" => message.topic_arn.rsplit(':').next().unwrap_or_default(),
            name => name,
        };
        let (subject, body) = match (&self.confirm, json) {
            (Some(_), true) => (
                format!("Subscription confirmation: {topic}"),
                self.envelope().to_string(),
            ),
            (Some((link, _)), false) => (
                format!("Please confirm your subscription to {topic}"),
                format!(
                    "Somebody subscribed this address to the topic\n\n  {}\n\nTo get its messages, open this page within three days and confirm:\n\n  {link}\n\nNot you? Then do nothing: an address that is not confirmed gets no messages.\n",
                    message.topic_arn
                ),
            ),
            (None, true) => (self.subject(topic), self.envelope().to_string()),
            (None, false) => (
                self.subject(topic),
                format!(
                    "{}\n\n--\nSent by the topic {}.\nTo get no more of its messages: {}\n",
                    message.message, message.topic_arn, self.unsubscribe_url
                ),
            ),
        };
        EmailMessage {
            to: to.to_owned(),
            subject: one_line(&subject, SUBJECT_CHARS),
            body,
            thread: None,
        }
    }

    fn subject(&self, topic: &str) -> String {
        let given = self.message.subject.clone();
        given.unwrap_or_else(|| format!("Message of the topic {topic}"))
    }

    fn to_queue(&self, url: &str, region: &str, raw: bool) -> EffectCommand {
        let mut params = json!({ "QueueUrl": url });
        if raw {
            params["MessageBody"] = self.message.message.as_str().into();
            let attributes = self.message.attributes.iter().map(|(name, attribute)| {
                let kind = attribute.data_type.as_str();
                let value = attribute.value.as_str();
                let given = match kind.split('.').next() {
                    Some("Binary") => {
                        json!({ "DataType": kind, "BinaryValue": { "$base64": value } })
                    }
                    _ => json!({ "DataType": kind, "StringValue": value }),
                };
                (name.clone(), given)
            });
            let attributes: Map<String, Value> = attributes.collect();
            if !attributes.is_empty() {
                params["MessageAttributes"] = Value::Object(attributes);
            }
        } else {
            params["MessageBody"] = self.envelope().to_string().into();
        }
        call("sqs", "SendMessage", params, region)
    }

    /// What a function is invoked with: the envelope in a list, some of its members spelled otherwise.
    fn records(&self) -> Value {
        let mut sns = self.envelope();
        for (from, to) in [
            ("SigningCertURL", "SigningCertUrl"),
            ("UnsubscribeURL", "UnsubscribeUrl"),
        ] {
            let moved = sns.as_object_mut().and_then(|all| all.shift_remove(from));
            sns[to] = moved.unwrap_or_default();
        }
        for absent in ["Subject", "MessageAttributes"] {
            if sns.get(absent).is_none() {
                let none = if absent == "Subject" {
                    Value::Null
                } else {
                    json!({})
                };
                sns[absent] = none;
            }
        }
        json!({ "Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": self.message.subscription_arn,
            "Sns": sns,
        }] })
    }
}

fn call(service: &str, operation: &str, params: Value, region: &str) -> EffectCommand {
    EffectCommand::DeliverByAws(AwsCall {
        service: service.to_owned(),
        operation: operation.to_owned(),
        params,
        region: region.to_owned(),
        assume_role: None,
        timeout_secs: CALL_SECS,
        spelling: model::effect::Spelling::default(),
    })
}
