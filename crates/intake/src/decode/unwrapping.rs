//! Wrappers taken off.

use super::error::{DecodeError, Problem};
use super::format::{Kind, Layer};
use super::members::Members;
use super::recognise::{self, Shape, Wrapper};
use super::walk::{Outer, Walk};
use super::{logs, record, sns};

/// Takes one wrapper off and goes on with what is in it.
pub(super) fn unwrap(
    walk: &mut Walk<'_>,
    wrapper: Wrapper,
    members: &Members<'_>,
    outer: &Outer,
) -> Result<(), DecodeError> {
    match wrapper {
        Wrapper::Records => records(walk, members, outer),
        Wrapper::LambdaRecord => lambda_record(walk, members, outer),
        Wrapper::SqsMessages => messages(walk, members, outer),
        Wrapper::SqsMessage => message(walk, members, outer),
        Wrapper::Notification => notification(walk, members, outer),
        Wrapper::Firehose => firehose(walk, members, outer),
        Wrapper::AwsLogs => {
            let logs = members.object("awslogs").unwrap_or_default();
            let data = logs.need("data", Layer::Logs.word(), &outer.place)?;
            walk.base64(&data, &outer.step(".awslogs.data"))
        }
        Wrapper::LogSubscription => logs::each(walk, members, outer),
    }
}

/// `Records`: of a function, or of a CloudTrail file.
fn records(walk: &mut Walk<'_>, members: &Members<'_>, outer: &Outer) -> Result<(), DecodeError> {
    let list = members.list("Records").unwrap_or_default();
    walk.count(list.len(), outer)?;
    for (index, item) in list.iter().enumerate() {
        let step = format!(".Records[{index}]");
        let Some(members) = Members::of(item) else {
            let inner = outer.step(&step);
            walk.text(item, &inner)?;
            continue;
        };
        members.unambiguous(&outer.step(&step).place)?;
        match recognise::shape(&members) {
            Shape::Wrapper(Wrapper::LambdaRecord) => {
                lambda_record(walk, &members, &outer.step(&step))?;
            }
            Shape::Content(kind) => {
                let inner = match kind {
                    Kind::CloudTrail => walk.enter(outer, Layer::CloudTrailFile, &step)?,
                    _ => outer.step(&step),
                };
                walk.content(Some(kind), &members, item, &inner)?;
            }
            // Records do not hold records: what looks like more wrappers is kept as it is.
            Shape::Wrapper(_) | Shape::Unknown => {
                walk.content(None, &members, item, &outer.step(&step))?;
            }
        }
    }
    Ok(())
}

/// A record as a function gets it.
fn lambda_record(
    walk: &mut Walk<'_>,
    members: &Members<'_>,
    outer: &Outer,
) -> Result<(), DecodeError> {
    let region = members.text("awsRegion");
    match record::source(members).as_deref() {
        Some("aws:sqs") => {
            let body = members.document("body", Layer::Sqs.word(), &outer.place)?;
            let sent = members
                .object("attributes")
                .and_then(|all| all.text("SentTimestamp"));
            let mut inner = walk
                .enter(outer, Layer::Sqs, ".body")?
                .identified(members.text("messageId"))
                .sent(sent.as_deref())
                .by(members.text("eventSourceARN"));
            inner.region = inner.region.or(region);
            walk.text(&body, &inner)
        }
        Some("aws:kinesis") => {
            let record = members.object("kinesis").unwrap_or_default();
            let place = format!("{}.kinesis", outer.place);
            let data = record.need("data", Layer::Kinesis.word(), &place)?;
            let mut inner = walk
                .enter(outer, Layer::Kinesis, ".kinesis.data")?
                .identified(
                    members
                        .text("eventID")
                        .or_else(|| record.text("sequenceNumber")),
                )
                .sent(record.scalar("approximateArrivalTimestamp").as_deref())
                .by(members.text("eventSourceARN"));
            inner.region = inner.region.or(region);
            walk.base64(&data, &inner)
        }
        _ => {
            let Some(inner) = members.object("Sns") else {
                let (field, format) = ("Sns".to_owned(), Layer::Sns.word());
                return Err(Problem::Missing { field, format }.at(&outer.place));
            };
            notification(walk, &inner, &outer.step(".Sns"))
        }
    }
}

fn messages(walk: &mut Walk<'_>, members: &Members<'_>, outer: &Outer) -> Result<(), DecodeError> {
    let list = members.list("Messages").unwrap_or_default();
    walk.count(list.len(), outer)?;
    for (index, item) in list.iter().enumerate() {
        let inner = outer.step(&format!(".Messages[{index}]"));
        let members = Members::of(item).unwrap_or_default();
        members.unambiguous(&inner.place)?;
        message(walk, &members, &inner)?;
    }
    Ok(())
}

/// A message as `ReceiveMessage` gives it.
fn message(walk: &mut Walk<'_>, members: &Members<'_>, outer: &Outer) -> Result<(), DecodeError> {
    let body = members.document("Body", Layer::Sqs.word(), &outer.place)?;
    let sent = members
        .object("Attributes")
        .and_then(|all| all.text("SentTimestamp"));
    let inner = walk
        .enter(outer, Layer::Sqs, ".Body")?
        .identified(members.text("MessageId"))
        .sent(sent.as_deref());
    walk.text(&body, &inner)
}

fn notification(
    walk: &mut Walk<'_>,
    members: &Members<'_>,
    outer: &Outer,
) -> Result<(), DecodeError> {
    let message = members.document("Message", Layer::Sns.word(), &outer.place)?;
    let mut inner = walk
        .enter(outer, Layer::Sns, ".Message")?
        .identified(members.text("MessageId"))
        .sent(members.text("Timestamp").as_deref())
        .by(members.text("TopicArn"));
    inner.subject = members.word("Subject").map(|text| sns::subject(&text));
    walk.text(&message, &inner)
}

fn firehose(walk: &mut Walk<'_>, members: &Members<'_>, outer: &Outer) -> Result<(), DecodeError> {
    let list = members.list("records").unwrap_or_default();
    walk.count(list.len(), outer)?;
    let request = members
        .word("requestId")
        .or_else(|| members.word("invocationId"));
    for (index, item) in list.iter().enumerate() {
        let step = format!(".records[{index}]");
        let record = Members::of(item).unwrap_or_default();
        record.unambiguous(&outer.step(&step).place)?;
        let data = record.need("data", Layer::Firehose.word(), &outer.step(&step).place)?;
        let sent = record
            .scalar("approximateArrivalTimestamp")
            .or_else(|| members.scalar("timestamp"));
        let mut inner = walk
            .enter(outer, Layer::Firehose, &format!("{step}.data"))?
            .sent(sent.as_deref())
            .by(members.text("deliveryStreamArn"));
        // The request's id stays the same when Firehose repeats it; a record's place in it then does as well.
        inner = match record.word("recordId") {
            Some(id) => inner.identified(Some(id)),
            None => {
                let id = request.as_ref().map(|id| format!("{id}/{index}"));
                inner.identified(id)
            }
        };
        walk.base64(&data, &inner)?;
    }
    Ok(())
}
