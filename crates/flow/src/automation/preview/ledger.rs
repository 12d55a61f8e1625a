//! What a preview has seen of a run's steps so far: the plan in the making, and the ways that lead through it.
//!
//! The machine writes into it while it plays a run (`machine::rehearse`); what becomes of it is decided in the
//! preview's own machine.

use std::collections::{BTreeMap, BTreeSet};

use model::agreed::{END, START};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::plan::{Impact, PlanStep, PlannedCall};

/// Most steps of a plan, those of all ways and children together.
pub(crate) const MOST_STEPS: usize = 2_000;
/// How often one way may come back to a step.
const MOST_ROUNDS: usize = 20;
/// How often a step is shown for ways that bring different values to it.
const MOST_VARIANTS: usize = 12;

/// The plan in the making.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// Steps in the order in which they were reached.
    pub(crate) steps: Vec<PlanStep>,
    /// Which step follows which, from [`START`] to [`END`].
    pub(crate) edges: BTreeSet<(u32, u32)>,
    /// Steps by run, position and pass of a loop.
    visited: BTreeMap<String, Vec<Visit>>,
    /// Steps whose failure is followed.
    #[serde(default)]
    failing: BTreeSet<u32>,
    /// The way that is being followed.
    pub(crate) trail: Trail,
    /// Whether something was left out for its size.
    pub(crate) cut: bool,
    /// Number of ways begun so far.
    ways: u32,
    /// Whether the present step fails on this way, whatever it is.
    #[serde(skip)]
    pub(crate) fails: bool,
    /// The state with which the way arrived at the step that begins.
    #[serde(skip)]
    pub(crate) arrived: Option<String>,
    /// What stopped the run that is being played.
    #[serde(skip)]
    pub(crate) halt: Option<Halt>,
}

/// Where a step was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Visit {
    node: u32,
    /// Digest of what counts of the run's state from there on.
    state: String,
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
    /// What its next step depends on.
    #[serde(default)]
    when: Option<String>,
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
    /// Whether a way that arrives at this step goes on: not where the step has been shown with the same state.
    pub(crate) fn enter(&mut self, key: &str, state: &str) -> bool {
        let full = self.steps.len() >= MOST_STEPS;
        let visits = self.visited.get(key).map_or(&[][..], Vec::as_slice);
        let passed: BTreeSet<u32> = self.trail.nodes.values().copied().collect();
        let (own, others): (Vec<&Visit>, Vec<&Visit>) = visits
            .iter()
            .partition(|visit| passed.contains(&visit.node));
        let same = others.iter().find(|visit| visit.state == state);
        // Going round by an open branch shows the same again: its other ways are followed anyway.
        let round = own.iter().any(|visit| visit.forks < self.trail.forks);
        let too_often = own.len() >= MOST_ROUNDS || visits.len() >= MOST_ROUNDS + MOST_VARIANTS;
        let last = own.last().or(others.last());
        let joined = match (same, last) {
            (Some(visit), _) => Some(visit.node),
            (None, Some(visit)) if round || too_often => Some(visit.node),
            (None, Some(visit)) if own.is_empty() && others.len() >= MOST_VARIANTS => {
                self.cut = true;
                Some(visit.node)
            }
            _ if full => {
                self.cut = true;
                Some(END)
            }
            _ => None,
        };
        let Some(node) = joined else {
            self.arrived = Some(state.to_owned());
            return true;
        };
        self.arrow(node);
        self.halt = Some(Halt::Joined);
        false
    }

    /// A step begins.
    pub(crate) fn begin(&mut self, (key, state): (String, String), at: Place, step: PlanStep) {
        let node = u32::try_from(self.steps.len()).unwrap_or(END);
        self.arrow(node);
        self.trail.last = Some(node);
        self.trail.nodes.insert(place(at), node);
        self.visited.entry(key).or_default().push(Visit {
            node,
            state,
            forks: self.trail.forks,
        });
        let when = self.trail.when.take();
        self.steps.push(PlanStep { node, when, ..step });
    }

    /// The way leads to this step, or to its end.
    pub(crate) fn arrow(&mut self, to: u32) {
        self.edges.insert((self.trail.last.unwrap_or(START), to));
    }

    /// One pass of a loop has been shown for all: it goes round.
    pub(crate) fn go_round(&mut self, first: &str, at: Place) {
        if let Some(step) = self.step_mut(at) {
            step.open = true;
        }
        let passed = |visit: &&Visit| self.trail.nodes.values().any(|node| *node == visit.node);
        let visits = self.visited.get(first).map_or(&[][..], Vec::as_slice);
        if let Some(visit) = visits.iter().rev().find(passed) {
            let node = visit.node;
            self.arrow(node);
        }
    }

    /// The step of an execution.
    pub(crate) fn step_mut(&mut self, at: Place) -> Option<&mut PlanStep> {
        let node = self.node(at)?;
        self.steps.get_mut(usize::try_from(node).ok()?)
    }

    /// The number of the step of an execution.
    pub(crate) fn node(&self, at: Place) -> Option<u32> {
        self.trail.nodes.get(&place(at)).copied()
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

    /// A new way that begins with the failure of a step; `None` where it is followed already.
    pub(crate) fn turn_off_failing(
        &mut self,
        at: Place,
        (step, leads): (&str, String),
    ) -> Option<Trail> {
        let node = self.node(at)?;
        if !self.failing.insert(node) {
            return None;
        }
        if let Some(step) = self.step_mut(at) {
            step.if_fails = Some(leads);
        }
        self.ways += 1;
        Some(Trail {
            way: self.ways,
            when: Some(format!("if {step} fails")),
            ..self.trail.clone()
        })
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

fn place((run, seq): Place) -> String {
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
