//! EventBridge events with their own envelope, from API destinations, queues and topics.

use uuid::Uuid;

use super::error::Problem;
use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::walk::{Draft, Drafts, Identity, Outer};

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["detail-type", "source", "detail"])
}

/// The event as it is: its detail to the letter, its id kept when it is a UUID.
pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::EventBridge.word();
    let source = members.need("source", format, &outer.place)?;
    let detail_type = members.need("detail-type", format, &outer.place)?;
    let Some(detail) = members.raw("detail") else {
        let field = "detail".to_owned();
        return Err(Problem::Missing { field, format }.at(&outer.place));
    };
    if !detail.starts_with('{') {
        let (field, wanted) = ("detail".to_owned(), "an object");
        return Err(Problem::Wrong { field, wanted }.at(&outer.place));
    }
    let mut draft = Draft::new(Kind::EventBridge, &source, &detail_type, detail.to_owned());
    if let Some(id) = members.word("id") {
        draft.identity = match Uuid::parse_str(&id) {
            Ok(id) => Identity::Event(id),
            Err(_) => {
                draft.notes.push(
                    "the event's id is no UUID; it was given one that is made of it".to_owned(),
                );
                Identity::Own(vec![source, id])
            }
        };
    }
    let time = members.text("time");
    draft.time = time.as_deref().and_then(instant);
    if time.is_some() && draft.time.is_none() {
        draft
            .notes
            .push("the event's time could not be read".to_owned());
    }
    draft.account = members.word("account");
    draft.region = members.word("region");
    draft.resources = members.strings("resources", 1000);
    Ok(vec![draft])
}
