//! Wazuh's alerts, as its integrations send them.

use super::error::Problem;
use super::format::Kind;
use super::json::instant;
use super::members::Members;
use super::uniform::{Severity, Status, Uniform};
use super::walk::{Draft, Drafts, Identity, Outer};

pub(super) fn is(members: &Members<'_>) -> bool {
    let rule = members.object("rule");
    members.has_all(&["id", "timestamp", "rule"])
        && (members.has("agent") || members.has("manager"))
        && rule.is_some_and(|rule| rule.has_all(&["id", "level"]))
}

pub(super) fn drafts(members: &Members<'_>, outer: &Outer) -> Drafts {
    let format = Kind::Wazuh.word();
    let id = members.need("id", format, &outer.place)?;
    let moment = members.need("timestamp", format, &outer.place)?;
    let rule = members.object("rule").unwrap_or_default();
    let place = outer.step(".rule").place;
    rule.unambiguous(&place)?;
    let Some(number) = rule.scalar("id") else {
        let field = "id".to_owned();
        return Err(Problem::Missing { field, format }.at(&place));
    };
    let level = rule
        .scalar("level")
        .and_then(|level| level.parse::<u8>().ok());
    let Some(severity) = level.and_then(severity) else {
        let (field, wanted) = ("level".to_owned(), "a whole number from 0 to 16");
        return Err(Problem::Wrong { field, wanted }.at(&place));
    };
    let agent = members
        .object("agent")
        .unwrap_or_default()
        .scalar("id")
        .unwrap_or_default();
    let manager = members
        .object("manager")
        .unwrap_or_default()
        .text("name")
        .unwrap_or_default();
    let uniform = Uniform {
        title: rule.word("description"),
        severity: Some(severity),
        status: Some(Status::Open),
        key: Some(format!("{number}@{agent}")),
        truncated: None,
    };
    let detail = uniform.detail(members, &[]).finish();
    let mut draft = Draft::new(Kind::Wazuh, "wazuh", "Wazuh Alert", detail);
    draft.identity = Identity::Own(vec![manager, id]);
    draft.time = instant(&moment);
    Ok(vec![draft])
}

/// Wazuh's own bounds: to 6 low, to 11 medium, to 14 high, 15 and up critical. Level 0 is ignored by its rules.
fn severity(level: u8) -> Option<Severity> {
    Some(match level {
        0 => Severity::Informational,
        1..=6 => Severity::Low,
        7..=11 => Severity::Medium,
        12..=14 => Severity::High,
        15..=16 => Severity::Critical,
        _ => return None,
    })
}
