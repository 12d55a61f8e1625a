//! What a preview has seen of a run's steps so far: the plan in the making, and the ways that lead through it.
//!
//! The machine writes into it while it plays a run (`machine::rehearse`); what becomes of it is decided in the
//! preview's own machine.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::plan::{Impact, PlanStep, PlannedCall};

/// Most steps of a plan, those of all ways and children together.
pub(crate) const MOST_STEPS: usize = 2_000;
/// How often one way may come back to a step.
const MOST_ROUNDS: u32 = 20;
/// The end of a way, as the target of an edge.
pub(crate) const END: u32 = u32::MAX;

/// The plan in the making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Steps in the order in which they were reached.
    pub(crate) steps: Vec<PlanStep>,
    /// Which step follows which; [`END`] is the end of a way.
    pub(crate) edges: BTreeSet<(u32, u32)>,
    /// Steps by run, position and pass of a loop.
    visited: BTreeMap<String, Visit>,
    /// Branches and targets that are followed already.
    asked: BTreeSet<String>,
    /// The way that is being followed.
    pub(crate) trail: Trail,
    /// Whether something was left out for its size.
    pub(crate) cut: bool,
    /// Number of ways begun so far.
    ways: u32,
    /// What stopped the run that is being played.
    #[serde(skip)]
    pub(crate) halt: Option<Halt>,
}

/// Where a step was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Visit {
    node: u32,
    way: u32,
    rounds: u32,
    /// How many open branches the way had passed by then.
    forks: u32,
}

/// One way through the document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// Its number.
    way: u32,
    /// The last step of it.
    last: Option<u32>,
    /// Numbers of the steps of executions, by run and sequence.
    nodes: BTreeMap<String, u32>,
    /// Steps and variables that rest on what the calls planned before them change.
    stale: BTreeSet<String>,
    /// What the calls planned so far name: service and text.
    changed: BTreeSet<(String, String)>,
    /// Open branches that it passed.
    forks: u32,
    /// Whether it is one on which readings that planned calls change have other answers than now.
    otherwise: bool,
}

/// What stops a run while it is played.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Halt {
    /// A branch can go several ways: its targets, the likeliest first.
    Fork(Vec<Option<String>>),
    /// It arrived at a step that another way has shown already.
    Joined,
}

/// An execution of a step.
pub(crate) type Place = (Uuid, u32);

impl Trail {
    /// Its number.
    pub(crate) fn number(&self) -> u32 {
        self.way
    }
}

impl Ledger {
    /// Whether a way that arrives at this step goes on: not where the step has been shown already.
    pub(crate) fn enter(&mut self, key: &str) -> bool {
        let full = self.steps.len() >= MOST_STEPS;
        let known = self.visited.get(key);
        let shown = known.is_some_and(|visit| {
            // Going round by an open branch shows the same again: its other ways are followed anyway.
            let round = visit.forks < self.trail.forks || visit.rounds >= MOST_ROUNDS;
            visit.way != self.trail.way || round
        });
        if !full && !shown {
            return true;
        }
        self.cut |= full && known.is_none();
        match known.map(|visit| visit.node) {
            Some(node) => self.arrow(node),
            None => self.arrow(END),
        }
        self.halt = Some(Halt::Joined);
        false
    }

    /// A step begins.
    pub(crate) fn begin(&mut self, key: String, (run, seq): Place, step: PlanStep) {
        let node = u32::try_from(self.steps.len()).unwrap_or(END);
        self.arrow(node);
        self.trail.last = Some(node);
        self.trail.nodes.insert(place(run, seq), node);
        let first = Visit {
            node,
            way: self.trail.way,
            rounds: 0,
            forks: self.trail.forks,
        };
        let visit = self.visited.entry(key).or_insert(first);
        visit.rounds += 1;
        self.steps.push(PlanStep { node, ..step });
    }

    /// The way leads to this step, or to its end.
    pub(crate) fn arrow(&mut self, to: u32) {
        if let Some(last) = self.trail.last {
            self.edges.insert((last, to));
        }
    }

    /// The step of an execution.
    pub(crate) fn step_mut(&mut self, (run, seq): Place) -> Option<&mut PlanStep> {
        let node = *self.trail.nodes.get(&place(run, seq))?;
        self.steps.get_mut(usize::try_from(node).ok()?)
    }

    /// Says something about a step.
    pub(crate) fn note(&mut self, at: Place, text: impl Into<String>) {
        if let Some(step) = self.step_mut(at) {
            step.note = Some(text.into());
        }
    }

    /// A step's impact is at least this.
    pub(crate) fn impact(&mut self, at: Place, impact: Impact) {
        if let Some(step) = self.step_mut(at) {
            step.impact = step.impact.max(impact);
        }
    }

    /// A call that the run would make.
    pub(crate) fn plan(&mut self, at: Place, call: PlannedCall, params: &Value) {
        self.impact(at, call.impact);
        if call.impact != Impact::NonMutating {
            let service = call.service.clone();
            let changed = &mut self.trail.changed;
            each_leaf(params, &mut |text| {
                changed.insert((service.clone(), text.to_owned()));
            });
        }
        if let Some(step) = self.step_mut(at) {
            step.calls.push(call);
        }
    }

    /// Whether a reading call asks for something that a planned call changes.
    pub(crate) fn touches(&self, service: &str, params: &Value) -> bool {
        let mut touched = false;
        each_leaf(params, &mut |text| {
            let named = |(by, what): &(String, String)| {
                what == text && (by == service || is_distinct(text))
            };
            touched |= self.trail.changed.iter().any(named);
        });
        touched
    }

    /// Whether calls that change something were planned on this way.
    pub(crate) fn changes(&self) -> bool {
        !self.trail.changed.is_empty()
    }

    /// What this names rests on the planned changes.
    pub(crate) fn mark_stale(&mut self, key: String) {
        self.trail.stale.insert(key);
    }

    pub(crate) fn is_stale(&self, key: &str) -> bool {
        self.trail.stale.contains(key)
    }

    /// Whether this is the first time that a branch's target is to be followed.
    pub(crate) fn first_time(&mut self, branch: &str, target: Option<&str>) -> bool {
        self.asked
            .insert(format!("{branch} {}", target.unwrap_or("")))
    }

    /// Whether what rests on planned changes is another on this way than it is now.
    pub(crate) fn is_otherwise(&self) -> bool {
        self.trail.otherwise
    }

    /// An open branch was passed.
    pub(crate) fn pass_fork(&mut self) {
        self.trail.forks += 1;
    }

    /// A new way that leaves the present one where it stands.
    pub(crate) fn turn_off(&mut self) -> Trail {
        self.ways += 1;
        Trail {
            way: self.ways,
            otherwise: true,
            ..self.trail.clone()
        }
    }
}

fn place(run: Uuid, seq: u32) -> String {
    format!("{run}/{seq}")
}

/// Visits texts that may name something. Names of filters name nothing.
fn each_leaf(value: &Value, visit: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) if text.len() >= 3 => visit(text),
        Value::Array(items) => items.iter().for_each(|item| each_leaf(item, visit)),
        Value::Object(map) => {
            let filter = map.contains_key("Values");
            for (key, item) in map {
                if !(filter && key == "Name") {
                    each_leaf(item, visit);
                }
            }
        }
        _ => {}
    }
}

/// Whether a text names one thing wherever it stands, whatever the service.
fn is_distinct(text: &str) -> bool {
    text.len() >= 8 && text.contains(|c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | ':'))
}
