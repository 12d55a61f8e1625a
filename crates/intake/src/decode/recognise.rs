//! What an object is, by its shape alone.

use super::error::{DecodeError, Problem};
use super::format::{Kind, Layer};
use super::members::Members;
use super::walk::{Drafts, Outer};
use super::{
    alarm, alertmanager, cloudevents, cloudtrail, config_rule, eventbridge, falco, logs, pagerduty,
    record, sns, wazuh,
};

/// A wrapper that was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// What a function gets: `Records`, each by its `eventSource`.
    Records,
    /// One of these, by itself.
    LambdaRecord,
    /// `Messages` of `ReceiveMessage`.
    SqsMessages,
    /// One message of `ReceiveMessage`.
    SqsMessage,
    /// An SNS notification.
    Notification,
    /// `records` of Firehose, by HTTP or as a function gets them.
    Firehose,
    /// `awslogs.data`, as a function gets it.
    AwsLogs,
    /// The message of a log subscription.
    LogSubscription,
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Wrapper(Wrapper),
    Content(Kind),
    Unknown,
}

impl Shape {
    /// The layer that it is, if it is one that a source may demand. Records of a function are what the first of them is.
    pub(super) fn layer(self, members: &Members<'_>) -> Option<Layer> {
        match self {
            Self::Wrapper(Wrapper::SqsMessages | Wrapper::SqsMessage) => Some(Layer::Sqs),
            Self::Wrapper(Wrapper::Notification) | Self::Content(Kind::Subscription) => {
                Some(Layer::Sns)
            }
            Self::Wrapper(Wrapper::Firehose) => Some(Layer::Firehose),
            Self::Wrapper(Wrapper::AwsLogs | Wrapper::LogSubscription) => Some(Layer::Logs),
            Self::Wrapper(Wrapper::LambdaRecord) => record_layer(members),
            Self::Wrapper(Wrapper::Records) => {
                let list = members.list("Records")?;
                record_layer(&Members::of(list.first()?)?)
            }
            Self::Content(_) | Self::Unknown => None,
        }
    }
}

fn record_layer(record: &Members<'_>) -> Option<Layer> {
    match record::source(record)?.as_str() {
        "aws:sqs" => Some(Layer::Sqs),
        "aws:sns" => Some(Layer::Sns),
        "aws:kinesis" => Some(Layer::Kinesis),
        _ => None,
    }
}

/// A kind and whether an object is of it.
type Test = (Kind, fn(&Members<'_>) -> bool);

/// What an object is. The order matters only where one shape holds another's members.
pub(super) fn shape(members: &Members<'_>) -> Shape {
    if let Some(wrapper) = wrapper(members) {
        return Shape::Wrapper(wrapper);
    }
    let tests: [Test; 12] = [
        (Kind::EventBridge, eventbridge::is),
        (Kind::CloudEvent, cloudevents::is),
        (Kind::Subscription, sns::is_subscription),
        (Kind::Alarm, alarm::is),
        (Kind::ConfigRule, config_rule::is),
        (Kind::CloudTrail, cloudtrail::is),
        (Kind::Grafana, alertmanager::is_grafana),
        (Kind::Alertmanager, alertmanager::is),
        (Kind::PagerDuty, pagerduty::is),
        (Kind::Falco, falco::is),
        (Kind::Wazuh, wazuh::is),
        (Kind::Record, record::is),
    ];
    tests
        .into_iter()
        .find(|(_, is)| is(members))
        .map_or(Shape::Unknown, |(kind, _)| Shape::Content(kind))
}

fn wrapper(members: &Members<'_>) -> Option<Wrapper> {
    let source = record::source(members);
    // A signature covers the notification's own members only: whatever else was put beside them must not be asked first.
    Some(if sns::is_notification(members) {
        Wrapper::Notification
    } else if any(members, "Records", is_record) {
        Wrapper::Records
    } else if matches!(
        source.as_deref(),
        Some("aws:sqs" | "aws:sns" | "aws:kinesis")
    ) {
        Wrapper::LambdaRecord
    } else if any(members, "Messages", is_sqs) {
        Wrapper::SqsMessages
    } else if is_sqs(members) {
        Wrapper::SqsMessage
    } else if any(members, "records", |record| record.has("data"))
        && (members.has_all(&["requestId", "timestamp"])
            || members.has_all(&["invocationId", "deliveryStreamArn"]))
    {
        Wrapper::Firehose
    } else if members
        .object("awslogs")
        .is_some_and(|inner| inner.has("data"))
    {
        Wrapper::AwsLogs
    } else if logs::is(members) {
        Wrapper::LogSubscription
    } else {
        return None;
    })
}

/// Whether a member is a list and any of its items is such an object: a document of another sender may well have a list
/// of that name.
fn any(members: &Members<'_>, name: &str, is: fn(&Members<'_>) -> bool) -> bool {
    let list = members.list(name).unwrap_or_default();
    list.into_iter()
        .filter_map(Members::of)
        .any(|item| is(&item))
}

fn is_record(members: &Members<'_>) -> bool {
    record::is(members) || cloudtrail::is(members)
}

/// A message as `ReceiveMessage` gives it.
fn is_sqs(members: &Members<'_>) -> bool {
    members.has_all(&["MessageId", "Body"])
        && (members.has("ReceiptHandle") || members.has("MD5OfBody"))
}

/// The drafts of a content of this kind.
pub(super) fn drafts(kind: Kind, members: &Members<'_>, text: &str, outer: &Outer) -> Drafts {
    match kind {
        Kind::EventBridge => eventbridge::drafts(members, outer),
        Kind::CloudTrail => cloudtrail::drafts(members, text, outer),
        Kind::Alarm => alarm::drafts(members, outer),
        Kind::ConfigRule => config_rule::drafts(members, outer),
        Kind::CloudEvent => cloudevents::drafts(members, outer),
        Kind::Alertmanager | Kind::Grafana => alertmanager::drafts(kind, members, outer),
        Kind::PagerDuty => pagerduty::drafts(members, text, outer),
        Kind::Falco => falco::drafts(members, outer),
        Kind::Wazuh => wazuh::drafts(members, outer),
        Kind::Record => Ok(vec![record::draft(members, text)]),
        Kind::Subscription => sns::subscription(members, outer),
        Kind::LogEvent | Kind::Mapped | Kind::Unrecognized => Err(not_of(kind, outer)),
    }
}

fn not_of(kind: Kind, outer: &Outer) -> DecodeError {
    let format = kind.word();
    Problem::NotFormat { format }.at(&outer.place)
}
