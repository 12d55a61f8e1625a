//! What became of each state in one execution, from the events of its history.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// What became of a state. Where it was entered several times, the gravest counts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It was left as planned.
    Succeeded,
    /// It failed, and a catcher took the error.
    Caught,
    /// The execution ended while it was at work.
    Aborted,
    /// It is at work.
    Running,
    /// It failed, and its block with it.
    Failed,
}

impl Outcome {
    /// One word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Caught => "caught",
            Self::Aborted => "aborted",
            Self::Running => "running",
            Self::Failed => "failed",
        }
    }
}

/// What became of a state, and how often it was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The gravest outcome.
    pub outcome: Outcome,
    /// How often it was entered.
    pub entered: u64,
}

/// The marks of one execution's states, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Marks(BTreeMap<String, Mark>);

/// One visit of a state.
struct Visit {
    name: String,
    outcome: Outcome,
}

impl Marks {
    /// Reads a history, oldest event first, in the shape of `GetExecutionHistory`.
    #[must_use]
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut visits: Vec<Visit> = Vec::new();
        // Which visit an event belongs to: that of the event before it, unless it enters a state.
        let mut visit_of: HashMap<u64, usize> = HashMap::new();
        for event in events {
            let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or(0);
            let kind = event.get("type").and_then(Value::as_str).unwrap_or("");
            let (id, before) = (number("id"), visit_of.get(&number("previousEventId")));
            if kind.starts_with("Execution") {
                end(&mut visits, kind, before.copied());
                continue;
            }
            let name = |details: &str| {
                let name = event.get(details).and_then(|details| details.get("name"));
                name.and_then(Value::as_str).map(str::to_owned)
            };
            if let Some(name) = name("stateEnteredEventDetails") {
                visit_of.insert(id, visits.len());
                let outcome = Outcome::Running;
                visits.push(Visit { name, outcome });
                continue;
            }
            // What leaves a state may come behind the events of threads within it: it is told by name.
            let visit = match name("stateExitedEventDetails") {
                Some(name) => visits
                    .iter()
                    .rposition(|visit| visit.name == name && visit.is_open())
                    .or(before.copied()),
                None => before.copied(),
            };
            let Some(at) = visit else { continue };
            visit_of.insert(id, at);
            if let Some(visit) = visits.get_mut(at) {
                visit.take(kind);
            }
        }
        Self::collect(visits)
    }

    fn collect(visits: Vec<Visit>) -> Self {
        let mut marks: BTreeMap<String, Mark> = BTreeMap::new();
        for visit in visits {
            let mark = marks.entry(visit.name).or_insert(Mark {
                outcome: visit.outcome,
                entered: 0,
            });
            mark.outcome = mark.outcome.max(visit.outcome);
            mark.entered += 1;
        }
        Self(marks)
    }

    /// What became of a state; `None` if it was never entered.
    #[must_use]
    pub fn get(&self, state: &str) -> Option<Mark> {
        self.0.get(state).copied()
    }
}

impl Visit {
    fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Running | Outcome::Failed)
    }

    fn take(&mut self, kind: &str) {
        let fails = ["Failed", "TimedOut"].iter().any(|end| kind.ends_with(end));
        self.outcome = if kind.ends_with("StateExited") {
            match self.outcome {
                Outcome::Failed => Outcome::Caught,
                _ => Outcome::Succeeded,
            }
        } else if fails {
            Outcome::Failed
        } else if kind.ends_with("Aborted") {
            Outcome::Aborted
        } else if self.outcome == Outcome::Failed {
            // A retry: it is at work again.
            Outcome::Running
        } else {
            self.outcome
        };
    }
}

/// The execution ended: what was at work then is not any more.
fn end(visits: &mut [Visit], kind: &str, last: Option<usize>) {
    if kind == "ExecutionStarted" || kind == "ExecutionRedriven" {
        return;
    }
    if kind == "ExecutionFailed"
        && let Some(visit) = last.and_then(|last| visits.get_mut(last))
        && visit.is_open()
    {
        visit.outcome = Outcome::Failed;
    }
    for visit in visits {
        if visit.outcome == Outcome::Running {
            visit.outcome = Outcome::Aborted;
        }
    }
}
