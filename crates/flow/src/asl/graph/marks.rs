//! What became of each state in one execution, from the events of its history.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::blocks_of;
use crate::asl::definition::StateMachine;

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
struct Visit<'a> {
    name: &'a str,
    outcome: Outcome,
}

/// Reads a history.
struct Reader<'a> {
    /// The state around each state that is not on the first level, with that state's word in event types.
    around: HashMap<&'a str, (&'a str, &'static str)>,
    visits: Vec<Visit<'a>>,
    /// Which visit an event belongs to: that of the event before it, unless it enters a state.
    visit_of: HashMap<u64, usize>,
}

impl Marks {
    /// Reads the history of an execution of a machine, oldest event first, in the shape of `GetExecutionHistory`.
    #[must_use]
    pub fn of<'a>(machine: &'a StateMachine, events: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut reader = Reader {
            around: around(machine),
            visits: Vec::new(),
            visit_of: HashMap::new(),
        };
        for event in events {
            reader.event(event);
        }
        Self::collect(reader.visits)
    }

    fn collect(visits: Vec<Visit<'_>>) -> Self {
        let mut marks: BTreeMap<String, Mark> = BTreeMap::new();
        for visit in visits {
            let mark = marks.entry(visit.name.to_owned()).or_insert(Mark {
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

/// The state around each state of an inner block.
fn around(machine: &StateMachine) -> HashMap<&str, (&str, &'static str)> {
    let mut around = HashMap::new();
    for state in machine.blocks.iter().flat_map(|block| &block.states) {
        let inner = blocks_of(state).into_iter();
        for block in inner.filter_map(|number| machine.blocks.get(number)) {
            for within in &block.states {
                let outer = (state.name.as_str(), state.kind.as_str());
                around.insert(within.name.as_str(), outer);
            }
        }
    }
    around
}

impl<'a> Reader<'a> {
    fn event(&mut self, event: &'a Value) {
        let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or(0);
        let name = |details: &str| event.get(details)?.get("name")?.as_str();
        let kind = event.get("type").and_then(Value::as_str).unwrap_or("");
        let before = self.visit_of.get(&number("previousEventId")).copied();
        if kind.starts_with("Execution") {
            return self.execution(kind, before);
        }
        if kind.ends_with("StateAborted") || kind == "MapIterationAborted" {
            // It follows the failure that cut its state off, and does not name that state: the Parallel or Map around
            // them ends at once.
            if let Some(before) = before {
                self.visit_of.insert(number("id"), before);
            }
            return;
        }
        if let Some(name) = name("stateEnteredEventDetails") {
            self.visit_of.insert(number("id"), self.visits.len());
            let outcome = Outcome::Running;
            self.visits.push(Visit { name, outcome });
            return;
        }
        let visit = match name("stateExitedEventDetails") {
            Some(name) => before
                .filter(|before| self.visits.get(*before).is_some_and(|it| it.name == name))
                .or_else(|| self.open_visit(name))
                .or(before),
            None => before.map(|before| self.owner(kind, before)),
        };
        let Some(at) = visit else { return };
        self.visit_of.insert(number("id"), at);
        let failed = kind.ends_with("StateFailed");
        if failed && let Some(before) = before.filter(|before| *before != at) {
            // The last state of the branch that failed.
            self.close(before, Outcome::Failed);
        }
        let Some(visit) = self.visits.get_mut(at) else {
            return;
        };
        visit.take(kind);
        let name = visit.name;
        if failed || kind.ends_with("StateExited") {
            self.abandon(name, at);
        }
    }

    /// Events of a Parallel or a Map itself follow events of states within it.
    fn owner(&self, kind: &str, before: usize) -> usize {
        let name = self.visits.get(before).map_or("", |visit| visit.name);
        let mut outer = self.around.get(name);
        while let Some((name, word)) = outer {
            let own = kind
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with("State"));
            if own && let Some(visit) = self.open_visit(name) {
                return visit;
            }
            outer = self.around.get(name);
        }
        before
    }

    fn open_visit(&self, name: &str) -> Option<usize> {
        let open = |visit: &Visit<'_>| visit.name == name && visit.is_open();
        self.visits.iter().rposition(open)
    }

    /// Sets the outcome of a visit that is at work.
    fn close(&mut self, at: usize, outcome: Outcome) {
        if let Some(visit) = self.visits.get_mut(at)
            && visit.outcome == Outcome::Running
        {
            visit.outcome = outcome;
        }
    }

    /// A Parallel or a Map has ended: what is at work within it is not any more.
    fn abandon(&mut self, name: &str, since: usize) {
        let around = &self.around;
        let is_within = |within: &str| {
            let mut outer = around.get(within);
            while let Some((found, _)) = outer {
                if *found == name {
                    return true;
                }
                outer = around.get(found);
            }
            false
        };
        for visit in self.visits.iter_mut().skip(since + 1) {
            if visit.outcome == Outcome::Running && is_within(visit.name) {
                visit.outcome = Outcome::Aborted;
            }
        }
    }

    /// The execution ended: what was at work then is not any more.
    fn execution(&mut self, kind: &str, last: Option<usize>) {
        if matches!(kind, "ExecutionStarted" | "ExecutionRedriven") {
            return;
        }
        if let Some(last) = last
            && kind == "ExecutionFailed"
        {
            self.close(last, Outcome::Failed);
        }
        for at in 0..self.visits.len() {
            self.close(at, Outcome::Aborted);
        }
    }
}

impl Visit<'_> {
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
