//! Alertmanager's webhook (version 4) and Grafana's, which is the same with more members: one event for each alert.

use super::error::{DecodeError, Problem};
use super::format::Kind;
use super::json::{ObjectText, instant, is_never};
use super::members::Members;
use super::uniform::{Severity, Status, Uniform};
use super::walk::{Draft, Drafts, Identity, Outer};

/// Members of the notification that every alert is given. Common labels and annotations are in the alerts already.
const GROUP: [&str; 10] = [
    "version",
    "groupKey",
    "truncatedAlerts",
    "receiver",
    "status",
    "groupLabels",
    "externalURL",
    "orgId",
    "state",
    "title",
];

pub(super) fn is(members: &Members<'_>) -> bool {
    members.has_all(&["alerts", "status", "receiver"])
        && members
            .raw("alerts")
            .is_some_and(|raw| raw.starts_with('['))
}

pub(super) fn is_grafana(members: &Members<'_>) -> bool {
    is(members) && members.has("orgId")
}

pub(super) fn drafts(kind: Kind, members: &Members<'_>, outer: &Outer) -> Drafts {
    let Some(alerts) = members.list("alerts") else {
        let (field, format) = ("alerts".to_owned(), kind.word());
        return Err(match members.has("alerts") {
            true => Problem::Wrong {
                field,
                wanted: "a list",
            },
            false => Problem::Missing { field, format },
        }
        .at(&outer.place));
    };
    let mut group = ObjectText::default();
    for name in GROUP {
        group.maybe_raw(name, members.raw(name));
    }
    let notification = Notification {
        kind,
        truncated: members.count("truncatedAlerts").unwrap_or(0),
        group: group.finish(),
        status: members.text("status"),
    };
    if alerts.is_empty() {
        return Ok(vec![notification.without_alerts(members)]);
    }
    let mut drafts = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        drafts.push(notification.alert(alert, &outer.step(&format!(".alerts[{index}]")))?);
    }
    Ok(drafts)
}

/// What all alerts of a message share.
struct Notification {
    kind: Kind,
    truncated: u64,
    group: String,
    status: Option<String>,
}

impl Notification {
    fn source(&self) -> &'static str {
        self.kind.word()
    }

    fn alert(&self, text: &str, outer: &Outer) -> Result<Draft, DecodeError> {
        let Some(alert) = Members::of(text) else {
            let (field, wanted) = ("alerts".to_owned(), "a list of objects");
            return Err(Problem::Wrong { field, wanted }.at(&outer.place));
        };
        alert.unambiguous(&outer.place)?;
        let labels = alert.object("labels").unwrap_or_default();
        labels.unambiguous(&outer.step(".labels").place)?;
        let annotations = alert.object("annotations").unwrap_or_default();
        let ends = alert
            .text("endsAt")
            .and_then(|text| instant(&text))
            .filter(|at| !is_never(*at));
        let starts = alert
            .text("startsAt")
            .and_then(|text| instant(&text))
            .filter(|at| !is_never(*at));
        let status = alert.word("status").or_else(|| self.status.clone());
        let resolved = status.as_deref() == Some("resolved");
        let key = alert
            .word("fingerprint")
            .unwrap_or_else(|| label_key(&labels));
        let uniform = Uniform {
            title: annotations
                .word("summary")
                .or_else(|| labels.word("alertname")),
            severity: labels
                .word("severity")
                .and_then(|word| Severity::of_word(&word)),
            status: Some(if resolved {
                Status::Closed
            } else {
                Status::Open
            }),
            key: Some(key.clone()),
            truncated: Some(self.truncated),
        };
        let mut detail = uniform.detail(&alert, &["notification"]);
        detail.raw("notification", &self.group);
        let name = if self.kind == Kind::Grafana {
            "Grafana Alert"
        } else {
            "Alertmanager Alert"
        };
        let mut draft = Draft::new(self.kind, self.source(), name, detail.finish());
        draft.identity = Identity::Own(vec![
            key,
            status.unwrap_or_default(),
            alert.text("startsAt").unwrap_or_default(),
            alert
                .text("endsAt")
                .filter(|_| resolved)
                .unwrap_or_default(),
        ]);
        draft.time = if resolved { ends.or(starts) } else { starts };
        self.note_truncation(&mut draft);
        Ok(draft)
    }

    /// A message that holds no alert is still shown.
    fn without_alerts(&self, members: &Members<'_>) -> Draft {
        let uniform = Uniform {
            title: members.word("title"),
            truncated: Some(self.truncated),
            ..Uniform::default()
        };
        let detail = uniform.detail(members, &[]).finish();
        let mut draft = Draft::new(
            self.kind,
            self.source(),
            "Notification Without Alerts",
            detail,
        );
        self.note_truncation(&mut draft);
        draft
    }

    fn note_truncation(&self, draft: &mut Draft) {
        if self.truncated > 0 {
            draft.notes.push(format!(
                "the sender left out {} alerts of this notification (`truncatedAlerts`); raise its `max_alerts`",
                self.truncated
            ));
        }
    }
}

/// A key for an alert without a fingerprint: its labels, in order.
fn label_key(labels: &Members<'_>) -> String {
    let mut pairs: Vec<(&str, &str)> = labels.iter().collect();
    pairs.sort_unstable();
    let parts: Vec<&str> = pairs
        .into_iter()
        .flat_map(|(name, raw)| [name, raw])
        .collect();
    model::ids::named(&parts).simple().to_string()
}
