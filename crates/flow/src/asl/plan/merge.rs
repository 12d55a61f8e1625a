//! Steps that show the same and lead on alike are one: what a walk repeats with other values that nobody sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::automation::preview::plan::PlanStep;

/// How often classes are split before the steps are left as they are.
const MOST_SPLITS: usize = 200;
/// Most failures that are named as what leads to one step.
const MOST_REASONS: usize = 3;

type Edges = BTreeSet<(u32, u32)>;

/// Makes one of steps that no way can tell apart. All ways stay: each leads over steps that show the same as before.
pub(super) fn merged(steps: Vec<PlanStep>, edges: Edges) -> (Vec<PlanStep>, Edges) {
    let Some(classes) = classes(&steps, &edges) else {
        return (steps, edges);
    };
    let mut places: BTreeMap<usize, u32> = BTreeMap::new();
    let mut made: Vec<PlanStep> = Vec::new();
    let mut to: BTreeMap<u32, u32> = BTreeMap::new();
    for (step, class) in steps.into_iter().zip(classes) {
        let next = u32::try_from(made.len()).unwrap_or(u32::MAX);
        let place = *places.entry(class).or_insert(next);
        to.insert(step.node, place);
        let kept = usize::try_from(place).ok().and_then(|at| made.get_mut(at));
        match kept {
            Some(kept) => kept.when = either(kept.when.take(), step.when),
            None => made.push(PlanStep {
                node: place,
                ..step
            }),
        }
    }
    let at = |node: u32| to.get(&node).copied().unwrap_or(node);
    let edges = edges.into_iter().map(|(a, b)| (at(a), at(b))).collect();
    (made, edges)
}

/// Whether two steps are one state, shown with several values: names are unique in a machine. Items and started machines
/// have states of the same names, which are others.
pub(super) fn one_state(one: &PlanStep, other: &PlanStep) -> bool {
    let alone = |step: &PlanStep| step.depth == 0 && step.iteration.is_none();
    one.step == other.step && alone(one) && alone(other)
}

/// What leads to a step that two ways lead to.
fn either(one: Option<String>, two: Option<String>) -> Option<String> {
    let (one, two) = (one?, two?);
    let told = one.split(", or ").count();
    if told >= MOST_REASONS || one.split(", or ").any(|reason| reason == two) {
        return Some(one);
    }
    Some(format!("{one}, or {two}"))
}

/// The class of each step: same text, and next ones of the same classes. `None` where all differ.
fn classes(steps: &[PlanStep], edges: &Edges) -> Option<Vec<usize>> {
    let texts = steps.iter().map(|step| {
        let bare = PlanStep {
            node: 0,
            when: None,
            ..step.clone()
        };
        json!(bare).to_string()
    });
    let mut classes = numbered(texts);
    let mut count = distinct(&classes);
    let mut next: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (from, to) in edges {
        next.entry(*from).or_default().push(*to);
    }
    for _ in 0..MOST_SPLITS {
        if count == steps.len() {
            return None;
        }
        let of: BTreeMap<u32, usize> = steps
            .iter()
            .map(|step| step.node)
            .zip(classes.iter().copied())
            .collect();
        let split = steps.iter().zip(&classes).map(|(step, class)| {
            let next = next.get(&step.node).into_iter().flatten();
            let next: BTreeSet<Result<usize, u32>> = next
                .map(|node| of.get(node).copied().ok_or(*node))
                .collect();
            (*class, next)
        });
        classes = numbered(split);
        let now = distinct(&classes);
        if now == count {
            return Some(classes);
        }
        count = now;
    }
    None
}

fn numbered<T: Ord>(all: impl Iterator<Item = T>) -> Vec<usize> {
    let mut numbers: BTreeMap<T, usize> = BTreeMap::new();
    all.map(|one| {
        let next = numbers.len();
        *numbers.entry(one).or_insert(next)
    })
    .collect()
}

fn distinct(classes: &[usize]) -> usize {
    classes.iter().collect::<BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(node: u32, name: &str) -> PlanStep {
        PlanStep {
            node,
            step: name.to_owned(),
            ..PlanStep::default()
        }
    }

    #[test]
    fn steps_that_no_way_can_tell_apart_are_one() {
        // A leads to B and to a second B; both end. A third B leads elsewhere.
        let steps = vec![
            step(0, "A"),
            step(1, "B"),
            step(2, "B"),
            step(3, "B"),
            step(4, "C"),
        ];
        let end = u32::MAX;
        let edges = [(0, 1), (0, 2), (0, 3), (1, end), (2, end), (3, 4), (4, end)];
        let (steps, edges) = merged(steps, edges.into_iter().collect());
        let names: Vec<(u32, &str)> = steps.iter().map(|it| (it.node, it.step.as_str())).collect();
        assert_eq!(names, [(0, "A"), (1, "B"), (2, "B"), (3, "C")]);
        let expected = [(0, 1), (0, 2), (1, end), (2, 3), (3, end)];
        assert_eq!(edges, expected.into_iter().collect());
    }

    #[test]
    fn what_leads_to_one_step_is_told_of_both() {
        let when = |text: &str| Some(text.to_owned());
        assert_eq!(either(when("a"), None), None);
        assert_eq!(either(when("a"), when("a")), when("a"));
        assert_eq!(either(when("a"), when("b")), when("a, or b"));
        assert_eq!(
            either(when("a, or b, or c"), when("d")),
            when("a, or b, or c")
        );
    }
}
