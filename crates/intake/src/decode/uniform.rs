//! The member `signal` that alerts of other tools get beside what they were sent with, so that one rule can ask all of
//! them for severity and status.

use super::json::ObjectText;
use super::members::Members;
use model::text::one_line;

/// The name of the member.
const MEMBER: &str = "signal";

/// A severity by Security Hub's five labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Severity {
    Informational,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The label, and the number between 0 and 100 that Security Hub gives it.
    fn shown(self) -> (&'static str, u8) {
        match self {
            Self::Informational => ("INFORMATIONAL", 0),
            Self::Low => ("LOW", 1),
            Self::Medium => ("MEDIUM", 40),
            Self::High => ("HIGH", 70),
            Self::Critical => ("CRITICAL", 90),
        }
    }

    /// The severity that a tool's word means; `None` for a word that is not one of the usual.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "emergency" | "alert" | "critical" | "crit" | "fatal" | "page" | "p1" => Self::Critical,
            "error" | "err" | "high" | "major" | "p2" => Self::High,
            "warning" | "warn" | "medium" | "moderate" | "minor" | "p3" => Self::Medium,
            "notice" | "low" | "p4" => Self::Low,
            "informational" | "information" | "info" | "debug" | "none" | "p5" => {
                Self::Informational
            }
            _ => return None,
        })
    }

    /// The severity of a score from 0 to 100, by Security Hub's bounds.
    pub(super) fn of_score(score: f64) -> Option<Self> {
        Some(match score {
            _ if !(0.0..=100.0).contains(&score) => return None,
            _ if score >= 90.0 => Self::Critical,
            _ if score >= 70.0 => Self::High,
            _ if score >= 40.0 => Self::Medium,
            _ if score >= 1.0 => Self::Low,
            _ => Self::Informational,
        })
    }
}

/// Whether the thing still is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Open,
    Acknowledged,
    Closed,
}

impl Status {
    /// The status that a tool's word means; `None` for a word that is not one of the usual.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "open" | "firing" | "alerting" | "alarm" | "trigger" | "triggered" | "active"
            | "new" | "problem" => Self::Open,
            "acknowledge" | "acknowledged" | "ack" | "in_progress" => Self::Acknowledged,
            "closed" | "close" | "resolve" | "resolved" | "ok" | "recovery" | "recovered"
            | "archived" => Self::Closed,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }
}

/// What the formats have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Uniform {
    /// In words.
    pub(super) title: Option<String>,
    /// How bad.
    pub(super) severity: Option<Severity>,
    /// Whether it still is.
    pub(super) status: Option<Status>,
    /// The sender's key: the same for all that it says of one thing.
    pub(super) key: Option<String>,
    /// How many alerts the sender left out.
    pub(super) truncated: Option<u64>,
}

impl Uniform {
    /// A detail: the member `signal`, then what was sent to the letter except `without`. A member of that name that was
    /// sent itself is kept within it as `sent`.
    pub(super) fn detail(&self, sent: &Members<'_>, without: &[&str]) -> ObjectText {
        let mut detail = ObjectText::default();
        detail.raw(MEMBER, &self.member(sent.raw(MEMBER)));
        let kept = sent
            .iter()
            .filter(|(name, _)| *name != MEMBER && !without.contains(name));
        for (name, raw) in kept {
            detail.raw(name, raw);
        }
        detail
    }

    fn member(&self, sent: Option<&str>) -> String {
        let mut member = ObjectText::default();
        let title = self.title.as_deref().map(|title| one_line(title, 500));
        member.maybe("title", title.as_deref());
        if let Some((label, score)) = self.severity.map(Severity::shown) {
            member.string("severity", label);
            member.raw("score", &score.to_string());
        }
        member.maybe("status", self.status.map(Status::word));
        member.maybe("key", self.key.as_deref());
        let truncated = self.truncated.filter(|count| *count > 0);
        member.maybe_raw(
            "truncated",
            truncated.map(|count| count.to_string()).as_deref(),
        );
        member.maybe_raw("sent", sent);
        member.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_member_stands_beside_what_was_sent() {
        let uniform = Uniform {
            title: Some("Disk\nfull".to_owned()),
            severity: Severity::of_word("Warning"),
            status: Some(Status::Open),
            truncated: Some(0),
            ..Uniform::default()
        };
        let sent = Members::of(r#"{"secret":"x","n":1.0,"signal":{"severity":"LOW"}}"#).unwrap();
        let detail = uniform.detail(&sent, &["secret"]).finish();
        assert_eq!(
            detail,
            r#"{"signal":{"title":"Disk full","severity":"MEDIUM","score":40,"status":"open","sent":{"severity":"LOW"}},"n":1.0}"#
        );
    }

    #[test]
    fn scores_have_bounds() {
        for (score, severity) in [
            (0.0, Some(Severity::Informational)),
            (1.0, Some(Severity::Low)),
            (69.9, Some(Severity::Medium)),
            (70.0, Some(Severity::High)),
            (100.0, Some(Severity::Critical)),
            (100.1, None),
            (f64::NAN, None),
        ] {
            assert_eq!(Severity::of_score(score), severity, "{score}");
        }
    }
}
