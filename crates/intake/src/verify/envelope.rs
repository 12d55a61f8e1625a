//! SNS's envelope as it comes by HTTP(S), and the text that is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use model::arn::Arn;
use serde::Deserialize;

use super::VerifyError;

/// What an envelope brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// A message.
    Notification,
    /// A topic asks whether it may send.
    SubscriptionConfirmation,
    /// A subscription was ended.
    UnsubscribeConfirmation,
}

impl EnvelopeKind {
    /// The word in `Type` and in `x-amz-sns-message-type`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notification => "Notification",
            Self::SubscriptionConfirmation => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        }
    }
}

/// An envelope whose members are there and well formed. Nothing of it is believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What it brings.
    pub kind: EnvelopeKind,
    /// Unique id.
    pub message_id: String,
    /// The topic.
    pub topic: Arn,
    /// When it was sent.
    pub timestamp: Timestamp,
    /// `1` or `2`.
    pub signature_version: String,
    /// The signature's bytes.
    pub signature: Vec<u8>,
    /// Where the certificate lies.
    pub certificate_url: String,
    /// With [`EnvelopeKind::SubscriptionConfirmation`]: what confirms it.
    pub token: Option<String>,
    signed: Vec<(&'static str, String)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wire {
    r#type: String,
    message_id: String,
    topic_arn: String,
    message: String,
    timestamp: String,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL", alias = "SigningCertUrl")]
    certificate_url: String,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    token: Option<String>,
    #[serde(default, rename = "SubscribeURL", alias = "SubscribeUrl")]
    subscribe_url: Option<String>,
}

impl Envelope {
    /// Reads an envelope. A member that stands twice is refused: two readers could read two messages.
    ///
    /// # Errors
    /// [`VerifyError::NotSns`] says what is missing or wrong.
    pub fn parse(body: &[u8]) -> Result<Self, VerifyError> {
        let wrong = |what: &str| VerifyError::NotSns(what.to_owned());
        // All of it: members that are skipped here are not read, and what decodes the message afterwards takes a body
        // that is no text for something else than a notification.
        let body = std::str::from_utf8(body).map_err(|_| wrong("it is not UTF-8"))?;
        // serde's derived readers refuse a member that stands twice.
        let wire: Wire = serde_json::from_str(body)
            .map_err(|error| VerifyError::NotSns(model::text::one_line(&error.to_string(), 200)))?;
        let kind = [
            EnvelopeKind::Notification,
            EnvelopeKind::SubscriptionConfirmation,
            EnvelopeKind::UnsubscribeConfirmation,
        ]
        .into_iter()
        .find(|kind| kind.word() == wire.r#type)
        .ok_or_else(|| wrong("`Type` is none of SNS's"))?;
        let topic = Arn::parse(&wire.topic_arn)
            .filter(|arn| arn.service == "sns" && !arn.region.is_empty())
            .ok_or_else(|| wrong("`TopicArn` is no topic's ARN"))?;
        let timestamp = wire
            .timestamp
            .parse()
            .map_err(|_| wrong("`Timestamp` is no instant"))?;
        let signature = STANDARD
            .decode(&wire.signature)
            .map_err(|_| wrong("`Signature` is no base64"))?;
        let token = wire.token.clone();
        if kind == EnvelopeKind::SubscriptionConfirmation && token.is_none() {
            return Err(wrong("a SubscriptionConfirmation without `Token`"));
        }
        Ok(Self {
            kind,
            message_id: wire.message_id.clone(),
            topic,
            timestamp,
            signature_version: wire.signature_version.clone(),
            signature,
            certificate_url: wire.certificate_url.clone(),
            token,
            signed: signed(kind, wire),
        })
    }

    /// The text that the signature is over: names and values, each on a line of its own.
    #[must_use]
    pub fn string_to_sign(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.signed {
            for part in [*name, value.as_str()] {
                text.push_str(part);
                text.push('\n');
            }
        }
        text
    }
}

/// The members that are signed, in the order of their names.
fn signed(kind: EnvelopeKind, wire: Wire) -> Vec<(&'static str, String)> {
    let mut members = vec![
        ("Message", Some(wire.message)),
        ("MessageId", Some(wire.message_id)),
    ];
    match kind {
        EnvelopeKind::Notification => members.push(("Subject", wire.subject)),
        EnvelopeKind::SubscriptionConfirmation | EnvelopeKind::UnsubscribeConfirmation => {
            members.push(("SubscribeURL", wire.subscribe_url));
        }
    }
    members.push(("Timestamp", Some(wire.timestamp)));
    if kind != EnvelopeKind::Notification {
        members.push(("Token", wire.token));
    }
    members.push(("TopicArn", Some(wire.topic_arn)));
    members.push(("Type", Some(wire.r#type)));
    let there = members
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    there.collect()
}
