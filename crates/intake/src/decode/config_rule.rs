//! An AWS Config rule that asks its function for an evaluation: what it asks about is in a string of JSON.

use model::arn::Arn;

use super::error::Problem;
use super::format::Kind;
use super::json::{ObjectText, instant};
use super::members::Members;
use super::walk::{Draft, Drafts, Identity, Outer};

/// Opened beside the members that were sent.
const OPENED: [&str; 2] = ["invokingEvent", "ruleParameters"];
/// Allows whoever has it to answer for the rule: it is not kept.
const TOKEN: &str = "resultToken";

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["invokingEvent", "configRuleName"])
}

pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::ConfigRule.word();
    let rule = members.need("configRuleName", format, &outer.place)?;
    let invoking = members.need("invokingEvent", format, &outer.place)?;
    let Some(asked) = Members::of(&invoking) else {
        let (field, wanted) = ("invokingEvent".to_owned(), "a JSON object as a string");
        return Err(Problem::Wrong { field, wanted }.at(&outer.place));
    };
    asked.unambiguous(&outer.step(".invokingEvent").place)?;
    let item = asked
        .object("configurationItem")
        .or_else(|| asked.object("configurationItemSummary"))
        .unwrap_or_default();
    let arn = members.word("configRuleArn");
    let own = |name: &str| item.word(name);
    let account = members.word("accountId").or_else(|| own("awsAccountId"));
    let region =
        own("awsRegion").or_else(|| arn.as_deref().and_then(Arn::parse).map(|arn| arn.region));
    let named = [
        ("resourceType", own("resourceType")),
        ("resourceId", own("resourceId")),
        ("awsAccountId", account.clone()),
        ("awsRegion", region.clone()),
        ("messageType", asked.word("messageType")),
    ];
    let detail = detail(members, &invoking, &named);
    let mut draft = Draft::new(
        Kind::ConfigRule,
        "aws.config",
        "Config Rule Invocation",
        detail,
    );
    let captured = own("configurationItemCaptureTime");
    let moment = asked.word("notificationCreationTime").or(captured);
    draft.time = moment.as_deref().and_then(instant);
    if let Some(moment) = moment {
        let resource = own("resourceId").unwrap_or_default();
        draft.identity = Identity::Own(vec![arn.clone().unwrap_or(rule), resource, moment]);
    }
    (draft.account, draft.region) = (account, region);
    let resource = own("ARN").or_else(|| own("arn"));
    draft.resources = resource.into_iter().chain(arn).collect();
    if members.has(TOKEN) {
        draft
            .notes
            .push("the rule's `resultToken` was left out".to_owned());
    }
    Ok(vec![draft])
}

/// What was sent, with the strings of JSON opened. `named` are members of the asked resource, under the names that a
/// change of compliance has them, so that one rule can ask both.
fn detail(members: &Members<'_>, invoking: &str, named: &[(&str, Option<String>)]) -> String {
    let mut detail = ObjectText::default();
    for (name, raw) in members
        .iter()
        .filter(|(name, _)| !OPENED.contains(name) && *name != TOKEN)
    {
        detail.raw(name, raw);
    }
    detail.raw("invokingEvent", invoking);
    if let Some(given) = members.text("ruleParameters") {
        let opened = Members::of(&given).is_some();
        detail.maybe_raw("ruleParameters", Some(given.as_str()).filter(|_| opened));
    }
    for (name, value) in named {
        if !members.has(name) {
            detail.maybe(name, value.as_deref());
        }
    }
    detail.finish()
}
