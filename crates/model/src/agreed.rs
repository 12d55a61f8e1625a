//! The plan that a run is bound to, as the run keeps it: which steps may follow each other, and the calls that each may
//! make. Plain data; who makes it and who compares with it is no matter here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The beginning of every way through a plan, as the source of an edge.
pub const START: u32 = u32::MAX - 1;
/// The end of a way, as the target of an edge.
pub const END: u32 = u32::MAX;

/// A plan that was agreed to, as far as it concerns one run and the runs below it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgreedPlan {
    /// The plan's hash.
    pub hash: String,
    /// The preview that it is of.
    pub preview: Uuid,
    /// Which of the plan's runs this one is; empty for the first.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// Its steps, and those of the runs below it.
    #[serde(default)]
    pub steps: Vec<AgreedStep>,
    /// Which step may follow which, from [`START`] to [`END`].
    #[serde(default)]
    pub edges: Vec<(u32, u32)>,
}

/// One step of a plan that was agreed to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AgreedStep {
    /// Its number in the plan.
    pub node: u32,
    /// The run that it is of, see [`AgreedPlan::run`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// The step's name.
    pub step: String,
    /// The pass of the loop around it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iteration: Option<u32>,
    /// Whether it is a loop of which one pass stands for all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub open: bool,
    /// The calls that change something, or may, in their order: service, operation, parameters, region and role, with
    /// marks in the places of values that only the run knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Value>,
}

impl AgreedPlan {
    /// The step with this number.
    #[must_use]
    pub fn step(&self, node: u32) -> Option<&AgreedStep> {
        let at = self.steps.binary_search_by_key(&node, |step| step.node);
        at.ok().and_then(|at| self.steps.get(at))
    }

    /// The steps of this very run that may come next after `node`, whatever the runs below it do in between.
    #[must_use]
    pub fn following(&self, node: u32) -> Vec<u32> {
        let own = |step: &AgreedStep| step.run == self.run;
        self.reached(&self.arrows(), node, &own)
    }

    /// The part of the plan for a run below this one.
    #[must_use]
    pub fn under(&self, run: &str) -> Self {
        let inside = |step: &AgreedStep| {
            let rest = step.run.strip_prefix(run);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let steps: Vec<AgreedStep> = self.steps.iter().filter(|s| inside(s)).cloned().collect();
        let arrows = self.arrows();
        let sources = steps.iter().map(|step| step.node).chain([START]);
        let edges = sources.flat_map(|from| {
            let to = self.reached(&arrows, from, &inside);
            to.into_iter().map(move |to| (from, to))
        });
        Self {
            hash: self.hash.clone(),
            preview: self.preview,
            run: run.to_owned(),
            edges: edges.collect(),
            steps,
        }
    }

    /// The plan for a run below this one that it has nothing for: no step of it is agreed to.
    #[must_use]
    pub fn nothing(&self, run: &str) -> Self {
        Self {
            hash: self.hash.clone(),
            preview: self.preview,
            run: run.to_owned(),
            ..Self::default()
        }
    }

    fn arrows(&self) -> BTreeMap<u32, Vec<u32>> {
        let mut arrows: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (from, to) in &self.edges {
            arrows.entry(*from).or_default().push(*to);
        }
        arrows
    }

    /// The first of these steps on each way that leads away from `from`; [`END`] is left out.
    fn reached(
        &self,
        arrows: &BTreeMap<u32, Vec<u32>>,
        from: u32,
        wanted: &dyn Fn(&AgreedStep) -> bool,
    ) -> Vec<u32> {
        let mut found = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = arrows.get(&from).cloned().unwrap_or_default();
        while let Some(node) = open.pop() {
            if node == END || !seen.insert(node) {
                continue;
            }
            if self.step(node).is_some_and(wanted) {
                found.insert(node);
            } else {
                open.extend(arrows.get(&node).into_iter().flatten());
            }
        }
        found.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(node: u32, run: &str) -> AgreedStep {
        AgreedStep {
            node,
            run: run.to_owned(),
            ..AgreedStep::default()
        }
    }

    /// Two children between the first and the last step of a run, the second with a child of its own.
    fn plan() -> AgreedPlan {
        AgreedPlan {
            steps: vec![
                step(0, ""),
                step(1, "/a"),
                step(2, "/b"),
                step(3, "/b/c"),
                step(4, "/b"),
                step(5, ""),
            ],
            edges: vec![(START, 0), (0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, END)],
            ..AgreedPlan::default()
        }
    }

    #[test]
    fn a_run_sees_its_own_steps_only() {
        let plan = plan();
        assert_eq!(plan.following(START), [0]);
        assert_eq!(plan.following(0), [5]);
        assert_eq!(plan.following(5), Vec::<u32>::new());
    }

    #[test]
    fn a_child_gets_what_is_below_it() {
        let child = plan().under("/b");
        let nodes: Vec<u32> = child.steps.iter().map(|step| step.node).collect();
        assert_eq!(nodes, [2, 3, 4]);
        assert_eq!(child.following(START), [2]);
        assert_eq!(child.following(2), [4]);
        let below = child.under("/b/c");
        assert_eq!(
            (below.following(START), below.following(3)),
            (vec![3], vec![])
        );
        assert!(plan().under("/bc").steps.is_empty());
    }
}
