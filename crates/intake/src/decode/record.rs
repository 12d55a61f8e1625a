//! Records of services that tell of something which lies elsewhere (S3 objects, DynamoDB items, ...), as a function gets
//! them: kept to the letter, one event each.

use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::walk::{Draft, Identity};
use model::arn::Arn;

/// The record's service: `aws:s3` of `eventSource`, or of `EventSource`.
pub(super) fn source(members: &Members<'_>) -> Option<String> {
    let source = members
        .text("eventSource")
        .or_else(|| members.text("EventSource"))?;
    source.starts_with("aws:").then_some(source)
}

pub(super) fn is(members: &Members<'_>) -> bool {
    source(members).is_some()
}

pub(super) fn draft(members: &Members<'_>, text: &str) -> Draft {
    let service = source(members).unwrap_or_default();
    let service = service.strip_prefix("aws:").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let source = match service {
        "" => "aws.unknown".to_owned(),
        _ if service.chars().all(plain) => format!("aws.{service}"),
        _ => "aws.unknown".to_owned(),
    };
    let mut draft = Draft::new(Kind::Record, &source, "Event Record", text.to_owned());
    let arn = members.text("eventSourceARN").or_else(|| bucket(members));
    let parsed = arn.as_deref().and_then(Arn::parse);
    if let Some(id) = members.word("eventID") {
        draft.identity = Identity::Own(vec![arn.clone().unwrap_or_default(), id]);
    }
    draft.time = members.text("eventTime").and_then(|text| instant(&text));
    draft.region = members.text("awsRegion");
    draft.account = parsed
        .map(|arn| arn.account)
        .filter(|account| !account.is_empty());
    draft.resources.extend(arn);
    draft
}

fn bucket(members: &Members<'_>) -> Option<String> {
    members.object("s3")?.object("bucket")?.word("arn")
}
