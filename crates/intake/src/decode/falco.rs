//! Falco's alerts, from its HTTP output or Falcosidekick.

use super::error::Problem;
use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::uniform::{Severity, Status, Uniform};
use super::walk::{Draft, Drafts, Identity, Outer};

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["rule", "priority", "output", "time"])
        && members.raw("rule").is_some_and(|raw| raw.starts_with('"'))
}

pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::Falco.word();
    let rule = members.need("rule", format, &outer.place)?;
    let priority = members.need("priority", format, &outer.place)?;
    let moment = members.need("time", format, &outer.place)?;
    let Some(severity) = Severity::of_word(&priority) else {
        let (field, wanted) = (
            "priority".to_owned(),
            "one of Falco's words, `Emergency` to `Debug`",
        );
        return Err(Problem::Wrong { field, wanted }.at(&outer.place));
    };
    let host = members.word("hostname").unwrap_or_default();
    let uniform = Uniform {
        title: Some(rule.clone()),
        severity: Some(severity),
        status: Some(Status::Open),
        key: Some(format!("{rule}@{host}")),
        truncated: None,
    };
    let detail = uniform.detail(members, &[]).finish();
    let mut draft = Draft::new(Kind::Falco, "falco", "Falco Alert", detail);
    draft.identity = Identity::Own(match members.word("uuid") {
        Some(id) => vec!["uuid".to_owned(), id],
        None => vec![
            moment.clone(),
            rule,
            host,
            members.text("output").unwrap_or_default(),
        ],
    });
    draft.time = instant(&moment);
    Ok(vec![draft])
}
