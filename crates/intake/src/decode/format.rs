//! The formats by name: what a content is, what a wrapper is, and what a source may demand.

use std::fmt;
use std::str::FromStr;

use super::mapped::Mapping;

/// What a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An EventBridge event with its own envelope.
    EventBridge,
    /// One CloudTrail record, as EventBridge would send it.
    CloudTrail,
    /// A CloudWatch alarm's change of state, by SNS or as a direct action, as EventBridge would send it.
    Alarm,
    /// An AWS Config rule that asks for an evaluation.
    ConfigRule,
    /// A CloudEvent.
    CloudEvent,
    /// One alert of Alertmanager.
    Alertmanager,
    /// One alert of Grafana.
    Grafana,
    /// An event as tools send it to PagerDuty.
    PagerDuty,
    /// An alert of Falco.
    Falco,
    /// An alert of Wazuh.
    Wazuh,
    /// A line of a CloudWatch log group.
    LogEvent,
    /// A record of a service that has no content of its own (S3, DynamoDB, ...).
    Record,
    /// SNS asks for, or tells of, a subscription's confirmation.
    Subscription,
    /// JSON by the source's mapping.
    Mapped,
    /// Something that nobody knows.
    Unrecognized,
}

impl Kind {
    /// The word in settings, errors and metrics.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EventBridge => "eventbridge",
            Self::CloudTrail => "cloudtrail",
            Self::Alarm => "cloudwatch-alarm",
            Self::ConfigRule => "config-rule",
            Self::CloudEvent => "cloudevents",
            Self::Alertmanager => "alertmanager",
            Self::Grafana => "grafana",
            Self::PagerDuty => "pagerduty",
            Self::Falco => "falco",
            Self::Wazuh => "wazuh",
            Self::LogEvent => "logs",
            Self::Record => "record",
            Self::Subscription => "sns-subscription",
            Self::Mapped => "json",
            Self::Unrecognized => "unrecognized",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a content was wrapped in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layer {
    /// Compressed.
    Gzip,
    /// An item of a list, or one of several documents behind each other.
    List,
    /// An SQS message, as the API or a function gets it.
    Sqs,
    /// An SNS notification.
    Sns,
    /// A Kinesis record, as a function gets it.
    Kinesis,
    /// A Firehose record, by HTTP or as a function gets it.
    Firehose,
    /// A CloudWatch Logs subscription's message.
    Logs,
    /// A file of CloudTrail.
    CloudTrailFile,
}

impl Layer {
    /// The word in settings, errors and details.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::List => "list",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::Logs => "logs",
            Self::CloudTrailFile => "cloudtrail-file",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a source demands of its messages. Wrappers are taken off whatever the format.
#[derive(Debug, Clone, Default)]
pub enum Format {
    /// Every content is recognised by its shape; what nobody knows is [`Kind::Unrecognized`].
    #[default]
    Auto,
    /// The contents must be of this kind.
    Only(Kind),
    /// The outermost wrapper must be this one; the contents are recognised.
    Wrapped(Layer),
    /// The contents are JSON, read by this mapping.
    Mapped(Mapping),
}

/// No such format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format; use one of {known}, or `json` with a mapping", known = Format::WORDS.join(", "))]
pub struct UnknownFormat(pub String);

impl Format {
    /// The formats that a word names; `json` needs a [`Mapping`] besides.
    pub const WORDS: [&'static str; 16] = [
        "auto",
        "eventbridge",
        "sns",
        "sqs",
        "kinesis",
        "firehose",
        "logs",
        "cloudtrail",
        "cloudwatch-alarm",
        "config-rule",
        "cloudevents",
        "alertmanager",
        "grafana",
        "pagerduty",
        "falco",
        "wazuh",
    ];

    /// The word in settings and errors.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Only(kind) => kind.word(),
            Self::Wrapped(layer) => layer.word(),
            Self::Mapped(_) => Kind::Mapped.word(),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, UnknownFormat> {
        let kinds = [
            Kind::EventBridge,
            Kind::CloudTrail,
            Kind::Alarm,
            Kind::ConfigRule,
            Kind::CloudEvent,
            Kind::Alertmanager,
            Kind::Grafana,
            Kind::PagerDuty,
            Kind::Falco,
            Kind::Wazuh,
        ];
        let layers = [
            Layer::Sqs,
            Layer::Sns,
            Layer::Kinesis,
            Layer::Firehose,
            Layer::Logs,
        ];
        if word == "auto" {
            return Ok(Self::Auto);
        }
        let kind = kinds.into_iter().find(|kind| kind.word() == word);
        let layer = layers.into_iter().find(|layer| layer.word() == word);
        kind.map(Self::Only)
            .or(layer.map(Self::Wrapped))
            .ok_or_else(|| UnknownFormat(model::incident::cut(word, 60).to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_format() {
        for word in Format::WORDS {
            assert_eq!(word.parse::<Format>().map(|format| format.word()), Ok(word));
        }
        let error = "syslog".parse::<Format>().map(|_| ()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("`syslog` is no format; use one of auto, eventbridge")
        );
    }
}
