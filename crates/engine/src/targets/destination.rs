//! What kind of thing a target's ARN names.

use model::arn::Arn;
use model::effect::LogAppend;

/// What a target's ARN names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A response plan of this name.
    ResponsePlan(String),
    /// An automation document.
    Document,
    /// An HTTP(S) address.
    Webhook,
    /// A state machine.
    StateMachine(Arn),
    /// A Lambda function.
    Function(Arn),
    /// An SQS queue.
    Queue(Arn),
    /// An SNS topic.
    Topic(Arn),
    /// A Kinesis stream.
    Stream(Arn),
    /// A Firehose stream of this name.
    DeliveryStream(Arn, String),
    /// An event bus of this name.
    Bus(Arn, String),
    /// An API destination.
    Api(Arn),
    /// A log group of this name.
    LogGroup(Arn, String),
    /// Nothing that Quell serves.
    Unknown,
}

/// Reads a target's ARN or address.
pub(crate) fn destination(target: &str) -> Destination {
    if target.starts_with("https://") || target.starts_with("http://") {
        return Destination::Webhook;
    }
    Arn::parse(target)
        .and_then(of_arn)
        .unwrap_or(Destination::Unknown)
}

fn of_arn(arn: Arn) -> Option<Destination> {
    let named = |tail: Option<&str>| tail.filter(|name| !name.is_empty()).map(str::to_owned);
    let plain = || !arn.region.is_empty() && !arn.account.is_empty() && is_plain(&arn.resource);
    Some(match arn.service.as_str() {
        "ssm-incidents" => Destination::ResponsePlan(named(arn.tail("response-plan"))?),
        "ssm" => {
            named(arn.tail("automation-definition").or(arn.tail("document")))?;
            Destination::Document
        }
        "states" => {
            named(arn.resource.strip_prefix("stateMachine:"))?;
            Destination::StateMachine(arn)
        }
        "lambda" => {
            named(arn.resource.strip_prefix("function:"))?;
            Destination::Function(arn)
        }
        "sqs" if plain() => Destination::Queue(arn),
        "sns" if plain() => Destination::Topic(arn),
        "kinesis" => {
            named(arn.tail("stream"))?;
            Destination::Stream(arn)
        }
        "firehose" => {
            let name = named(arn.tail("deliverystream"))?;
            Destination::DeliveryStream(arn, name)
        }
        "events" => {
            if named(arn.tail("api-destination")).is_some() {
                return Some(Destination::Api(arn));
            }
            let name = named(arn.tail("event-bus"))?;
            Destination::Bus(arn, name)
        }
        "logs" => {
            let group = arn.resource.strip_prefix("log-group:")?;
            let group = group.strip_suffix(":*").unwrap_or(group);
            LogAppend::group_name(group)?;
            let group = group.to_owned();
            Destination::LogGroup(arn, group)
        }
        _ => return None,
    })
}

/// Whether a resource is a plain name, as queues and topics have: it becomes part of an address.
fn is_plain(name: &str) -> bool {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    !stem.is_empty()
        && stem
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "a table of cases reads best in one piece"
    )]
    fn arns_name_kinds() {
        let kind = |text: &str| match destination(text) {
            Destination::ResponsePlan(_) => "plan",
            Destination::Document => "document",
            Destination::Webhook => "webhook",
            Destination::StateMachine(_) => "state machine",
            Destination::Function(_) => "function",
            Destination::Queue(_) => "queue",
            Destination::Topic(_) => "topic",
            Destination::Stream(_) => "stream",
            Destination::DeliveryStream(..) => "delivery stream",
            Destination::Bus(..) => "bus",
            Destination::Api(_) => "api destination",
            Destination::LogGroup(..) => "log group",
            Destination::Unknown => "unknown",
        };
        let place = "us-east-1:123456789012";
        for (arn, want) in [
            ("https://example.com/x".to_owned(), "webhook"),
            (
                "arn:aws:ssm-incidents::123456789012:response-plan/p".to_owned(),
                "plan",
            ),
            (
                format!("arn:aws:ssm:{place}:automation-definition/D:$DEFAULT"),
                "document",
            ),
            (
                format!("arn:aws:states:{place}:stateMachine:m"),
                "state machine",
            ),
            (
                format!("arn:aws:lambda:{place}:function:f:live"),
                "function",
            ),
            (format!("arn:aws:sqs:{place}:q.fifo"), "queue"),
            (format!("arn:aws:sns:{place}:t"), "topic"),
            (format!("arn:aws:kinesis:{place}:stream/s"), "stream"),
            (
                format!("arn:aws:firehose:{place}:deliverystream/s"),
                "delivery stream",
            ),
            (format!("arn:aws:events:{place}:event-bus/b"), "bus"),
            (
                format!("arn:aws:logs:{place}:log-group:/aws/events/g"),
                "log group",
            ),
            (
                format!("arn:aws:logs:{place}:log-group:/aws/events/g:*"),
                "log group",
            ),
            (
                format!("arn:aws:logs:{place}:log-group:/aws/lambda/g"),
                "unknown",
            ),
            (
                format!("arn:aws:logs:{place}:log-group:/aws/events/../g"),
                "unknown",
            ),
            (format!("arn:aws:sqs:{place}:q/../x"), "unknown"),
            (format!("arn:aws:sqs:{place}:"), "unknown"),
            ("arn:aws:sqs:::q".to_owned(), "unknown"),
            (format!("arn:aws:events:{place}:event-bus/"), "unknown"),
            (format!("arn:aws:states:{place}:activity:a"), "unknown"),
            (format!("arn:aws:ecs:{place}:cluster/c"), "unknown"),
            ("ftp://example.com".to_owned(), "unknown"),
            (String::new(), "unknown"),
        ] {
            assert_eq!(kind(&arn), want, "{arn}");
        }
    }
}
