//! The end of a preview: the plan as a whole, its hash, and whether what hangs on it happens.

use std::collections::BTreeMap;

use model::agreed::{AgreedPlan, END};
use serde::{Deserialize, Serialize};

use super::Command;
use super::blast::{self, Resource};
use super::plan::{self, Impact, PlanStep};
use super::state::{Preview, Status};
use crate::automation::input::Context;

/// A finished plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of this record's shape.
    pub v: u16,
    /// Steps of all ways, in the order in which they were reached.
    pub steps: Vec<PlanStep>,
    /// What the planned calls name.
    pub resources: Vec<Resource>,
    /// Accounts that the runs act in.
    pub accounts: Vec<String>,
    /// Regions that the runs act in.
    pub regions: Vec<String>,
    /// Whether nothing was left out for its size.
    pub complete: bool,
    /// What was left out, or why, where that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Which step may follow which.
    #[serde(default)]
    pub edges: Vec<(u32, u32)>,
    /// How the ways end: the run's statuses, and why it would fail.
    pub outcome: String,
}

impl Summary {
    /// How many of the steps have each impact (`StepPreviews`): a step counts once, with the most that it does.
    #[must_use]
    pub fn step_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut impacts: BTreeMap<(&str, &str), Impact> = BTreeMap::new();
        for step in &self.steps {
            let impact = impacts.entry((&step.document, &step.step)).or_default();
            *impact = (*impact).max(step.impact);
        }
        let mut counts = BTreeMap::new();
        for impact in impacts.values() {
            *counts.entry(impact.as_str()).or_insert(0) += 1;
        }
        counts
    }

    /// How many resources of each type the planned calls name (`TargetPreviews`).
    #[must_use]
    pub fn type_counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for resource in &self.resources {
            *counts.entry(resource.resource_type.as_str()).or_insert(0) += 1;
        }
        counts
    }
}

impl Preview {
    /// No way is left.
    pub(super) fn finish(&mut self, cx: &Context, commands: &mut Vec<Command>) {
        let Some(work) = self.work.take() else {
            return;
        };
        let ledger = work.ledger;
        let mut steps = ledger.steps;
        let edges: Vec<(u32, u32)> = ledger.edges.into_iter().collect();
        plan::mark_certain(&mut steps, &edges, END, |_, _| false);
        let mut accounts: Vec<String> = work.places.iter().map(|place| place.0.clone()).collect();
        let mut regions: Vec<String> = work.places.into_iter().map(|place| place.1).collect();
        accounts.dedup();
        regions.sort();
        regions.dedup();
        let resources = blast::resources(&steps, &self.reads);
        let hash = plan::hash(&self.root.what, &steps);
        self.root.status = Status::Success;
        self.root.ended = Some(cx.at);
        let agreed = plan::agreed((&hash, cx.id), &steps, &edges);
        if ledger.cut {
            self.leave_out();
        } else {
            self.judge((&hash, agreed), &steps, commands);
        }
        self.root.hash = Some(hash);
        self.summary = Some(Summary {
            v: 1,
            steps,
            resources,
            accounts,
            regions,
            complete: !ledger.cut,
            left_out: Vec::new(),
            edges,
            outcome: work.outcomes.join(", or "),
        });
    }

    /// Nothing hangs on a plan that leaves something out.
    fn leave_out(&mut self) {
        if let Some(bound) = &self.root.bound {
            let what = bound.then.void();
            self.root.status = Status::Failed;
            self.root.message = Some(format!(
                "the plan is too large to be shown whole, so {what}: split the document, or start it without a plan"
            ));
        }
    }

    /// Whether the plan is the one that was agreed to.
    fn judge(
        &mut self,
        (hash, agreed): (&str, AgreedPlan),
        steps: &[PlanStep],
        commands: &mut Vec<Command>,
    ) {
        let Some(bound) = &self.root.bound else {
            return;
        };
        if bound.hash == hash {
            commands.push(Command::Then(bound.then.clone().along(agreed)));
            return;
        }
        let mut drift = plan::differences(&bound.steps, steps);
        if drift.is_empty() {
            drift.push("the document, or what the run is asked for, is another".to_owned());
        }
        let what = bound.then.void();
        self.root.status = Status::Failed;
        self.root.message = Some(format!(
            "the plan is not the one that was agreed to, so {what}: {}",
            drift.join("; ")
        ));
        self.root.drift = drift;
    }
}
