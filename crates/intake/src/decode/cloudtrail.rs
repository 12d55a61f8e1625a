//! CloudTrail records, from files, log groups and streams, in the shape in which EventBridge sends them.

use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::walk::{Draft, Drafts, Identity, Outer};

/// Resources of one record that are taken.
const RESOURCES: usize = 100;

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["eventVersion", "eventSource", "eventName", "eventTime"])
        && (members.has("userIdentity") || members.has("eventID"))
        && super::record::source(members).is_none()
}

/// The record to the letter as the detail.
pub(super) fn drafts(members: &Members<'_>, text: &str, outer: &Outer) -> Drafts {
    let format = Kind::CloudTrail.word();
    let service = members.need("eventSource", format, &outer.place)?;
    members.need("eventName", format, &outer.place)?;
    let kind = members.text("eventType").unwrap_or_default();
    let mut draft = Draft::new(
        Kind::CloudTrail,
        &source(&service, &kind),
        detail_type(&kind),
        text.to_owned(),
    );
    if let Some(id) = members.word("eventID") {
        draft.identity = Identity::Own(vec![id]);
    }
    draft.time = members.text("eventTime").and_then(|text| instant(&text));
    draft.account = members.word("recipientAccountId").or_else(|| {
        let identity = members.object("userIdentity")?;
        identity.word("accountId")
    });
    draft.region = members.word("awsRegion");
    let resources = members.list("resources").unwrap_or_default();
    draft.resources = resources
        .into_iter()
        .filter_map(|resource| {
            let resource = Members::of(resource)?;
            resource.word("ARN").or_else(|| resource.word("arn"))
        })
        .take(RESOURCES)
        .collect();
    Ok(vec![draft])
}

/// `ec2.amazonaws.com` is `aws.ec2`; a sign-in is `aws.signin`, an insight `aws.cloudtrail`.
fn source(service: &str, kind: &str) -> String {
    let name = service.split('.').next().unwrap_or_default();
    match kind {
        "AwsConsoleSignIn" => "aws.signin".to_owned(),
        "AwsCloudTrailInsight" => "aws.cloudtrail".to_owned(),
        _ => format!("aws.{name}"),
    }
}

fn detail_type(kind: &str) -> &'static str {
    match kind {
        "AwsConsoleSignIn" => "AWS Console Sign In via CloudTrail",
        "AwsConsoleAction" => "AWS Console Action via CloudTrail",
        "AwsServiceEvent" => "AWS Service Event via CloudTrail",
        "AwsCloudTrailInsight" => "AWS Insight via CloudTrail",
        _ => "AWS API Call via CloudTrail",
    }
}
