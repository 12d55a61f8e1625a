//! SNS envelopes: what is a notification, and what is left of a confirmation.
//!
//! Whether an envelope is genuine is not asked here; what arrives by HTTPS must have been verified before.

use super::format::Kind;
use super::json::{ObjectText, instant};
use super::members::Members;
use super::walk::{Draft, Drafts, Identity, Outer};
use model::text::one_line;

/// Members by which anyone may confirm or end a subscription: they are not kept.
const CAPABILITIES: [&str; 4] = ["Token", "SubscribeURL", "UnsubscribeURL", "Signature"];

pub(super) fn is_notification(members: &Members<'_>) -> bool {
    let kind = members.text("Type");
    members.has_all(&["Message", "MessageId", "TopicArn"])
        && kind.is_none_or(|kind| kind == "Notification")
}

pub(super) fn is_subscription(members: &Members<'_>) -> bool {
    let kind = members.text("Type");
    let kinds = ["SubscriptionConfirmation", "UnsubscribeConfirmation"];
    members.has_all(&["MessageId", "TopicArn"])
        && kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
}

/// A subject as one line of what SNS allows in length.
pub(super) fn subject(text: &str) -> String {
    one_line(text, 200)
}

/// A confirmation that came by a way that does not answer it, such as a queue.
pub(super) fn subscription(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::Subscription.word();
    let topic = members.need("TopicArn", format, &outer.place)?;
    let id = members.need("MessageId", format, &outer.place)?;
    let kind = members.need("Type", format, &outer.place)?;
    let detail_type = match kind.as_str() {
        "UnsubscribeConfirmation" => "SNS Unsubscribe Confirmation",
        _ => "SNS Subscription Confirmation",
    };
    let mut detail = ObjectText::default();
    for (name, raw) in members
        .iter()
        .filter(|(name, _)| !CAPABILITIES.contains(name))
    {
        detail.raw(name, raw);
    }
    let from = Outer::default().by(Some(topic.clone()));
    let mut draft = Draft::new(Kind::Subscription, "aws.sns", detail_type, detail.finish());
    draft.identity = Identity::Own(vec![topic.clone(), id]);
    draft.time = members.text("Timestamp").and_then(|text| instant(&text));
    (draft.account, draft.region) = (from.account, from.region);
    draft.resources = vec![topic];
    draft
        .notes
        .push("token and addresses of the confirmation were left out".to_owned());
    Ok(vec![draft])
}
