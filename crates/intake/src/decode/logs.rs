//! A CloudWatch Logs subscription's message: one content for each log line.

use super::error::DecodeError;
use super::format::{Kind, Layer};
use super::json::{ObjectText, instant, quoted};
use super::members::Members;
use super::recognise::{self, Shape};
use super::walk::{Draft, Identity, Outer, Walk};

pub(super) fn is(members: &Members<'_>) -> bool {
    let kind = members.text("messageType");
    let kinds = ["DATA_MESSAGE", "CONTROL_MESSAGE"];
    members.has_all(&["logGroup", "logEvents"])
        && kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
}

/// A line that is a JSON content of a known kind (a CloudTrail record, an alert) is that; another is a `Log Event`.
pub(super) fn each(
    walk: &mut Walk<'_>,
    members: &Members<'_>,
    outer: &Outer,
) -> Result<(), DecodeError> {
    let list = members.list("logEvents").unwrap_or_default();
    walk.count(list.len(), outer)?;
    for (index, item) in list.iter().enumerate() {
        let event = Members::of(item).unwrap_or_default();
        let place = outer.step(&format!(".logEvents[{index}]"));
        event.unambiguous(&place.place)?;
        let message = event.document("message", Layer::Logs.word(), &place.place)?;
        let time = event.scalar("timestamp");
        let mut inner = walk
            .enter(outer, Layer::Logs, &format!(".logEvents[{index}].message"))?
            .identified(event.word("id"))
            .sent(time.as_deref());
        inner.account = members.word("owner").or(inner.account);
        let known = Members::of(&message).map(|members| recognise::shape(&members));
        if matches!(known, Some(Shape::Content(_))) || !walk.keeps_unknown() {
            walk.text(&message, &inner)?;
        } else {
            walk.push_all(vec![line(members, &event, &message)], &inner)?;
        }
    }
    Ok(())
}

/// A line that is nothing but a line.
fn line(group: &Members<'_>, event: &Members<'_>, message: &str) -> Draft {
    let mut detail = ObjectText::default();
    for name in [
        "messageType",
        "owner",
        "logGroup",
        "logStream",
        "subscriptionFilters",
    ] {
        detail.maybe_raw(name, group.raw(name));
    }
    for name in ["id", "timestamp"] {
        detail.maybe_raw(name, event.raw(name));
    }
    let is_object = Members::of(message).is_some();
    detail.raw(
        "message",
        &if is_object {
            message.to_owned()
        } else {
            quoted(message)
        },
    );
    let mut draft = Draft::new(Kind::LogEvent, "aws.logs", "Log Event", detail.finish());
    if let Some(id) = event.word("id") {
        let stream = |name: &str| group.text(name).unwrap_or_default();
        draft.identity = Identity::Own(vec![
            stream("owner"),
            stream("logGroup"),
            stream("logStream"),
            id,
        ]);
    }
    draft.time = event.scalar("timestamp").and_then(|text| instant(&text));
    draft
}
